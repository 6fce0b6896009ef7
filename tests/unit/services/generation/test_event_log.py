"""How followers in one process get the events of a log."""

import asyncio

import pytest

from src.domain.errors import StoreUnavailableError
from src.domain.generation import NumberedEvent
from src.services.generation.event_log import EventLog
from tests.support.plans import new_roadmap, parts_of

EVENTS: list[NumberedEvent] = [*enumerate(parts_of(new_roadmap(weeks=1)), start=1)]


async def read(log: EventLog, after: int = 0) -> list[NumberedEvent]:
    return [event async for event in log.stream(after)]


async def test_every_stream_gets_the_events_after_its_number() -> None:
    """Those that are there, and those that come later, until the log is closed."""
    log = EventLog(EVENTS[:3])
    streams = [asyncio.create_task(read(log, after)) for after in (0, 2, 5, 300)]
    await asyncio.sleep(0)
    log.append(EVENTS[3:])
    log.close()
    assert [await stream for stream in streams] == [EVENTS, EVENTS[2:], EVENTS[5:], []]
    assert await read(log, 4) == EVENTS[4:]


async def test_numbers_are_those_that_the_log_was_given() -> None:
    """They need not begin at 1: the log of a poll begins where its first follower is."""
    log = EventLog()
    log.append((number + 40, event) for number, event in EVENTS)
    log.close()
    assert [number for number, _ in await read(log, 42)] == [
        number + 40 for number, _ in EVENTS[2:]
    ]


async def test_error_comes_after_the_events() -> None:
    log = EventLog(EVENTS)
    log.close(StoreUnavailableError("it is down"))
    stream = log.stream()
    assert [await anext(stream) for _ in EVENTS] == EVENTS
    with pytest.raises(StoreUnavailableError):
        await anext(stream)
