"""What a store returns, and what is worked out from it."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from src.domain.plan import ModelUsage
from src.domain.vocabulary import Hours, UtcTime, Value


class Roadmap(Value):
    """A stored roadmap without its tasks: the eight fields that every client relies on.

    `level` is text rather than the vocabulary, since rows that older code wrote stay readable.
    """

    roadmap_id: int
    user_id: UUID
    description: str
    level: str
    duration_weeks: int
    daily_hours: Hours
    is_active: bool
    created_at: UtcTime


class GenerationFigures(ModelUsage):
    """What a generation took. Times are in seconds from the request on."""

    first_day_seconds: float
    total_seconds: float


class SavedRoadmap(Roadmap):
    """A roadmap that was just stored, and what that took."""

    generation: GenerationFigures


class Task(Value):
    """A stored task. `completed_at` is UTC, and None until the task is completed."""

    id: str
    roadmap_id: int
    week_number: int
    weekly_goal: str
    day_number: int
    task_text: str
    effort: str
    category: str
    completed: bool
    completed_at: UtcTime | None
    created_at: UtcTime


class WeekTotals(Value):
    """How much of a week is done, counted in tasks."""

    week_number: int
    weekly_goal: str
    total_tasks: int
    completed_tasks: int


class WeekProgress(WeekTotals):
    """A week's totals and its progress in whole percent, 100 only when every task is done."""

    progress: Annotated[int, Field(ge=0, le=100)]


class WeekDetail(Value):
    """A week with its tasks under their day's number, which JSON writes as a string."""

    week_number: int
    weekly_goal: str
    progress: Annotated[int, Field(ge=0, le=100)]
    days: dict[int, list[Task]]


class Source(Value):
    """A page that a web search cited."""

    title: str
    url: str


class AssistantAnswer(Value):
    """The assistant's answer, as plain text without links; `sources` has what it cites."""

    response: str
    sources: tuple[Source, ...] = ()
