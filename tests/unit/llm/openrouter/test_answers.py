"""Reading what a model answered."""

import asyncio
import json

import pytest

from src.domain.errors import ModelOutputError
from src.llm.openrouter.answers import TaskAnswer, parse_item
from src.llm.openrouter.item_reader import ItemReader
from src.llm.openrouter.plain_text import PlainProse, plain_line
from src.llm.openrouter.repeats import TaskRegistry

ODD = 'a {brace} and a "quote" '
DAYS = [{"day_number": n, "tasks": [{"text": f"{ODD}{n}"}] * 2} for n in (1, 2, 3)]
TEXT = json.dumps({"week_number": 1, "days": DAYS})


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_items_come_as_soon_as_they_are_complete(size: int) -> None:
    """Each item is told with the piece that completes it, whatever the pieces' size."""
    reader = ItemReader("days")
    told: list[tuple[int, object]] = []
    for start in range(0, len(TEXT), size):
        told += [(start + size, item) for item in reader.feed(TEXT[start : start + size])]
    assert await reader.finish() == []
    assert [item for _, item in told] == DAYS
    for number, (position, _) in enumerate(told, start=1):
        end = len(json.dumps({"week_number": 1, "days": DAYS[:number]})) - 2
        assert position - size < end <= position


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
    ],
)
def test_synonyms_are_understood(effort: str, category: str, read: tuple[str, str]) -> None:
    """Words that can mean only one of ours are taken for it."""
    task = parse_item({"text": "x", "effort": effort, "category": category}, TaskAnswer)
    assert (task.effort, task.category) == read


def test_other_words_are_refused_without_repeating_them() -> None:
    """What is wrong is said by name and rule; the words may be the learner's."""
    with pytest.raises(ModelOutputError) as caught:
        parse_item({"text": "x", "effort": "gigantic", "category": "swimming"}, TaskAnswer)
    assert "effort" in str(caught.value)
    assert "gigantic" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Read  the\ndocs", "Read the docs"),
        ("See [the docs](https://x.example/a) now", "See the docs now"),
        ("Open https://x.example/?q=1 now", "Open now"),
        ("**Read** `x` ~~twice~~", "Read x twice"),
        ("- Read this", "Read this"),
        ('Use a <div class="x"> element', "Use a div element"),
        ("<script>alert(1)</script>Read", "scriptalert(1)scriptRead"),
        ("2 ** 3 is 8, and a < b > c", "2 ** 3 is 8, and a < b > c"),
    ],
)
def test_lines_are_plain(text: str, plain: str) -> None:
    """No link and no markup gets through; what only looks alike stays."""
    assert plain_line(text) == plain


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_prose_is_plain_however_it_is_cut(size: int) -> None:
    """A link is taken out also when it arrives in pieces, and nothing else is lost."""
    text = "Read [the fine docs](https://x.example/a) or https://y.example/z today.\n**Good** luck"
    prose = PlainProse()
    told = [prose.feed(text[start : start + size]) for start in range(0, len(text), size)]
    plain = "".join([*told, prose.finish()])
    assert plain == "Read the fine docs or today.\nGood luck"


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
