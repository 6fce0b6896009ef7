"""Conversions between values and rows that both databases share."""

from typing import Any

from pydantic import ValidationError

from src.domain.errors import StoreMisconfiguredError
from src.domain.generation import PART_KINDS, PlannedPart, StoredPart
from src.domain.plan import NewRoadmap


def parse_part(kind: str, part: object) -> PlannedPart:
    """Return a stored part as a value.

    Raises:
        StoreMisconfiguredError: another version of this service stored it in another shape.
    """
    try:
        return PART_KINDS[kind].model_validate(part)
    except (KeyError, ValidationError):
        # Without the error's text, which quotes a learner's plan.
        raise StoreMisconfiguredError("a stored part has an unknown shape") from None


def parse_stored_part(number: int, kind: str, part: object) -> StoredPart:
    """Return a stored part and its number; see `parse_part`."""
    return StoredPart(number=number, part=parse_part(kind, part))


def task_rows(roadmap: NewRoadmap, roadmap_id: int) -> list[dict[str, Any]]:
    """Return a row of `roadmap_tasks` for every task, open, and without its id and times."""
    return [
        {
            "roadmap_id": roadmap_id,
            "week_number": week.week_number,
            "weekly_goal": week.goal,
            "day_number": day.day_number,
            "position": position,
            "task_text": task.text,
            "effort": task.effort,
            "category": task.category,
            "estimated_minutes": task.estimated_minutes,
        }
        for week in roadmap.weeks
        for day in week.days
        for position, task in enumerate(day.tasks, start=1)
    ]
