"""How many calls a server gets at once, and how long its first token may take."""

import asyncio
import math
import time
from typing import Any

import pytest

from src.domain.errors import ModelTooSlowError
from src.llm.openrouter import concurrency
from src.llm.openrouter.concurrency import CallSlots, FirstTokenPatience
from src.llm.openrouter.errors import PausedError
from tests.support.scripted_server import Answer, always, chunk, error, event, streamed
from tests.unit.llm.openrouter.conftest import Serve


async def hold(slots: CallSlots, until: asyncio.Event) -> None:
    async with slots.slot(math.inf):
        await until.wait()


async def test_calls_halve_on_overload_and_grow_on_success() -> None:
    """A single sign of overload may be chance, and calls of before count no second time."""
    slots, until = CallSlots(64), asyncio.Event()
    running = [asyncio.create_task(hold(slots, until)) for _ in range(24)]
    await asyncio.sleep(0)
    before = time.monotonic()
    slots.report_overload(before)
    assert slots.limit == 64
    slots.report_overload(before)
    assert slots.limit == 12
    slots.report_overload(before)
    slots.report_overload(before)
    assert slots.limit == 12
    for _ in range(2):
        slots.report_overload(time.monotonic())
    assert slots.limit == 6
    for _ in range(20):
        slots.report_success(time.monotonic(), 0.1, slots.limit)
    assert 7 <= slots.limit <= 9
    grown = slots.limit
    for _ in range(50):
        slots.report_success(time.monotonic(), 0.9, slots.limit)
    assert slots.limit == grown
    until.set()
    await asyncio.gather(*running)


async def test_a_timeout_starts_anew_from_one() -> None:
    """A server that does one call at a time is not given two to find that out again."""
    slots, until = CallSlots(64), asyncio.Event()
    running = [asyncio.create_task(hold(slots, until)) for _ in range(8)]
    await asyncio.sleep(0)
    for _ in range(2):
        slots.report_overload(time.monotonic(), has_timed_out=True)
    assert slots.limit == 1
    for expected in (2, 3, 4, 4):
        slots.report_success(time.monotonic(), 0.1, slots.limit)
        assert slots.limit == expected
    until.set()
    await asyncio.gather(*running)


async def test_a_number_that_the_server_refused_is_not_tried_again_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slots, until = CallSlots(64), asyncio.Event()
    running = [asyncio.create_task(hold(slots, until)) for _ in range(4)]
    await asyncio.sleep(0)
    slots.report_too_many(time.monotonic())
    assert slots.limit == 2
    for _ in range(50):
        slots.report_success(time.monotonic(), 0.1, slots.limit)
    assert slots.limit == 3
    monkeypatch.setattr(concurrency, "FACT_SECONDS", -1)
    slots.report_too_many(time.monotonic())
    for _ in range(50):
        slots.report_success(time.monotonic(), 0.1, slots.limit)
    assert slots.limit > 3
    until.set()
    await asyncio.gather(*running)


async def test_call_that_had_the_server_for_itself_shows_no_room_for_more() -> None:
    """The first of two calls takes as long as a single one where calls are done one by one."""
    slots, until = CallSlots(8), asyncio.Event()
    running = [asyncio.create_task(hold(slots, until)) for _ in range(4)]
    await asyncio.sleep(0)
    for _ in range(2):
        slots.report_overload(time.monotonic())
    assert slots.limit == 2
    for _ in range(20):
        slots.report_success(time.monotonic(), 0.4, 1)
        slots.report_success(time.monotonic(), 0.8, 2)
    assert slots.limit == 2
    until.set()
    await asyncio.gather(*running)


async def test_slow_successes_show_no_room() -> None:
    """On a server that does one call at a time, timeouts and calls that waited long alternate."""
    slots = CallSlots(8)
    for _ in range(40):
        slots.report_overload(time.monotonic())
        slots.report_success(time.monotonic(), 0.9, slots.limit)
    assert slots.limit == 1


async def test_a_success_between_two_overloads_shows_that_there_is_room() -> None:
    slots = CallSlots(8)
    for _ in range(20):
        slots.report_overload(time.monotonic())
        slots.report_success(time.monotonic(), 0.1, slots.limit)
    assert slots.limit == 8


async def test_at_least_one_call_runs() -> None:
    slots = CallSlots(2)
    for _ in range(40):
        slots.report_overload(time.monotonic())
    assert slots.limit == 1


