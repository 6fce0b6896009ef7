"""Calls that travel to PostgREST together: how many requests, and what one fault does to whom."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import psycopg
import pytest
import stamina

from src.dao.supabase.batches import MOST_AT_ONCE
from src.dao.supabase.store import SupabaseStore
from src.domain.errors import StoreTooSlowError, TaskNotFoundError
from src.domain.roadmap import Roadmap
from tests.support.data_plane import DataPlane, open_store
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.plans import new_roadmap, stored
from tests.support.reads import list_tasks
from tests.support.waiting import until_true


@pytest.fixture(autouse=True)
def _no_retries() -> Iterator[None]:
    """Have nothing sent again but what a batch has failed with."""
    with stamina.set_testing(True, attempts=1):
        yield


@pytest.fixture
async def store(data_plane: DataPlane, fault_proxy: FaultProxy) -> AsyncIterator[SupabaseStore]:
    """Offer a store behind the proxy."""
    async with open_store(fault_proxy.url, data_plane.service_key) as store:
        yield store


@pytest.fixture
async def roadmap(store: SupabaseStore, fault_proxy: FaultProxy) -> Roadmap:
    roadmap = await stored(store, new_roadmap(weeks=1))
    fault_proxy.reset()
    return roadmap


def functions(proxy: FaultProxy) -> list[str]:
    """Return the functions that were called, in their order."""
    return [exchange.path.rpartition("/")[2] for exchange in proxy.exchanges]


async def read_at_once(store: SupabaseStore, roadmap: Roadmap, count: int) -> None:
    reads = (store.documents.list_weeks(roadmap.roadmap_id) for _ in range(count))
    first, *others = await asyncio.gather(*reads)
    assert first.startswith(b"[{")
    assert all(other == first for other in others)


async def test_one_read_goes_alone(
    store: SupabaseStore, roadmap: Roadmap, fault_proxy: FaultProxy
) -> None:
    await read_at_once(store, roadmap, 1)
    assert functions(fault_proxy) == ["read_weeks"]


async def test_reads_of_one_moment_travel_together(
    store: SupabaseStore, roadmap: Roadmap, fault_proxy: FaultProxy
) -> None:
    await read_at_once(store, roadmap, 2 * MOST_AT_ONCE + 1)
    assert sorted(functions(fault_proxy)) == ["read_documents", "read_documents", "read_weeks"]


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.HTML_OK, Fault.CUT, Fault.LOSE])
async def test_reads_of_a_lost_batch_are_repeated_alone(
    store: SupabaseStore, roadmap: Roadmap, fault_proxy: FaultProxy, fault: Fault
) -> None:
    """So that what is wrong with one of them does not keep the others."""
    fault_proxy.inject_at(1, fault)
    await read_at_once(store, roadmap, 3)
    assert functions(fault_proxy) == ["read_documents"] + ["read_weeks"] * 3


async def test_reads_of_a_slow_batch_are_repeated_alone(
    data_plane: DataPlane, roadmap: Roadmap, fault_proxy: FaultProxy
) -> None:
    """Within the time that each of them has."""
    fault_proxy.inject_at(1, Fault.DELAY)
    async with open_store(fault_proxy.url, data_plane.service_key, seconds=3) as store:
        await read_at_once(store, roadmap, 3)
    assert functions(fault_proxy) == ["read_documents"] + ["read_weeks"] * 3


async def test_reads_of_a_refused_batch_are_repeated_alone(
    data_plane: DataPlane, store: SupabaseStore, roadmap: Roadmap, fault_proxy: FaultProxy
) -> None:
    """Somebody has revoked a right on the function that makes them together."""
    execute = data_plane.database.execute
    execute("revoke execute on function read_documents from service_role")
    try:
        await read_at_once(store, roadmap, 3)
    finally:
        execute("grant execute on function read_documents to service_role")
    assert functions(fault_proxy) == ["read_documents"] + ["read_weeks"] * 3


def test_each_document_is_computed_once(data_plane: DataPlane) -> None:
    calls = json.dumps([{"function": "read_weeks", "p_roadmap_id": each} for each in range(5)])
    with psycopg.connect(data_plane.database.uri()) as connection:
        connection.execute("set track_functions = 'all'")
        connection.execute("select read_documents(%s)", (calls,))
        counted = connection.execute(
            "select calls from pg_stat_xact_user_functions where funcname = 'read_weeks'"
        )
        assert counted.fetchall() == [(5,)]


async def test_caller_who_gives_up_takes_nobody_along(
    store: SupabaseStore, roadmap: Roadmap, fault_proxy: FaultProxy
) -> None:
    fault_proxy.inject_at(1, Fault.DELAY)
    given_up, *others = [
        asyncio.create_task(store.documents.list_weeks(roadmap.roadmap_id)) for _ in range(3)
    ]
    await fault_proxy.until_held()
    given_up.cancel()
    fault_proxy.release()
    first, second = await asyncio.gather(*others)
    assert first == second
    assert given_up.cancelled()


@pytest.mark.parametrize("count", [1, 3])
async def test_nothing_waits_longer_than_its_timeout(
    data_plane: DataPlane, roadmap: Roadmap, fault_proxy: FaultProxy, count: int
) -> None:
    """Neither a caller, nor the request that goes on without one."""
    fault_proxy.inject(Fault.WITHHOLD, lambda _: True)
    async with open_store(fault_proxy.url, data_plane.service_key, seconds=1) as store:
        tasks = asyncio.all_tasks()
        reads = [store.documents.list_weeks(roadmap.roadmap_id) for _ in range(count)]
        async with asyncio.timeout(5):
            outcomes = await asyncio.gather(*reads, return_exceptions=True)
            assert [type(each) for each in outcomes] == [StoreTooSlowError] * count
            await until_true(lambda: not asyncio.all_tasks() - tasks)


async def test_ticks_of_unknown_tasks_are_not_asked_twice(
    store: SupabaseStore, fault_proxy: FaultProxy
) -> None:
    ticks = [store.set_task_completed(str(uuid4()), completed=True) for _ in range(3)]
    outcomes = await asyncio.gather(*ticks, return_exceptions=True)
    assert [type(each) for each in outcomes] == [TaskNotFoundError] * 3
    assert functions(fault_proxy) == ["set_tasks_completed"]


async def test_nobody_waits_for_the_task_of_another(
    data_plane: DataPlane, store: SupabaseStore, roadmap: Roadmap, fault_proxy: FaultProxy
) -> None:
    """Something has locked one of three tasks: its tick waits alone."""
    locked, *free = (await list_tasks(store, roadmap.roadmap_id))[:3]
    fault_proxy.reset()
    async with await psycopg.AsyncConnection.connect(data_plane.database.uri()) as other:
        await other.execute("select from roadmap_tasks where id = %s for update", (locked.id,))
        waiting, *ticks = [
            asyncio.create_task(store.set_task_completed(task.id, completed=True))
            for task in (locked, *free)
        ]
        async with asyncio.timeout(5):
            await asyncio.gather(*ticks)
        assert not waiting.done()
    await waiting
    tasks = await list_tasks(store, roadmap.roadmap_id)
    assert [task.id for task in tasks if task.completed] == [locked.id, *(each.id for each in free)]
    assert functions(fault_proxy)[:2] == ["set_tasks_completed", "set_task_completed"]
