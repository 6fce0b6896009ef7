"""The JSON that each question to the model asks for, as JSON Schema."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, get_args
from unicodedata import east_asian_width

from src.domain.plan import PlanRequest
from src.domain.plan_rules import tasks_for_day
from src.domain.vocabulary import MINUTES_STEP, Category, Effort

Schema: TypeAlias = dict[str, Any]

RULE_WORDS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum"})
"""What servers reject that take only the types of fields: Groq, Cerebras, Anthropic and others."""

# In characters. A server that enforces the schema cuts a text at its most, so that lies well above
# what the prompts ask for.
MAX_TEXT_LENGTH = 240
MAX_GOAL_LENGTH = 200
MAX_TOPIC_LENGTH = 60

MIN_TEXT_LENGTH = 40
"""In characters: seven words. Small models repeat the goal as every task if they may be shorter."""

MIN_WIDE_TEXT_LENGTH = 12
"""The same in Chinese, Japanese or Korean, whose characters say more."""

MIN_GOAL_LENGTH = 8

TOPICS_PER_WEEK = (2, 3)


@dataclass(frozen=True)
class AnswerShape:
    """The JSON object that is wanted.

    `items` is the field that holds the list of items. `rich` is a schema with all rules in it;
    `plain` is one with the types of fields alone, for servers that reject some words of `rich`.
    """

    name: str
    items: str
    rich: Mapping[str, Any]

    @property
    def plain(self) -> Mapping[str, Any]:
        """The same without the rules."""
        plain: Schema = _without_rules(self.rich)
        return plain


def outline_shape(request: PlanRequest, first_week: int) -> AnswerShape:
    """Return the shape of an outline from `first_week` to the request's last week."""
    weeks = [
        _object(
            week={"type": "integer", "const": number},
            goal=_text(MIN_GOAL_LENGTH, MAX_GOAL_LENGTH),
            focus=_list(_text(2, MAX_TOPIC_LENGTH), *TOPICS_PER_WEEK),
        )
        for number in range(first_week, request.duration_weeks + 1)
    ]
    return AnswerShape("outline", "weeks", _object(weeks=_tuple(weeks)))


def days_shape(request: PlanRequest, days: Sequence[int]) -> AnswerShape:
    """Return the shape of some days of one week."""
    count = tasks_for_day(request.level, request.daily_hours)
    tasks = _list(_task(request), count, count)
    shapes = [_object(day={"type": "integer", "const": day}, tasks=tasks) for day in days]
    return AnswerShape("week", "days", _object(days=_tuple(shapes)))


def tasks_shape(request: PlanRequest, count: int) -> AnswerShape:
    """Return the shape of so many tasks."""
    return AnswerShape("tasks", "tasks", _object(tasks=_list(_task(request), count, count)))


def _task(request: PlanRequest) -> Schema:
    is_wide = any(east_asian_width(character) in "WF" for character in request.goal)
    shortest = MIN_WIDE_TEXT_LENGTH if is_wide else MIN_TEXT_LENGTH
    return _object(
        text=_text(shortest, MAX_TEXT_LENGTH),
        effort=_word(Effort),
        category=_word(Category),
        # Without `multipleOf`, one more word that a server may not know: they are rounded anyway.
        minutes={
            "type": "integer",
            "minimum": MINUTES_STEP,
            "maximum": round(request.daily_hours * 60),
        },
    )


def _object(**properties: Schema) -> Schema:
    # Models write the properties in this order.
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: Schema, fewest: int, most: int) -> Schema:
    return {"type": "array", "items": items, "minItems": fewest, "maxItems": most}


def _tuple(items: Sequence[Schema]) -> Schema:
    """Return a list with exactly these items, in order.

    llama.cpp reads `items` before `prefixItems`, so the number of items says that none follows.
    """
    return {
        "type": "array",
        "prefixItems": items,
        "minItems": len(items),
        "maxItems": len(items),
    }


def _text(fewest: int, most: int) -> Schema:
    return {"type": "string", "minLength": fewest, "maxLength": most}


def _word(words: object) -> Schema:
    return {"type": "string", "enum": list(get_args(words))}


def _without_rules(schema: Any) -> Any:  # noqa: ANN401  a schema, or what stands in one
    """Return a schema without the rules, whose words some servers reject."""
    if isinstance(schema, list):
        return [_without_rules(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {}
    for word, value in schema.items():
        if word == "prefixItems":
            plain["items"] = _without_rules(value[0])
        elif word not in RULE_WORDS and word != "const":
            plain[word] = _without_rules(value)
    return plain
