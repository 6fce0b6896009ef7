"""What each schema takes and refuses, by a validator that is not ours."""

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
import pytest

from src.domain.plan import PlanRequest
from src.llm.openrouter.answers import DayAnswer, WeekGoal, parse_item
from src.llm.openrouter.schemas import AnswerShape, days_shape, outline_shape, tasks_shape

REQUEST = PlanRequest(goal="Play the guitar", duration_weeks=3, daily_hours=1, level="intermediate")
SENTENCE = "Play the three chords slowly, and count aloud to four on each of them."

TASK = {"text": SENTENCE, "effort": "light", "category": "practice", "minutes": 20}
DAYS = {"days": [{"day": day, "tasks": [TASK, TASK, TASK]} for day in (5, 6, 7)]}
OUTLINE = {
    "weeks": [
        {"week": week, "goal": f"Chords of part {week}", "focus": ["chords", "rhythm"]}
        for week in (2, 3)
    ]
}
SHAPES = [
    (outline_shape(REQUEST, first_week=2), OUTLINE),
    (days_shape(REQUEST, days=[5, 6, 7]), DAYS),
    (tasks_shape(REQUEST, 2), {"tasks": [TASK, TASK]}),
]
NAMES = [shape.name for shape, _ in SHAPES]


def accepts(schema: Mapping[str, Any], answer: object) -> bool:
    return jsonschema_rs.validator_for(dict(schema)).is_valid(answer)


def objects_in(schema: object) -> Iterator[dict[str, Any]]:
    """Yield every object inside a schema, itself included."""
    if isinstance(schema, dict):
        yield schema
    if isinstance(schema, dict | list):
        for part in schema.values() if isinstance(schema, dict) else schema:
            yield from objects_in(part)


@pytest.mark.parametrize(("shape", "answer"), SHAPES, ids=NAMES)
def test_a_good_answer_fits_both_schemas(shape: AnswerShape, answer: dict[str, Any]) -> None:
    assert accepts(shape.rich, answer)
    assert accepts(shape.plain, answer)
    assert shape.items in answer


def test_what_fits_is_understood() -> None:
    """The schemas and the models that read the answers have the same fields."""
    for week in OUTLINE["weeks"]:
        assert parse_item(week, WeekGoal).model_dump() == week
    for day in DAYS["days"]:
        assert parse_item(day, DayAnswer).model_dump() == day


DAY = DAYS["days"][0]
BROKEN = {
    "a task too few": [DAY | {"tasks": [TASK, TASK]}],
    "a task too many": [DAY | {"tasks": [TASK] * 4}],
    "another day": [DAY | {"day": 4}],
    "another effort": [DAY | {"tasks": [TASK | {"effort": "huge"}, TASK, TASK]}],
    "no minutes": [DAY | {"tasks": [{**TASK, "minutes": None}, TASK, TASK]}],
    "minutes in words": [DAY | {"tasks": [TASK | {"minutes": "20"}, TASK, TASK]}],
    "more than a day": [DAY | {"tasks": [TASK | {"minutes": 65}, TASK, TASK]}],
    "an empty text": [DAY | {"tasks": [TASK | {"text": ""}, TASK, TASK]}],
    "an endless text": [DAY | {"tasks": [TASK | {"text": SENTENCE * 9}, TASK, TASK]}],
    "no day": [],
    "a day twice": [DAY, DAY],
}


@pytest.mark.parametrize("days", BROKEN.values(), ids=BROKEN)
def test_the_rich_schema_refuses_what_breaks_a_rule(days: list[object]) -> None:
    shape = days_shape(REQUEST, days=[5])
    assert accepts(shape.rich, DAYS | {"days": [DAY]})
    assert not accepts(shape.rich, DAYS | {"days": days})


@pytest.mark.parametrize("weeks", [OUTLINE["weeks"][:1], OUTLINE["weeks"][::-1]])
def test_the_rich_schema_names_the_weeks_in_order(weeks: list[object]) -> None:
    assert not accepts(outline_shape(REQUEST, first_week=2).rich, {"weeks": weeks})


def test_chinese_says_a_task_in_fewer_characters() -> None:
    """A server that enforces the schema would stretch it."""
    task = TASK | {"text": "慢慢弹奏三个和弦, 每个和弦大声数四拍。"}
    chinese = REQUEST.model_copy(update={"goal": "学会弹吉他"})
    assert accepts(tasks_shape(chinese, 1).rich, {"tasks": [task]})
    assert not accepts(tasks_shape(REQUEST, 1).rich, {"tasks": [task]})


@pytest.mark.parametrize(("shape", "_answer"), SHAPES, ids=NAMES)
def test_the_plain_schema_has_only_words_that_every_server_takes(
    shape: AnswerShape, _answer: object
) -> None:
    """Types, vocabulary, and that all fields and no others are there."""
    for part in objects_in(shape.plain):
        if "type" in part:
            assert part.keys() <= {
                "type",
                "properties",
                "required",
                "additionalProperties",
                "items",
                "enum",
            }
        if "properties" in part:
            assert part["additionalProperties"] is False
            assert part["required"] == list(part["properties"])


def test_both_schemas_ask_for_the_same_fields_in_the_same_order() -> None:
    shape = outline_shape(REQUEST, first_week=1)
    first = shape.rich["properties"]["weeks"]["prefixItems"][0]
    week = shape.plain["properties"]["weeks"]["items"]
    assert list(first["properties"]) == list(week["properties"]) == ["week", "goal", "focus"]
