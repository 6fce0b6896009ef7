"""What a store returns, and what is computed from it."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field

from src.domain.plan import ModelUsage
from src.domain.vocabulary import Hours, UtcTime, Value


class Roadmap(Value):
    """A stored roadmap without its tasks: the eight fields that every client relies on.

    `level` is plain text, so that rows from older code stay readable.
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
    """What a generation used. Times are in seconds since the request."""

    first_day_seconds: float
    total_seconds: float


class SavedRoadmap(Roadmap):
    """A stored roadmap and what its generation used."""

    generation: GenerationFigures


class Task(Value):
    """A stored task. `completed_at` is in UTC, or None if the task is not completed.

    `estimated_minutes` says how long it takes, in multiples of 5; None in rows of older code.
    `due_date` is None as long as neither a schedule nor the learner has set one.
    """

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
    estimated_minutes: int | None = None
    due_date: date | None = None


class RoadmapWithTasks(Value):
    """A stored roadmap and all its tasks in order."""

    roadmap: Roadmap
    tasks: list[Task]


class WeekProgress(Value):
    """A week's totals and its progress in whole percent: 100 only when every task is done."""

    week_number: int
    weekly_goal: str
    total_tasks: int
    completed_tasks: int
    progress: Annotated[int, Field(ge=0, le=100)]


class WeekDetail(Value):
    """A week with its tasks by day number. JSON writes the day numbers as strings."""

    week_number: int
    weekly_goal: str
    progress: Annotated[int, Field(ge=0, le=100)]
    days: dict[int, list[Task]]


class Source(Value):
    """A page that a web search found and the answer cites."""

    title: str
    url: str


class AssistantAnswer(Value):
    """The assistant's answer as plain text without links; `sources` lists what it cites."""

    response: str
    sources: tuple[Source, ...] = ()
