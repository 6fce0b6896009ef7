"""The examples of progress, schedules and exports in the OpenAPI document."""

from typing import Any

from src.routers.dependencies import EXAMPLE_USER
from src.routers.examples import TASK

_TOTALS = {
    "total_tasks": 336,
    "completed_tasks": 84,
    "total_minutes": 10_080,
    "completed_minutes": 2_450,
    "progress": 25,
}

_STREAK = {
    "current": {"count": 9, "start": "2026-02-06", "end": "2026-02-16"},
    "longest": {"count": 12, "start": "2026-01-20", "end": "2026-02-02"},
    "bridged": ["2026-02-08", "2026-02-12"],
}

SUMMARY: dict[str, Any] = {
    "roadmap_id": 1,
    "as_of": "2026-02-16",
    "state": "on_track",
    **_TOTALS,
    "streak": _STREAK,
    "pace": {
        "tasks_per_day_7": 3.57,
        "tasks_per_day_28": 3,
        "minutes_per_day_7": 104.29,
        "minutes_per_day_28": 87.5,
    },
    "expected_tasks": 88,
    "days_behind": 1,
    "cushion_minutes": 60,
    "safe_days": 0,
    "planned_end": "2026-04-19",
    "forecast": {"earliest": "2026-04-30", "latest": "2026-05-14"},
}

PROGRESS = SUMMARY | {
    "weeks": [
        {
            "week_number": 1,
            "total_tasks": 28,
            "completed_tasks": 28,
            "total_minutes": 840,
            "completed_minutes": 840,
            "progress": 100,
        }
    ],
    "by_category": {"reading": _TOTALS},
    "by_effort": {"light": _TOTALS},
    "completions": [{"date": "2026-02-16", "tasks": 4, "minutes": 115}],
}

DASHBOARD = {
    "as_of": "2026-02-16",
    "streak": _STREAK,
    "today": [TASK | {"completed": False, "completed_at": None, "due_date": "2026-02-16"}],
    "roadmaps": [SUMMARY],
}

NEW_SCHEDULE = {
    "user_id": EXAMPLE_USER,
    "strategy": "as_planned",
    "days_off": ["sunday", "2026-12-24/2026-12-31"],
    "tz": "Europe/Berlin",
}

SCHEDULED = {
    "roadmap_id": 1,
    "dry_run": True,
    "moves": [{"task_id": TASK["id"], "from": "2026-02-01", "to": "2026-02-02"}],
    "cushion_minutes": {"before": -180, "after": 0},
    "end": {"before": "2026-04-19", "after": "2026-05-03"},
}

TASK_MOVE = {
    "user_id": EXAMPLE_USER,
    "task_id": TASK["id"],
    "due_date": "2026-12-01",
}

MOVED_TASK = TASK | {"due_date": "2026-12-01"}

OF_USER = {"user_id": EXAMPLE_USER}

NEW_FEED = {"user_id": EXAMPLE_USER, "tz": "Europe/Berlin", "alarm": 18}

FEED_TOKEN = "q0m3vGmB0mKZp7wq2zTq1m5s9k3l0cXo4d2yYF8hG1A"  # noqa: S105  of no feed

CALENDAR_ADDRESS = {"path": f"/calendar/{FEED_TOKEN}.ics"}

CALENDAR = """\
BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//Momentum-AI//Roadmap//EN\r
BEGIN:VEVENT\r
UID:task-0b9f6f0e-6a52-4c3b-9f0e-2f6f1f0f8a11@momentum-ai\r
DTSTART;VALUE=DATE:20260126\r
SUMMARY:Read the first chapter of an introduction and note five terms.\r
SEQUENCE:0\r
END:VEVENT\r
END:VCALENDAR\r
"""

TABLE = """\
week,weekly_goal,day,due_date,task,estimated_minutes,effort,category,completed_at\r
1,Get set up,1,2026-01-26,Read the first chapter.,25,light,reading,\r
"""

CHECK_LIST = """\
# Learn Python for data science

## Week 1: Get set up

### Day 1, 2026-01-26

- [ ] Read the first chapter. (25 min)
"""

PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 228" role="img">…</svg>'

ETAG_HEADER = {
    "ETag": "Changes with the answer. Send it as `If-None-Match`: an unchanged answer is a 304."
}
DATES_ETAG_HEADER = {
    "ETag": "Stands for the dates of the roadmap, not for its completed tasks. Send it as"
    " `If-Match` to apply a schedule."
}


def file_response(
    examples: dict[str, str], headers: dict[str, str] | None = None
) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of a file, with an example for each of its media types."""
    content = {
        media_type: {"schema": {"type": "string"}, "example": example}
        for media_type, example in examples.items()
    }
    described = {
        name: {"description": meaning, "schema": {"type": "string"}}
        for name, meaning in (ETAG_HEADER | (headers or {})).items()
    }
    return {200: {"content": content, "headers": described}}


NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "The answer is still the one with the ETag in `If-None-Match`."}
}
