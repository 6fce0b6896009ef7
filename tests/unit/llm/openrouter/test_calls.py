"""A call has succeeded once its text holds all that was requested, however it ends."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import cache

import pytest

from src.domain.errors import (
    ModelDeclinedError,
    ModelError,
    ModelOutputError,
    ModelTooSlowError,
    ModelUnavailableError,
)
from src.domain.plan import PlanRequest
from src.llm.openrouter.calls import Question, RoadmapCalls
from src.llm.openrouter.client import OpenRouterClient
from src.llm.openrouter.schemas import tasks_shape
from src.llm.openrouter.usage import UsageMeter

REQUEST = PlanRequest(goal="Learn Rust", duration_weeks=1, daily_hours=1, level="beginner")

Stream = Callable[[], AsyncGenerator[str, None]]

TASKS = [{"text": f"Task {n}", "effort": "light", "category": "coding"} for n in (1, 2, 3)]
TEXT = json.dumps({"tasks": TASKS})


class ScriptedClient(OpenRouterClient):
    """A client whose calls stream what a script says."""

    def __init__(self) -> None:
        super().__init__(
            base_url="http://127.0.0.1:9",
            api_key="key",
            model="model",
            call_timeout=9,
            idle_timeout=9,
            retry_wait=0.001,
        )
        self.streams: list[Stream] = []

    async def stream(
        self, *_: object, meter: UsageMeter, **__: object
    ) -> AsyncGenerator[str, None]:
        meter.calls += 1
        async for piece in self.streams.pop(0)():
            yield piece


@cache
def scripted_client() -> ScriptedClient:
    """Return the one client of all tests, since the SDK takes long to build one."""
    return ScriptedClient()


def pieces(
    text: str, error: Exception | None = None, *, size: int = 7, hang: bool = False
) -> Stream:
    """Return a stream of a text, and how it ends."""

    async def stream() -> AsyncGenerator[str, None]:
        for start in range(0, len(text), size):
            yield text[start : start + size]
        if hang:
            await asyncio.Event().wait()
        if error:
            raise error

    return stream


class Collected:
    """What has been accepted of the tasks that are wanted, and the questions for them."""

    def __init__(self, *streams: Stream, wanted: int = 3, usage_wait: float = 0.05) -> None:
        self.items: list[object] = []
        self.asked: list[tuple[int, Sequence[str]]] = []
        self._wanted = wanted
        client = scripted_client()
        client.streams = list(streams)
        self.calls = RoadmapCalls(client, at_once=2, retries=4, usage_wait=usage_wait)

    def missing(self) -> str:
        return "Some are missing." if len(self.items) < self._wanted else ""

    def ask(self, problems: Sequence[str]) -> Question:
        count = self._wanted - len(self.items)
        self.asked.append((count, list(problems)))
        return Question([], tasks_shape(REQUEST, count), 100, self._accept)

    def _accept(self, item: object) -> None:
        if "bad" in str(item):
            raise ModelOutputError("This one is bad.")
        self.items.append(item)

    async def run(self) -> None:
        await asyncio.wait_for(self.calls.request_missing(self.missing, self.ask), 5)


ENDS = [
    ModelUnavailableError("finish_reason error"),
    ModelUnavailableError("connection closed"),
    ModelTooSlowError("no progress"),
    ModelOutputError("the output was cut at its token limit"),
    ModelDeclinedError("finish_reason content_filter"),
]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("text", [TEXT, TEXT[:-2], TEXT + " And that is", f"```json\n{TEXT}\n"])
async def test_complete_answer_counts_however_it_ends(end: ModelError, text: str) -> None:
    """All has arrived before the stream fails, so there is no other call."""
    wanted = Collected(pieces(text, end))
    await wanted.run()
    assert wanted.items == TASKS
    assert wanted.calls.meter.usage().retries == 0


@pytest.mark.parametrize("end", [*ENDS, None])
async def test_retry_asks_for_what_is_missing(end: ModelError | None) -> None:
    """What arrived before a stream ended too early is not requested again."""
    rest = json.dumps({"tasks": TASKS[2:]})
    wanted = Collected(pieces(TEXT[: TEXT.index("Task 3") + 4], end), pieces(rest))
    await wanted.run()
    assert wanted.items == TASKS
    assert [count for count, _ in wanted.asked] == [3, 1]


async def test_cut_text_gives_no_half_item() -> None:
    """The beginning of a sentence is none, even if the server says that the answer ends there."""
    for end in (None, ENDS[0]):
        wanted = Collected(pieces(TEXT[: TEXT.rindex('"category"')], end), pieces(TEXT))
        await wanted.run()
        assert wanted.items == [*TASKS[:2], TASKS[0]]


@pytest.mark.parametrize("end", [*ENDS, None])
async def test_whole_text_is_repaired_however_it_ends(end: ModelError | None) -> None:
    """A comma too many and a bad end together still need no other call."""
    wanted = Collected(pieces(TEXT.replace("}", ",}"), end))
    await wanted.run()
    assert wanted.items == TASKS
    assert wanted.calls.meter.usage().retries == 0


async def test_stream_that_hangs_after_the_last_item_is_left() -> None:
    """The usage report is waited for, but not for long; without the bound this would time out."""
    wanted = Collected(pieces(TEXT, hang=True))
    await wanted.run()
    assert wanted.items == TASKS


async def test_usage_after_the_last_item_is_waited_for() -> None:
    """The rest of the stream is read, since usage is reported last."""
    ended = False

    async def stream() -> AsyncGenerator[str, None]:
        nonlocal ended
        yield TEXT
        await asyncio.sleep(0.01)
        ended = True

    wanted = Collected(stream, usage_wait=5)
    await wanted.run()
    assert ended


async def test_nothing_is_asked_if_nothing_is_missing() -> None:
    """There is no call, and no question is even built."""
    wanted = Collected(wanted=0)
    await wanted.run()
    assert wanted.asked == []
    assert wanted.calls.meter.calls == 0


async def test_surplus_items_are_dropped() -> None:
    """They cannot spoil what is complete."""
    wanted = Collected(pieces(json.dumps({"tasks": [*TASKS, *TASKS]}), size=999))
    await wanted.run()
    assert wanted.items == TASKS


async def test_next_question_names_the_problems() -> None:
    """A refused item is requested again, with the reason."""
    spoilt = json.dumps({"tasks": [TASKS[0], {**TASKS[1], "text": "bad"}, TASKS[2]]})
    wanted = Collected(pieces(spoilt), pieces(TEXT))
    await wanted.run()
    assert wanted.asked == [(3, []), (1, ["This one is bad.", "Some are missing."])]


async def test_retries_end() -> None:
    """A model that never gives the last item costs the budget and no more."""
    wanted = Collected(*[pieces(json.dumps({"tasks": []}))] * 9)
    with pytest.raises(ModelOutputError):
        await wanted.run()
    assert wanted.calls.meter.calls == 5
