"""The vocabulary, the bounds and the values that every layer speaks of.

Three groups: what a plan is made of, what a store returns, and what goes over HTTP.
"""

import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    StringConstraints,
)

Level = Literal["beginner", "intermediate", "advanced"]
Effort = Literal["light", "medium", "deep"]
Category = Literal["reading", "coding", "revision", "practice"]

DAYS_PER_WEEK = 7
MAX_WEEKS = 52
MAX_GOAL_LENGTH = 2_000
MAX_QUESTION_LENGTH = 4_000
MAX_TASK_LENGTH = 500
MAX_WEEKLY_GOAL_LENGTH = 300
MAX_ID = 2**63 - 1
"""The largest PostgreSQL `bigint`, which is also SQLite's largest integer."""


def _json_number(value: object) -> object:
    """Refuse what pydantic would turn into a number, though JSON has another name for it."""
    if isinstance(value, bool | str):
        raise ValueError("must be a number")  # noqa: TRY004  pydantic expects a ValueError
    return value


def _visible_text(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not contain the character U+0000")
    # Letters, marks, numbers, punctuation and symbols can be seen; zero-width ones and blanks not.
    if not any(unicodedata.category(character)[0] in "LMNPS" for character in value):
        raise ValueError("must contain visible text")
    return value


_VISIBLE_TEXT = r"^[^\u0000]*[\p{L}\p{M}\p{N}\p{P}\p{S}][^\u0000]*$"
_SHOWN = Field(json_schema_extra={"pattern": _VISIBLE_TEXT})
"""The rule of `_visible_text` as JSON Schema has it, for clients."""


def _lower_case(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _whole_when_whole(value: float) -> int | float:
    return int(value) if value.is_integer() else value


Goal = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_GOAL_LENGTH),
    AfterValidator(_visible_text),
    _SHOWN,
]
Question = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_QUESTION_LENGTH),
    AfterValidator(_visible_text),
    _SHOWN,
]
# Bounds stand next to their type: after a validator, JSON Schema would not know their names.
WeekCount = Annotated[int, Field(ge=1, le=MAX_WEEKS), BeforeValidator(_json_number)]
DayNumber = Annotated[int, Field(ge=1, le=DAYS_PER_WEEK), BeforeValidator(_json_number)]
WholeOrHalf = Annotated[
    float,
    PlainSerializer(_whole_when_whole, return_type=int | float, when_used="json"),
    Field(json_schema_extra={"type": "number"}),
]
"""Hours: leaves as the JSON number that came in, `2` and not `2.0`."""
DailyHours = Annotated[
    WholeOrHalf,
    Field(ge=0.5, le=8, multiple_of=0.5, allow_inf_nan=False),
    BeforeValidator(_json_number),
]
RoadmapId = Annotated[int, Field(ge=1, le=MAX_ID), BeforeValidator(_json_number)]


def _in_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


UtcTime = Annotated[datetime, AfterValidator(_in_utc)]
"""A moment, whatever zone the database tells it in; one without a zone is taken for UTC."""


class Value(BaseModel):
    """What all values here share: they never change."""

    model_config = ConfigDict(frozen=True)


# --- What a plan is made of -----------------------------------------------------------------


class PlanRequest(Value):
    """What a learner wants: all that a planner gets to know of them."""

    goal: Goal
    duration_weeks: WeekCount
    daily_hours: DailyHours
    level: Annotated[Level, BeforeValidator(_lower_case)]


class PlannedTask(Value):
    """One thing to do, as plain text on one line."""

    text: str
    effort: Effort
    category: Category


class PlannedDay(Value):
    """A day's tasks, in the order in which they are to be done."""

    day_number: int
    tasks: tuple[PlannedTask, ...]


class WeekOutline(Value):
    """A week before its days are known."""

    week_number: int
    goal: str
    focus: tuple[str, ...]


class Outline(Value):
    """Every week's goal, in order, from week 1."""

    weeks: tuple[WeekOutline, ...]


class PlannedWeek(Value):
    """A complete week: seven days, in order."""

    week_number: int
    goal: str
    days: tuple[PlannedDay, ...]


class DayReady(Value):
    """A day that is complete, told before the rest of its week is."""

    week_number: int
    weekly_goal: str
    day: PlannedDay


class ModelUsage(Value):
    """What a generation asked of the model. Without a model all numbers are zero.

    `cost_dollars` is as the provider reports it, None where it reports none; `priced_calls` are the
    calls of which it did. `retries` are calls that repeated another.
    """

    model: str
    calls: int = 0
    priced_calls: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_dollars: float | None = None

    def plus(self, later: "ModelUsage") -> "ModelUsage":
        """Return both together, under the later one's model."""
        costs = [use.cost_dollars for use in (self, later) if use.cost_dollars is not None]
        return ModelUsage(
            model=later.model,
            calls=self.calls + later.calls,
            priced_calls=self.priced_calls + later.priced_calls,
            retries=self.retries + later.retries,
            prompt_tokens=self.prompt_tokens + later.prompt_tokens,
            completion_tokens=self.completion_tokens + later.completion_tokens,
            cost_dollars=sum(costs) if costs else None,
        )


class NewRoadmap(Value):
    """A complete plan and its owner, ready to be stored under a generation's lease."""

    lease_id: UUID
    user_id: UUID
    request: PlanRequest
    weeks: tuple[PlannedWeek, ...]


# --- What a store returns -------------------------------------------------------------------


class Roadmap(Value):
    """A stored roadmap without its tasks: the eight fields that every client relies on.

    `level` is text rather than the vocabulary, since rows that older code wrote stay readable.
    """

    roadmap_id: int
    user_id: UUID
    description: str
    level: str
    duration_weeks: int
    daily_hours: WholeOrHalf
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


# --- What goes over HTTP --------------------------------------------------------------------


class GenerateRoadmap(PlanRequest):
    """The body of `POST /generate_roadmap`."""

    user_id: UUID

    def wish(self) -> PlanRequest:
        """Return what a planner gets to know: everything but the person."""
        return PlanRequest.model_validate(self.model_dump(exclude={"user_id"}))


class GenerationStatus(Value):
    """How a generation goes: one of `roadmap` and `problem` is there once it has finished."""

    generation_id: UUID
    state: Literal["running", "succeeded", "failed", "cancelled"]
    weeks_done: int
    weeks_total: int
    started_at: UtcTime
    finished_at: UtcTime | None
    roadmap: "SavedRoadmap | None"
    problem: "Problem | None"
    usage: ModelUsage


class TaskUpdate(Value):
    """The body of `POST /task/update`. With `user_id`, only that user's task is updated."""

    task_id: Annotated[str, Field(min_length=1, max_length=64)]
    completed: StrictBool
    user_id: UUID | None = None


class AskAssistant(Value):
    """The body of `POST /ask-assistant`. A day without a week means that day of every week."""

    user_id: UUID
    roadmap_id: RoadmapId
    input_data: Question
    week_number: WeekCount | None = None
    day_number: DayNumber | None = None


class RoadmapTasks(Value):
    """All tasks of a roadmap, by week, day and position in the day."""

    tasks: list[Task]


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


class Success(Value):
    """The answer to a change that went through."""

    success: Literal[True] = True


class Health(Value):
    """The answer of a live process."""

    status: Literal["ok"] = "ok"


class FieldError(Value):
    """One field that failed validation, by its path in the request."""

    field: str
    message: str


class Problem(Value):
    """A problem document (RFC 9457), as `application/problem+json`."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[FieldError] | None = None
