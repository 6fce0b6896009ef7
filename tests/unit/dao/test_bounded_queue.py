"""The queue for a database, and the bulkhead in it."""

import asyncio
from contextlib import ExitStack

from src.dao.bounded_queue import BoundedQueue, Bulkhead
from src.domain.errors import StoreOverloadedError


def fill(queue: BoundedQueue, stack: ExitStack) -> int:
    """Take all slots until the stack is closed, and return how many there were."""
    count = 0
    while True:
        try:
            stack.enter_context(queue.slot())
        except StoreOverloadedError:
            return count
        count += 1


def test_half_leaves_the_other_half_to_others() -> None:
    """It counts in the whole, too; slots that are left can be taken again."""
    whole = BoundedQueue(7)
    half = whole.half()
    for _ in range(2):
        with ExitStack() as stack:
            assert (fill(half, stack), fill(whole, stack)) == (3, 4)
        with ExitStack() as stack:
            assert (fill(whole, stack), fill(half, stack)) == (7, 0)


async def test_bulkhead_bounds_what_runs_and_how_long_the_others_wait() -> None:
    bulkhead = Bulkhead(2, BoundedQueue(3), wait_seconds=0.05)
    is_over = asyncio.Event()
    running = 0

    async def work() -> None:
        nonlocal running
        async with bulkhead.place():
            running += 1
            await is_over.wait()
            running -= 1

    tasks = [asyncio.create_task(work()) for _ in range(4)]
    _, running_tasks = await asyncio.wait(tasks, timeout=10, return_when=asyncio.FIRST_EXCEPTION)
    assert tasks[3] not in running_tasks  # the queue was full
    await asyncio.wait({tasks[2]})  # no place became free in time
    assert running == 2
    is_over.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert outcomes[:2] == [None, None]
    assert all(isinstance(outcome, StoreOverloadedError) for outcome in outcomes[2:])
    await work()


async def test_cancelled_wait_keeps_no_place() -> None:
    bulkhead = Bulkhead(1, BoundedQueue(2), wait_seconds=60)
    async with bulkhead.place():
        waiting = asyncio.create_task(bulkhead.place().__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
    async with bulkhead.place():
        pass
