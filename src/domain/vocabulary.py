"""The vocabulary, the bounds and the field types that every layer uses."""

import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
)

Level = Literal["beginner", "intermediate", "advanced"]
Effort = Literal["light", "medium", "deep"]
Category = Literal["reading", "coding", "revision", "practice"]

DAYS_PER_WEEK = 7
MAX_WEEKS = 52

# In characters. The first two bound what learners write, the others what planners write.
MAX_GOAL_LENGTH = 2_000
MAX_QUESTION_LENGTH = 4_000
MAX_TASK_LENGTH = 500
MAX_WEEKLY_GOAL_LENGTH = 300

MAX_ID = 2**63 - 1
"""The largest `bigint` of PostgreSQL and the largest integer of SQLite."""


def _require_number(value: object) -> object:
    """Refuse booleans and strings, which pydantic would otherwise convert to numbers."""
    if isinstance(value, bool | str):
        raise ValueError("must be a number")  # noqa: TRY004  pydantic expects a ValueError
    return value


def has_visible_text(text: str) -> bool:
    """Whether a text has a letter, mark, number, punctuation or symbol; zero-width is invisible."""
    return any(unicodedata.category(character)[0] in "LMNPS" for character in text)


def shortened(text: str, longest: int) -> str:
    """Return a text, cut to so many characters if it is longer; its end then says so."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def _require_visible_text(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not contain the character U+0000")
    if not has_visible_text(value):
        raise ValueError("must contain visible text")
    return value


# The same rule twice: for us, and in JSON Schema for clients.
_VISIBLE = AfterValidator(_require_visible_text)
_VISIBLE_SCHEMA = Field(
    json_schema_extra={"pattern": r"^[^\u0000]*[\p{L}\p{M}\p{N}\p{P}\p{S}][^\u0000]*$"}
)
_TRIMMED = StringConstraints(strip_whitespace=True, min_length=1)


CaseInsensitiveLevel = Annotated[
    Level, BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)
]


def _to_int_if_whole(value: float) -> int | float:
    return int(value) if value.is_integer() else value


Goal = Annotated[str, _TRIMMED, Field(max_length=MAX_GOAL_LENGTH), _VISIBLE, _VISIBLE_SCHEMA]
Question = Annotated[
    str, _TRIMMED, Field(max_length=MAX_QUESTION_LENGTH), _VISIBLE, _VISIBLE_SCHEMA
]

# Bounds stand next to their type: after a validator, JSON Schema would lose their names.
WeekCount = Annotated[int, Field(ge=1, le=MAX_WEEKS), BeforeValidator(_require_number)]

DayNumber = Annotated[int, Field(ge=1, le=DAYS_PER_WEEK), BeforeValidator(_require_number)]

Hours = Annotated[
    float,
    PlainSerializer(_to_int_if_whole, return_type=int | float, when_used="json"),
    Field(json_schema_extra={"type": "number"}),
]
"""JSON shows whole hours as they were sent: `2`, not `2.0`."""

DailyHours = Annotated[
    Hours,
    Field(ge=0.5, le=8, multiple_of=0.5, allow_inf_nan=False),
    BeforeValidator(_require_number),
]

MINUTES_STEP = 5
MAX_MINUTES = 8 * 60
"""A task takes at most a whole day, of which a learner gives at most eight hours."""

Minutes = Annotated[int, Field(ge=MINUTES_STEP, le=MAX_MINUTES, multiple_of=MINUTES_STEP)]
"""How long a task takes, in whole minutes."""

RoadmapId = Annotated[int, Field(ge=1, le=MAX_ID), BeforeValidator(_require_number)]


def _to_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


UtcTime = Annotated[datetime, AfterValidator(_to_utc)]
"""A time, converted to UTC; one without a time zone is taken as UTC."""


class Value(BaseModel):
    """Base of all values: they are immutable."""

    model_config = ConfigDict(frozen=True)
