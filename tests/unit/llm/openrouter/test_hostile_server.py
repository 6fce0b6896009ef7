"""What a model's server cannot do to the service, whatever it sends."""

import asyncio
import gzip
import logging
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress

import pytest

from src.domain.errors import ModelError, ModelMisconfiguredError, ModelUnavailableError
from src.domain.plan import ModelUsage
from src.llm.openrouter.bounded_responses import (
    BYTES_AT_ONCE,
    MAX_ANSWER_BYTES,
    MAX_ANSWER_LINES,
    MAX_ERROR_BYTES,
)
from src.llm.openrouter.chunks import MAX_EVENT_BYTES, Chunk, read_chunk
from src.llm.openrouter.usage import MAX_RESERVATIONS, UsageMeter
from tests.support.scripted_server import Answer, always, chunk, error, event, text_answer
from tests.unit.llm.openrouter.conftest import GOAL, Serve

MEGABYTE = 1024 * 1024
MAX_MEMORY = 40 * MEGABYTE


class Pieces:
    """Pieces of an endless body, and how many of them were sent."""

    def __init__(self, piece: bytes) -> None:
        self.sent = 0
        self._piece = piece

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.sent += len(self._piece)
            yield self._piece


async def failure_of(serve: Serve, answer: Answer) -> ModelError:
    """Return how one call ends, after checking that it took little memory."""
    async with serve(always(answer)) as scripted:
        tracemalloc.start()
        try:
            _, failure = await scripted.pieces(max_tokens=10_000_000)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert scripted.server.requests[0].headers["accept-encoding"] == "identity"
    assert most < MAX_MEMORY
    assert failure is not None
    return failure


async def test_compressed_answers_are_refused(serve: Serve) -> None:
    """A kilobyte can become a gigabyte, in one step that nothing can interrupt."""
    bomb = gzip.compress(bytes(200 * MEGABYTE), compresslevel=1)
    for status in (200, 400):
        answer = Answer([bomb], status, {"content-encoding": "gzip"})
        assert isinstance(await failure_of(serve, answer), ModelUnavailableError)


@pytest.mark.long(4)
@pytest.mark.parametrize(
    "piece",
    [b"x" * MEGABYTE, b"data: " + b"x" * MEGABYTE, event(chunk("", annotations=["x" * 100_000]))],
    ids=["one line", "one event", "events without text"],
)
async def test_endless_answers_are_cut(serve: Serve, piece: bytes) -> None:
    pieces = Pieces(piece)
    await failure_of(serve, Answer(pieces))
    assert pieces.sent < MAX_ANSWER_BYTES + 16 * MEGABYTE


@pytest.mark.long(4)
@pytest.mark.parametrize("tiny", [b"data: {}\n\n", b"\n"])
async def test_tiny_events_leave_time_for_others(serve: Serve, tiny: bytes) -> None:
    """A piece of thousands takes many turns of the event loop; hundreds of thousands are cut."""
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    pieces = Pieces(tiny * 10_000)
    counting = asyncio.create_task(count_turns())
    async with serve(always(Answer(pieces)), call_timeout=60.0) as scripted:
        _, failure = await scripted.pieces()
    counting.cancel()
    assert isinstance(failure, ModelUnavailableError)
    lines = MAX_ANSWER_LINES // tiny.count(b"\n")
    assert turns > lines * len(tiny) / BYTES_AT_ONCE
    assert pieces.sent < lines * len(tiny) + 16 * MEGABYTE


async def test_endless_errors_are_cut(serve: Serve) -> None:
    pieces = Pieces(b" " * 65_536)
    await failure_of(serve, Answer(pieces, 500))
    assert pieces.sent < MAX_ERROR_BYTES + 16 * MEGABYTE


async def test_redirects_are_not_followed(serve: Serve) -> None:
    """The prompt has the learner's goal, and goes to no other origin."""
    async with serve(always(text_answer("{}"))) as other:
        to_other = {"location": f"{other.server.origin}/v1/chat/completions"}
        for status in (301, 302, 307, 308):
            failure = await failure_of(serve, Answer([], status, to_other))
            assert isinstance(failure, ModelMisconfiguredError)
        assert not other.server.requests


async def test_words_of_a_server_forge_no_line_of_the_log(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it says stands in one line, without what it quotes of the learner."""
    caplog.set_level(logging.INFO)
    forged = f"no\n2026-11-26 ERROR forged: {GOAL}"
    ends = Answer([event(chunk("text", finish_reason=forged)), event({"model": forged})])
    for answer in (ends, error(400, {"error": {"message": forged, "code": forged}})):
        async with serve(always(answer)) as scripted:
            with suppress(ModelError):
                await scripted.ask(retries=0)
    lines = [record.getMessage() for record in caplog.records]
    assert lines
    assert not [line for line in lines if "\n" in line or GOAL in line]


@pytest.mark.parametrize("name", ["nul \0", "line\nbreak", "\u202e", "x" * 201, "", 7, None])
def test_names_that_would_spoil_a_record_are_ignored(name: object) -> None:
    data = {"model": name, "provider": name, "choices": [{"finish_reason": name, "delta": {}}]}
    assert read_chunk(data) == Chunk()


def test_costs_beyond_reason_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """A wrong report does not use up the budget of everybody; the operator reads of it."""
    meter = UsageMeter("m", retries_left=0, calls=2, max_dollars=MAX_RESERVATIONS * 0.01)
    meter.record_chunk(1, Chunk(usage={"cost": 0.15, "prompt_tokens": 2**63}))
    assert meter.usage().cost_dollars == 0.15
    assert not caplog.records
    meter.record_chunk(2, Chunk(usage={"cost": 26, "completion_tokens": float("inf")}))
    assert meter.usage() == ModelUsage(model="m", calls=2, priced_calls=2, cost_dollars=0.2)
    assert "$26.15; $0.20 of it count" in caplog.text


def test_an_event_has_at_most_a_megabyte() -> None:
    assert MAX_EVENT_BYTES <= MEGABYTE
