"""The items of a model's answers: tolerant of their form, strict about what they say."""

import re
from collections.abc import Mapping
from typing import Annotated, TypeVar

import json_repair
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    model_validator,
)

from src.domain.errors import ModelOutputError
from src.domain.plan_rules import MAX_FOCUS_TOPICS
from src.domain.vocabulary import MAX_MINUTES, MINUTES_STEP, Category, Effort
from src.llm.openrouter.item_reader import DAY_NUMBERS, TEXTS, WEEK_NUMBERS, field_name

CATEGORY_SYNONYMS: dict[Category, str] = {
    "reading": "read study studying theory watching research",
    "coding": "code programming building project development implementation",
    "revision": "review reviewing revise revising recap",
    "practice": "exercise exercises practise practising practicing practical",
}
EFFORT_SYNONYMS: dict[Effort, str] = {
    "light": "easy low small",
    "medium": "moderate normal average",
    "deep": "hard high heavy intense intensive difficult",
}
MINUTES = ("minutes", "estimated_minutes", "duration_minutes", "duration", "time")
FIELD_NAMES = {
    "week": WEEK_NUMBERS,
    "day": DAY_NUMBERS,
    "text": TEXTS,
    "minutes": MINUTES,
}
"""The names that a field may have, if it may have several; the first that is there counts."""

_STATED_MINUTES = re.compile(
    r"\s*(\d{1,4}(?:\.\d{1,4})?)\s*(?:m|min|mins|minutes?)?\.?\s*", re.IGNORECASE
)

MAX_NUMBER = 999
"""Far above the number of any week or day."""

MAX_JSON_LENGTH = 100_000
"""In characters, of a string that is read as JSON once more; an answer has fewer."""


class Answer(BaseModel):
    """A part of a model's answer."""

    model_config = ConfigDict(extra="ignore")  # models add fields that nobody asked for

    @model_validator(mode="before")
    @classmethod
    def _read_fields(cls, value: object) -> object:
        """Find each field by any of its names; one that is missing is None."""
        value = _decode(value)
        if not isinstance(value, dict):
            return value
        named = {field_name(key): field for key, field in value.items()}
        return {
            field: next(
                (named[name] for name in FIELD_NAMES.get(field, (field,)) if name in named), None
            )
            for field in cls.model_fields
        }


A = TypeVar("A", bound=Answer)


def _decode(value: object) -> object:
    """Return what a string of JSON contains, or the value itself."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        return json_repair.loads(value[:MAX_JSON_LENGTH])
    return value


def _read_number(value: object) -> object:
    """Return the digits of a text like `Week 1` or `3rd`, if it has one number."""
    if isinstance(value, str) and any(map(str.isalpha, value)):
        numbers = re.findall(r"\d+(?:\.\d+)?", value)
        return numbers[0] if len(numbers) == 1 else value
    return value


def _require_small(number: int | None) -> int | None:
    if number is not None and abs(number) > MAX_NUMBER:
        raise ValueError("no week or day has this number")
    return number


def _read_minutes(value: object) -> int | None:
    """Return minutes in steps of 5; None for anything else, which must not cost the task."""
    if isinstance(value, str):
        stated = _STATED_MINUTES.fullmatch(value)
        value = float(stated[1]) if stated else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 1 <= value <= MAX_MINUTES:
        return None
    return max(1, round(value / MINUTES_STEP)) * MINUTES_STEP


def _read_topics(value: object) -> object:
    """Return the topics of a text that separates them, at most as many as a week may have."""
    value = re.split(r"[,;|\n]", value) if isinstance(value, str) else value
    if not isinstance(value, list):
        return value or []
    topics = [topic.strip() if isinstance(topic, str) else topic for topic in value]
    return [topic for topic in topics if topic != ""][:MAX_FOCUS_TOPICS]


def _read_tasks(value: object) -> object:
    """Return the tasks of an object that numbers them, or is the only one."""
    value = _decode(value)
    if isinstance(value, dict):
        is_task = not {field_name(key) for key in value}.isdisjoint(TEXTS)
        return [value] if is_task else list(value.values())
    return value


def _replace_synonym(synonyms: Mapping[str, str]) -> BeforeValidator:
    meanings = {word: meaning for meaning, words in synonyms.items() for word in words.split()}
    meanings |= {meaning: meaning for meaning in synonyms}

    def replace(value: object) -> object:
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, str):
            return value
        words = re.findall(r"\w+", value.lower())
        found = {meanings[word] for word in words if word in meanings}
        # "light to medium" and "code review" could mean either.
        return found.pop() if len(found) == 1 else value

    return BeforeValidator(replace)


_Number = Annotated[int | None, BeforeValidator(_read_number), AfterValidator(_require_small)]
_Minutes = Annotated[int | None, BeforeValidator(_read_minutes)]


class WeekGoal(Answer):
    """An outline's entry; without a number, its place in the order counts."""

    week: _Number
    goal: str
    focus: Annotated[list[str], BeforeValidator(_read_topics)]


class TaskAnswer(Answer):
    """A task."""

    text: str
    effort: Annotated[Effort, _replace_synonym(EFFORT_SYNONYMS)]
    category: Annotated[Category, _replace_synonym(CATEGORY_SYNONYMS)]
    minutes: _Minutes


class DayAnswer(Answer):
    """A day with its tasks, in order; these are not validated yet."""

    day: _Number
    tasks: Annotated[list[object], BeforeValidator(_read_tasks)]


def parse_item(item: object, model: type[A]) -> A:
    """Return an item of an answer as its model.

    Raises:
        ModelOutputError: it is not valid; the message names each fault without its value.
    """
    try:
        return model.model_validate(item)
    except ValidationError as error:
        faults = (
            f"{'.'.join(map(str, fault['loc'])) or 'The item'}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise ModelOutputError("; ".join(faults)) from None
