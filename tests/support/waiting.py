"""Waits for what is sure to come, with a bound that a busy machine does not reach."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

PATIENCE_SECONDS = 60.0

T = TypeVar("T")


def wait_until(find: Callable[[], T]) -> T:
    """Return what is found once it is true, from a test without a loop."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := find()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


async def until(find: Callable[[], Awaitable[T]]) -> T:
    """Return what is found once it is true."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (found := await find()):  # noqa: ASYNC110  only asking shows it
            await asyncio.sleep(0.02)
    return found


async def until_true(condition: Callable[[], bool]) -> None:
    """Wait for something that this loop changes."""

    async def find() -> bool:
        return condition()

    await until(find)
