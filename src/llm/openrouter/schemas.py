"""The JSON that each question to the model asks for, as JSON Schema."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from src.domain.plan import PlanRequest
from src.llm.openrouter.answers import OutlineAnswer, TasksAnswer, WeekAnswer


@dataclass(frozen=True)
class AnswerShape:
    """The JSON object that is wanted.

    `items` is the field that holds the list of items. `rich` is a schema with all rules in it;
    `plain` is one with the types of fields alone, for servers that reject some words of `rich`.
    """

    name: str
    items: str
    rich: Mapping[str, Any]
    plain: Mapping[str, Any]


def outline_shape(request: PlanRequest, first_week: int) -> AnswerShape:  # noqa: ARG001
    """Return the shape of an outline from `first_week` to the request's last week."""
    schema = OutlineAnswer.model_json_schema()
    return AnswerShape("outline", "weeks", schema, schema)


def days_shape(request: PlanRequest, week_number: int, days: Sequence[int]) -> AnswerShape:  # noqa: ARG001
    """Return the shape of some days of one week."""
    schema = WeekAnswer.model_json_schema()
    return AnswerShape("week", "days", schema, schema)


def tasks_shape(count: int) -> AnswerShape:  # noqa: ARG001
    """Return the shape of so many tasks."""
    schema = TasksAnswer.model_json_schema()
    return AnswerShape("tasks", "tasks", schema, schema)
