"""The rules that every plan satisfies, whichever planner made it."""

import unicodedata
from collections.abc import Iterator

from src.domain.plan import Outline, PlannedDay, PlannedTask, PlanRequest
from src.domain.vocabulary import MAX_TASK_LENGTH, MAX_WEEKLY_GOAL_LENGTH, Level

TASKS_PER_DAY: dict[Level, tuple[int, int]] = {
    "beginner": (2, 3),
    "intermediate": (3, 5),
    "advanced": (4, 6),
}
"""The minimum and maximum number of tasks per day, by level (a product rule)."""

MAX_FOCUS_TOPICS = 6
MAX_FOCUS_LENGTH = 120
"""Focus topics only guide the planning of a week, so a few words each are enough."""

LONG_DAY_HOURS = 4.0
"""With this many daily hours or more, a day has its level's maximum number of tasks."""


def tasks_for_day(level: Level, daily_hours: float) -> int:
    """Return how many tasks a day gets: the level's minimum up to 1 hour, its maximum from 4."""
    fewest, most = TASKS_PER_DAY[level]
    share = min(max((daily_hours - 1) / (LONG_DAY_HOURS - 1), 0), 1)
    return fewest + round(share * (most - fewest))


def same_text_key(text: str) -> str:
    """Return a key that is equal for texts that read the same to a person."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(".!")


def outline_violations(outline: Outline, request: PlanRequest) -> list[str]:
    """Return one sentence per rule that an outline breaks; empty if it is valid."""
    expected = list(range(1, request.duration_weeks + 1))
    violations = []
    if [week.week_number for week in outline.weeks] != expected:
        violations.append(f"The weeks must be numbered 1 to {request.duration_weeks}, in order.")
    for week in outline.weeks:
        violations += _text_violations(
            week.goal, MAX_WEEKLY_GOAL_LENGTH, f"The goal of week {week.week_number}"
        )
        if len(week.focus) > MAX_FOCUS_TOPICS:
            violations.append(f"Week {week.week_number} has over {MAX_FOCUS_TOPICS} focus topics.")
        for topic in week.focus[:MAX_FOCUS_TOPICS]:
            violations += _text_violations(
                topic, MAX_FOCUS_LENGTH, f"A focus topic of week {week.week_number}"
            )
    goals = [same_text_key(week.goal) for week in outline.weeks]
    if len(set(goals)) < len(goals):
        violations.append("Every week needs a goal of its own; some goals repeat.")
    return violations


def day_violations(day: PlannedDay, request: PlanRequest) -> list[str]:
    """Return one sentence per rule that a single day breaks; empty if it is valid.

    Days that older releases planned have no minutes.
    """
    fewest, most = TASKS_PER_DAY[request.level]
    violations = []
    if not fewest <= len(day.tasks) <= most:
        violations.append(
            f"Day {day.day_number} has {len(day.tasks)} tasks; it needs {fewest} to {most}."
        )
    for position, task in enumerate(day.tasks, start=1):
        name = f"Task {position} of day {day.day_number}"
        violations += task_violations(task, name)
        if task.estimated_minutes is None:
            violations.append(f"{name} has no minutes.")
    return violations


def task_violations(task: PlannedTask, name: str = "A task") -> list[str]:
    """Return one sentence per rule that a task breaks in itself; empty if it is valid.

    Its minutes are a matter of its day.
    """
    return list(_text_violations(task.text, MAX_TASK_LENGTH, name))


def _text_violations(text: str, longest: int, name: str) -> Iterator[str]:
    if not text.strip():
        yield f"{name} is empty."
    if len(text) > longest:
        yield f"{name} is longer than {longest} characters."
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        yield f"{name} must be one line of plain text."
