"""Computations in threads: bounded, and beside the event loop."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from src.domain.errors import ProgressOverloadedError
from src.services.progress.computing import THREADS, Computing


@pytest.fixture
async def computing() -> AsyncIterator[Computing]:
    computing = Computing(max_waiting=1)
    yield computing
    await computing.close()


async def test_result_and_error_come_back(computing: Computing) -> None:
    assert await computing.run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await computing.run(divmod, 7, 0)
    assert await computing.run(threading.get_ident) != threading.get_ident()


async def test_queue_is_bounded(computing: Computing) -> None:
    """What is beyond it is refused at once, also while the callers of what runs have left."""
    gate = threading.Event()
    running = [asyncio.create_task(computing.run(gate.wait, 30)) for _ in range(THREADS + 1)]
    await asyncio.sleep(0.05)
    with pytest.raises(ProgressOverloadedError):
        await computing.run(int)
    running[0].cancel()
    await asyncio.wait({running[0]})
    with pytest.raises(ProgressOverloadedError):
        await computing.run(int)
    gate.set()
    assert all(await asyncio.gather(*running[1:]))
    assert await computing.run(int) == 0


async def test_caller_that_leaves_the_queue_makes_room(computing: Computing) -> None:
    gate = threading.Event()
    running = [asyncio.create_task(computing.run(gate.wait, 30)) for _ in range(THREADS)]
    await asyncio.sleep(0.05)
    waiting = asyncio.create_task(computing.run(int))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    following = asyncio.create_task(computing.run(int))
    await asyncio.sleep(0.01)
    gate.set()
    assert await following == 0
    await asyncio.gather(*running)
