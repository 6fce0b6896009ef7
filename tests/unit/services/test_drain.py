"""Waits end with the drain."""

import asyncio

import pytest

from src.domain.errors import ShuttingDownError
from src.services.drain import Drain

SECONDS = 0.2
LONG = 30.0


@pytest.mark.parametrize("waits_first", [True, False])
async def test_wait_ends_with_the_drain(*, waits_first: bool) -> None:
    """Whether the wait began before the drain, during it or after it."""
    drain = Drain()

    async def wait() -> None:
        async with drain.raise_when_over(ShuttingDownError()):
            await asyncio.sleep(LONG)

    waiting = asyncio.create_task(wait())
    if waits_first:
        await asyncio.sleep(0)
        assert drain.has_waits
    drain.begin(SECONDS)
    drain.begin(LONG)  # does not prolong it
    async with asyncio.timeout(LONG / 2):
        for each in (waiting, wait()):
            with pytest.raises(ShuttingDownError):
                await each
    assert drain.is_over
    assert not drain.has_waits


async def test_what_ends_in_time_is_returned() -> None:
    """The result is the same without a drain and within one."""
    drain = Drain()
    for _ in range(2):
        async with drain.raise_when_over(ShuttingDownError()):
            await asyncio.sleep(0)
        drain.begin(LONG)
    assert drain.has_begun
    assert not drain.is_over


async def test_timeouts_of_others_stay_theirs() -> None:
    """An error or a timeout inside is not taken for the drain's end."""
    drain = Drain()
    drain.begin(LONG)
    with pytest.raises(TimeoutError):
        async with drain.raise_when_over(ShuttingDownError()), asyncio.timeout(0):
            await asyncio.sleep(LONG)


async def test_drain_may_begin_while_a_wait_is_ending() -> None:
    """A wait that has timed out and still cleans up is not interrupted again."""
    drain = Drain()
    drain.begin(0)
    cleaning = asyncio.Event()

    async def wait() -> None:
        async with drain.raise_when_over(ShuttingDownError()):
            try:
                await asyncio.sleep(LONG)
            finally:
                cleaning.set()
                await asyncio.sleep(SECONDS)

    waiting = asyncio.create_task(wait())
    await cleaning.wait()
    drain.begin(0)
    with pytest.raises(ShuttingDownError):
        await waiting
