"""Reading what a model answered."""

import asyncio
import json
from typing import Any

import pytest

from src.domain.errors import ModelOutputError
from src.llm.openrouter.answers import DayAnswer, TaskAnswer, WeekGoal, parse_item
from src.llm.openrouter.item_reader import ItemReader
from src.llm.openrouter.repeats import TaskRegistry

ODD = 'a {brace} and a "quote" '
DAYS: list[dict[str, Any]] = [
    {"day_number": n, "tasks": [{"text": f"{ODD}{n}"}] * 2} for n in (1, 2, 3)
]
TEXT = json.dumps({"week_number": 1, "days": DAYS})


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_items_come_as_soon_as_they_are_complete(size: int) -> None:
    """Each item arrives with the piece that completes it, whatever the size of the pieces."""
    reader = ItemReader("days")
    arrived: list[tuple[int, object]] = []
    for start in range(0, len(TEXT), size):
        arrived += [(start + size, item) for item in reader.feed(TEXT[start : start + size])]
    assert await reader.finish() == []
    assert [item for _, item in arrived] == DAYS
    for number, (position, _) in enumerate(arrived, start=1):
        end = len(json.dumps({"week_number": 1, "days": DAYS[:number]})) - 2
        assert position - size < end <= position


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"ok": True, "response": {"plan": {"days": DAYS}}}),
        json.dumps([{"days": [day]} for day in DAYS]),
        "\n".join(map(json.dumps, DAYS)),
        f"[Here] are {{3}} days:\n```json\n{json.dumps(DAYS, indent=2)}\n```",
        json.dumps({"days": {"day_1": DAYS[0], "day_2": DAYS[1], "day_3": DAYS[2]}}),
        json.dumps({"tasks": {"day_1": DAYS[0], "day_2": DAYS[1], "day_3": DAYS[2]}}),
    ],
)
@pytest.mark.parametrize("size", [1, 5])
async def test_items_come_at_once_in_any_form(text: str, size: int) -> None:
    """Whatever stands around them, items do not wait for the end of the answer."""
    reader = ItemReader("days")
    came = []
    for start in range(0, len(text), size):
        came += [(start, item) for item in reader.feed(text[start : start + size])]
    assert [item for _, item in came] == DAYS
    assert await reader.finish() == []
    first, second, third = (position for position, _ in came)
    assert first < second < third < len(text)
    assert first < len(text) / 2


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{TEXT}\n```",
        f"Sure! Here it is:\n{TEXT}\nGood luck!",
        TEXT.replace("}]", "},]"),
        json.dumps(DAYS),
    ],
)
async def test_what_is_unambiguous_is_read(text: str) -> None:
    """Fences, prose, trailing commas and a bare list hide nothing."""
    reader = ItemReader("days")
    assert [*reader.feed(text), *await reader.finish()] == DAYS


@pytest.mark.parametrize(
    ("text", "days"),
    [
        (json.dumps({"days": {"1": DAYS[0]["tasks"], "Day 2": DAYS[1]["tasks"]}}), ["1", "Day 2"]),
        (json.dumps({"days": {"day_4": {"tasks": []}}}), ["day_4"]),
        (json.dumps({"days": {"Monday": {"Day": 1, "Tasks": []}}}), [1]),
        (json.dumps({"day": {"tasks": []}}), [None]),
    ],
)
async def test_days_may_be_numbered_by_their_keys(text: str, days: list[object]) -> None:
    """An object of days says by its keys which day is which; other keys say nothing."""
    reader = ItemReader("days")
    items = [*reader.feed(text), *await reader.finish()]
    assert [item.get("day_number", item.get("day")) for item in items] == days


async def test_question_is_no_answer() -> None:
    """A model that repeats the question first has not answered with the learner's goal."""
    question = json.dumps({"kind": "outline", "goal": "Learn Go", "duration_weeks": 2})
    week = {"week_number": 1, "goal": "Begin", "focus": []}
    for text in (question + json.dumps([week]), f"{question}\n{json.dumps({'weeks': [week]})}"):
        assert ItemReader("weeks").feed(text) == [week]
    reader = ItemReader("weeks")
    reader.feed(question)
    with pytest.raises(ModelOutputError):
        await reader.finish()


@pytest.mark.parametrize("end", ["", '"', '{"', "[[[", "\\"])
async def test_cut_text_gives_whole_items_only(end: str) -> None:
    """Whatever a text breaks off with, the repair invents no item from its beginning."""
    for cut in range(TEXT.index(f"{2}") + 40, len(TEXT) - 4, 7):
        reader = ItemReader("days")
        items: list[Any] = [*reader.feed(TEXT[:cut]), *reader.feed(end)]
        try:
            items += await reader.finish()
        except ModelOutputError:
            continue
        whole = {json.dumps(task) for day in DAYS for task in day["tasks"]}
        assert {json.dumps(task) for item in items for task in item["tasks"]} <= whole


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "I cannot do that.",
        "[" * 5_000 + "]" * 5_000,
        "[" * 3_000,
        '{"a":' * 5_000,
        f'```json\n{{"days":[{{"day_number":{"1" * 5_000}}}]}}\n```',
    ],
)
async def test_what_is_no_list_is_refused(text: str) -> None:
    """It is a bad answer to be asked for again, not an accident."""
    reader = ItemReader("days")
    assert reader.feed(text) == []
    with pytest.raises(ModelOutputError):
        await reader.finish()


async def test_repair_does_not_block_the_loop() -> None:
    """A text that takes long to repair is repaired beside the loop, which goes on turning."""
    reader = ItemReader("weeks")
    reader.feed('{"weeks":[{"week_number":1,"goal":"a\\"' * 250 + "}")
    repair = asyncio.create_task(reader.finish())
    turns = 0
    while not repair.done():
        await asyncio.sleep(0.005)
        turns += 1
    assert turns > 10  # 1, if the repair ran in the loop
    assert await repair


@pytest.mark.parametrize(
    ("effort", "category", "read"),
    [
        ("Easy", "Programming", ("light", "coding")),
        (" deep ", "review", ("deep", "revision")),
        ("HARD", "exercises", ("deep", "practice")),
        ("Light effort", ["READING"], ("light", "reading")),
        ("Deep work.", "Hands-on practice", ("deep", "practice")),
    ],
)
def test_synonyms_are_understood(effort: str, category: str, read: tuple[str, str]) -> None:
    """Words that can mean only one of ours are taken for it."""
    task = parse_item({"text": "x", "effort": effort, "category": category}, TaskAnswer)
    assert (task.effort, task.category) == read


@pytest.mark.parametrize(
    ("number", "read"),
    [
        (3, 3),
        (3.0, 3),
        ("3", 3),
        ("3.0", 3),
        ("Week 3", 3),
        ("week_03", 3),
        ("3rd", 3),
        ("第3周", 3),
        ("Week 3.0", 3),
        (None, None),
    ],
)
def test_numbers_are_understood(number: object, read: int | None) -> None:
    """A number is one in any form, also under another name."""
    week = {"goal": "x", "focus": ["a"]}
    for name in ("week_number", "Week Number", "week", "number"):
        assert parse_item({name: number, **week}, WeekGoal).week == read
    assert parse_item(week, WeekGoal).week is None


@pytest.mark.parametrize(
    "number",
    ["Week 1 of 3", "1-2", "Week one", "", 1.5, "1.5", "Week 1.5", [1], 10**9, "9" * 99],
)
def test_doubtful_numbers_are_refused(number: object) -> None:
    """Two numbers, none or a part of one name no week."""
    with pytest.raises(ModelOutputError):
        parse_item({"week_number": number, "goal": "x", "focus": []}, WeekGoal)


@pytest.mark.parametrize(
    ("focus", "read"),
    [
        ("lists, dicts and sets", ["lists", "dicts and sets"]),
        ("lists; dicts\nsets |tuples", ["lists", "dicts", "sets", "tuples"]),
        ("lists", ["lists"]),
        (["lists, dicts", " sets ", ""], ["lists, dicts", "sets"]),
        (list("abcdefgh"), list("abcdef")),
        ("", []),
        (None, []),
    ],
)
def test_topics_are_understood(focus: object, read: list[str]) -> None:
    """A text names its topics between commas; a week has no more of them than it may have."""
    assert parse_item({"week_number": 1, "goal": "x", "focus": focus}, WeekGoal).focus == read


def test_tasks_are_understood() -> None:
    """A day's tasks may be numbered, alone, or JSON once more."""
    task = {"text": "x", "effort": "light", "category": "coding"}
    for tasks in ([task], {"1": task}, task, json.dumps([task]), [json.dumps(task)]):
        day = parse_item({"day_number": 1, "tasks": tasks}, DayAnswer)
        assert [parse_item(each, TaskAnswer).text for each in day.tasks] == ["x"]


@pytest.mark.parametrize(
    ("minutes", "read"),
    [
        (25, 25),
        (25.0, 25),
        (7.5, 10),
        (12, 10),
        (1, 5),
        (480, 480),
        ("25", 25),
        (" 25 min", 25),
        ("25m", 25),
        ("30 minutes.", 30),
    ],
)
def test_minutes_are_understood(minutes: object, read: int | None) -> None:
    task = {"text": "x", "effort": "light", "category": "coding"}
    assert parse_item(task | {"minutes": minutes}, TaskAnswer).minutes == read
    assert parse_item(task | {"Estimated Minutes": minutes}, TaskAnswer).minutes == read


ODD_NUMBERS = (None, 0, -5, 481, 10**400, float("nan"), float("inf"), True)
ODD_TEXTS = ("", "1 hour", "1.5 h", "20-30 min", "half an hour", "9" * 5_000)


@pytest.mark.parametrize("minutes", [*ODD_NUMBERS, *ODD_TEXTS, [25], {"about": 25}])
def test_odd_minutes_do_not_cost_the_task(minutes: object) -> None:
    task = {"text": "x", "effort": "light", "category": "coding"}
    assert parse_item(task, TaskAnswer).minutes is None
    assert parse_item(task | {"minutes": minutes}, TaskAnswer).minutes is None


@pytest.mark.parametrize("word", ["light to medium", "", None, 2, ["light", "deep"], "gigantic"])
def test_doubtful_words_are_refused(word: object) -> None:
    """A word that could mean two of ours, or none, is none."""
    with pytest.raises(ModelOutputError):
        parse_item({"text": "x", "effort": word, "category": "coding"}, TaskAnswer)


def test_other_words_are_refused_without_repeating_them() -> None:
    """A violation names the field and the rule, and quotes no word: it may be the learner's."""
    with pytest.raises(ModelOutputError) as caught:
        parse_item({"text": "x", "effort": "gigantic", "category": "swimming"}, TaskAnswer)
    assert "effort" in str(caught.value)
    assert "gigantic" not in str(caught.value)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("Read chapter 3 of the book.", "read  Chapter 3 of the book", True),
        ("Read chapter 3 of the book.", "Read chapter 4 of the book.", False),
        (
            "Write a small function that adds two numbers.",
            "Write a small function that adds two numbers!!",
            True,
        ),
        (
            "Write a short program that sorts a list of names.",
            "Write a short program which sorts a list of names.",
            True,
        ),
        ("Practise chords for ten minutes.", "Sing a scale for ten minutes.", False),
    ],
)
def test_near_repetitions_are_found(first: str, second: str, same: bool) -> None:  # noqa: FBT001
    """Edits in passing make no new task; another number does."""
    registry = TaskRegistry()
    registry.add([first])
    assert registry.find_repeats([second]) == ([0] if same else [])
    assert TaskRegistry().find_repeats([first, second]) == ([1] if same else [])
