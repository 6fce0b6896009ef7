"""The examples in the OpenAPI document: requests that can be executed, and their responses."""

from typing import Any, NamedTuple

from src.routers.dependencies import EXAMPLE_USER


class EventStreamExample(NamedTuple):
    """An event stream: the names of its events, and an excerpt."""

    names: tuple[str, ...]
    excerpt: str


ROADMAP = {
    "roadmap_id": 1,
    "user_id": EXAMPLE_USER,
    "description": "Learn Python for data science",
    "level": "intermediate",
    "duration_weeks": 12,
    "daily_hours": 2,
    "is_active": True,
    "created_at": "2026-01-26T10:30:00Z",
}

GENERATE_ROADMAP = {
    "user_id": EXAMPLE_USER,
    "goal": "Learn Python for data science",
    "duration_weeks": 12,
    "daily_hours": 2,
    "level": "intermediate",
}

READY = {"status": "ready", "database": "ok", "schema": "ok", "planner": "openrouter"}

TASK = {
    "id": "0b9f6f0e-6a52-4c3b-9f0e-2f6f1f0f8a11",
    "roadmap_id": 1,
    "week_number": 1,
    "weekly_goal": "Get set up and meet the basics of Python for data science",
    "day_number": 1,
    "task_text": "Read the first chapter of an introduction and note five terms.",
    "effort": "light",
    "category": "reading",
    "estimated_minutes": 25,
    "completed": True,
    "completed_at": "2026-01-26T18:05:00Z",
    "created_at": "2026-01-26T10:30:00Z",
    "due_date": "2026-01-26",
}

WEEK = {
    "week_number": 1,
    "weekly_goal": TASK["weekly_goal"],
    "total_tasks": 28,
    "completed_tasks": 7,
    "progress": 25,
}

WEEK_DETAIL = {
    "week_number": 1,
    "weekly_goal": TASK["weekly_goal"],
    "progress": 0,
    "days": {"1": [TASK]},
}

TASK_UPDATE = {"task_id": TASK["id"], "completed": True}

ASK_ASSISTANT = {
    "user_id": EXAMPLE_USER,
    "roadmap_id": 1,
    "input_data": "How do I practice the concepts from Week 2?",
    "week_number": 2,
}

ASSISTANT_ANSWER = {
    "response": "Based on your Week 2 tasks, start with the exercises of day 1.",
    "sources": [],
}

SUCCESS = {"success": True}

GENERATION_EVENTS = EventStreamExample(
    ("outline", "day", "week", "saved", "problem"),
    """\
event: day
data: {"week_number":1,"weekly_goal":"…","day":{"day_number":1,"tasks":[{"text":"…","effort":\
"light","category":"reading","estimated_minutes":25}]}}
id: 1

event: outline
data: {"weeks":[{"week_number":1,"goal":"…","focus":["…"]}]}
id: 2

event: saved
data: {"roadmap_id":1,"user_id":"…","description":"…"}
id: 30
""",
)

GENERATION_STATUS = {
    "generation_id": "3f6c1d52-7d0b-4d55-9a53-0c5a3d8d7b10",
    "state": "running",
    "weeks_done": 3,
    "weeks_total": 12,
    "started_at": "2026-01-26T10:29:40Z",
    "finished_at": None,
    "resume_at": None,
    "roadmap": None,
    "problem": None,
    "usage": {
        "model": "openai/gpt-4o-mini",
        "calls": 9,
        "priced_calls": 7,
        "retries": 0,
        "prompt_tokens": 3100,
        "completion_tokens": 5200,
        "cost_dollars": 0.0036,
    },
}

ANSWER_EVENTS = EventStreamExample(
    ("token", "answer", "problem"),
    """\
event: token
data: "Start with "

event: answer
data: {"response":"Start with the exercises of day 1.","sources":[]}
""",
)

PREFER_PARAMETER: dict[str, Any] = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "`respond-async` returns 202 at once (RFC 7240). Other preferences are ignored.",
    # Not `respond-async`: people who try the example want to see a roadmap.
    "examples": {"wait as usual": {"value": "wait=60"}},
}

ACCEPTED: dict[str, Any] = {
    "description": "Accepted, with `Prefer: respond-async`",
    "content": {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/GenerationStatus"},
            "example": GENERATION_STATUS,
        }
    },
    "headers": {
        "Location": {"description": "The URL of the generation.", "schema": {"type": "string"}},
        "Preference-Applied": {"description": "`respond-async`", "schema": {"type": "string"}},
    },
}


def ok_response(
    value: object, headers: dict[str, str] | None = None, events: EventStreamExample | None = None
) -> dict[int | str, dict[str, Any]]:
    """Return the description of a 200 response with an example.

    `headers` maps their names to what they mean. `events` is the stream that a client gets instead
    if it accepts `text/event-stream`.
    """
    described = {
        name: {"description": meaning, "schema": {"type": "string"}}
        for name, meaning in (headers or {}).items()
    }
    content: dict[str, Any] = {"application/json": {"example": value}}
    if events is not None:
        content |= event_stream_content(events)
    return {200: {"content": content, "headers": described}}


def event_stream_content(events: EventStreamExample) -> dict[str, Any]:
    """Return the description of the content of a response that is an event stream."""
    # OpenAPI 3.2 describes a stream by the schema of one event; FastAPI does so, too.
    event = {
        "type": "object",
        "required": ["event", "data"],
        "properties": {
            "event": {"type": "string", "enum": list(events.names)},
            "data": {"type": "string", "contentMediaType": "application/json"},
            "id": {"type": "string"},
        },
    }
    return {"text/event-stream": {"itemSchema": event, "example": events.excerpt}}
