"""What is asked for at the same moment, which a store may read or write together."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from uuid import uuid4

from src.dao import Store
from src.domain.errors import RoadmapNotFoundError, TaskNotFoundError, WeekNotFoundError
from tests.support.plans import new_roadmap, stored
from tests.support.reads import list_tasks

ROADMAPS = 4

Call = Callable[[], Awaitable[object]]


async def outcome(call: Call) -> object:
    """Return what a call returns, or the class of the error that it raises."""
    try:
        return await call()
    except Exception as error:  # noqa: BLE001  the test compares its class
        return type(error)


async def test_reads_at_once_are_those_one_by_one(store: Store) -> None:
    """Each gets its own answer, or its own error, in whatever company it comes."""
    read = store.documents
    calls: list[Call] = [partial(read.list_roadmaps, uuid4())]
    for number in range(ROADMAPS):
        roadmap = await stored(store, new_roadmap(weeks=2, goal=f'漢字 "{number}" 🚀 ], [ null'))
        key, owner = roadmap.roadmap_id, roadmap.user_id
        for task in (await list_tasks(store, key))[:number]:
            await store.set_task_completed(task.id, completed=True)
        calls += [
            partial(read.list_roadmaps, owner),
            partial(read.list_weeks, key),
            partial(read.get_week, key, 1, owner),
            partial(read.get_week, key, 3),
            partial(read.list_weeks, key + 1_000),
            partial(read.list_weeks, key, uuid4()),
            partial(read.list_tasks, key),
        ]
    expected = [await outcome(call) for call in calls]
    assert await asyncio.gather(*map(outcome, calls)) == expected
    assert {b"[]", RoadmapNotFoundError, WeekNotFoundError} < set(expected)
    assert len(set(expected)) == 4 * ROADMAPS + 3


async def test_ticks_at_once_are_those_one_by_one(store: Store) -> None:
    """Each reaches its own task, and only that, also where others have none."""
    roadmap = await stored(store, new_roadmap(weeks=1))
    tasks = await list_tasks(store, roadmap.roadmap_id)
    tick = partial(store.set_task_completed, completed=True)
    await tick(tasks[10].id)
    outcomes = await asyncio.gather(
        *(outcome(partial(tick, task.id, user_id=roadmap.user_id)) for task in tasks[:10]),
        outcome(partial(store.set_task_completed, tasks[10].id, completed=False)),
        outcome(partial(tick, tasks[11].id, user_id=uuid4())),
        outcome(partial(tick, str(uuid4()))),
        outcome(partial(tick, "no id")),
    )
    assert outcomes == [None] * 11 + [TaskNotFoundError] * 3
    after = await list_tasks(store, roadmap.roadmap_id)
    assert [task.completed for task in after] == [True] * 10 + [False] * (len(tasks) - 10)
