"""Requests begin a few at a time."""

import asyncio

from src.server.starts import STARTS_PER_TURN, StartQueue, start_queue

MANY = 100 * STARTS_PER_TURN


async def test_each_turn_starts_a_few_in_order() -> None:
    """Whoever is not in the queue gets a turn between any two groups of it."""
    queue, started, most_in_a_turn = StartQueue(), list[int](), 0

    async def start(number: int) -> None:
        await queue.wait()
        started.append(number)

    async with asyncio.TaskGroup() as tasks:
        for number in range(MANY):
            tasks.create_task(start(number))
        while len(started) < MANY:
            before = len(started)
            await asyncio.sleep(0)
            most_in_a_turn = max(most_in_a_turn, len(started) - before)
    assert started == list(range(MANY))
    assert most_in_a_turn == STARTS_PER_TURN


async def test_cancelled_request_gives_its_place_up() -> None:
    queue = StartQueue()
    waiting = [asyncio.create_task(queue.wait()) for _ in range(MANY)]
    await asyncio.sleep(0)
    for each in waiting[:-1]:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert not waiting[-1].cancelled()
    async with asyncio.timeout(5):
        await queue.wait()


def test_each_event_loop_has_its_queue() -> None:
    """A loop that ended while requests waited does not hold up the next one."""

    async def leave_one_waiting() -> StartQueue:
        waiting = asyncio.ensure_future(start_queue().wait())
        waiting.cancel()
        return start_queue()

    async def wait() -> None:
        async with asyncio.timeout(5):
            await start_queue().wait()

    asyncio.run(leave_one_waiting())
    asyncio.run(wait())
