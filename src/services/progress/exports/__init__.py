"""A roadmap as a file to take along."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class ExportedTask:
    """A task with its date. `date_changes` counts how often the date has changed.

    `minutes` is None for tasks without an estimate, `completed_at` for tasks that are not done.
    """

    id: str
    week_number: int
    weekly_goal: str
    day_number: int
    due: date
    text: str
    minutes: int | None
    effort: str
    category: str
    completed_at: datetime | None
    created_at: datetime
    date_changes: int