async def test_slots_are_given_in_order_and_within_the_deadline() -> None:
    slots, until = CallSlots(1), asyncio.Event()
    running = asyncio.create_task(hold(slots, until))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        async with slots.slot(time.monotonic() + 0.05):
            pytest.fail("there is no slot")
    order: list[int] = []

    async def take(number: int) -> None:
        async with slots.slot(math.inf):
            order.append(number)

    waiting = [asyncio.create_task(take(number)) for number in range(5)]
    await asyncio.sleep(0)
    until.set()
    await asyncio.gather(running, *waiting)
    assert order == [0, 1, 2, 3, 4]


async def test_pause_keeps_calls_back_until_a_probe_shows_that_it_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who has time waits; who has none learns for how long; now and then one call tries."""
    monkeypatch.setattr(concurrency, "PROBE_SECONDS", 0.2)
    slots = CallSlots(4)
    slots.pause(0.1)
    started = time.monotonic()
    async with slots.slot(started + 10):
        assert time.monotonic() - started >= 0.1
    slots.pause(1_000)
    with pytest.raises(PausedError) as raised:
        async with slots.slot(time.monotonic() + 10):
            pytest.fail("the server wants a pause")
    assert raised.value.retry_after == pytest.approx(1_000, abs=5)
    await asyncio.sleep(0.25)
    async with slots.slot(time.monotonic() + 10):
        probed_at = time.monotonic()
        with pytest.raises(PausedError):
            async with slots.slot(time.monotonic() + 10):
                pytest.fail("one probe is enough")
    slots.report_success(probed_at, 0.1, 1)
    async with slots.slot(time.monotonic() + 10):
        pass


def test_first_token_may_take_long_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And again after minutes without a call, since the server may have unloaded the model."""
    patience = FirstTokenPatience(30)
    assert patience.seconds() == 120
    patience.note_token()
    assert patience.seconds() == 30
    with monkeypatch.context() as patch:
        patch.setattr(concurrency, "UNLOADED_AFTER_SECONDS", -1)  # as if time went by
        assert patience.seconds() == 120
    patience.note_timeout()
    assert patience.seconds() == 30
    assert FirstTokenPatience(200).seconds() == 200


async def test_cold_start_is_waited_for(serve: Serve) -> None:
    """One call, although the idle limit is far below the time to the first token."""
    cold = Answer([b": loading\n\n", event(chunk("{}", "stop"))], pause=0.4)
    async with serve(always(cold), idle_timeout=0.2) as scripted:
        assert await scripted.ask() == "{}"
        with pytest.raises(ModelTooSlowError):
            await scripted.ask(retries=0)
        assert len(scripted.bodies) == 2


@pytest.mark.long(3)
async def test_server_that_does_one_call_at_a_time(serve: Serve) -> None:
    """25 calls, as of 12 weeks: nobody has to set anything, and little is asked twice.

    Each takes a quarter of the idle limit, as 8 s are of 30 s.
    """
    slow = streamed(chunk("{}"), chunk(finish_reason="stop"), pause=0.03)
    async with serve(always(slow), idle_timeout=0.36, at_once=1, retry_wait=0.05) as scripted:
        await scripted.ask(shape=None)
        answers = await asyncio.gather(*(scripted.ask(retries=56) for _ in range(24)))
        assert answers == ["{}"] * 24
        assert len(scripted.bodies) <= 3 * 25


async def test_refused_calls_come_back_fewer_at_once(serve: Serve) -> None:
    """A server with a limit of 4 calls at once gets there from 32."""

    def script(_: dict[str, Any]) -> Answer:
        if scripted.server.most_at_once > 0 and running_now() > 4:
            return error(429, {"error": {"message": "Too many", "code": 429}})
        return streamed(chunk("{}"), chunk(finish_reason="stop"), pause=0.02)

    def running_now() -> int:
        return scripted.server.running + 1

    async with serve(script) as scripted:
        await scripted.ask()
        answers = await asyncio.gather(*(scripted.ask(retries=56) for _ in range(32)))
        assert answers == ["{}"] * 32


async def test_waiting_for_a_slot_is_bounded(serve: Serve) -> None:
    slow = streamed(chunk("{}"), chunk(finish_reason="stop"), pause=0.5)
    async with serve(always(slow), max_calls=1) as scripted:
        first = asyncio.create_task(scripted.ask(shape=None))
        await asyncio.sleep(0.1)
        with pytest.raises(ModelTooSlowError, match="no call"):
            await scripted.ask(timeout=0.2, retries=0)
        await first
        assert len(scripted.bodies) == 1
