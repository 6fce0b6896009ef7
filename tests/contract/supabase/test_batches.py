"""Calls that travel to PostgREST together: how many requests, and what one fault does to whom."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from src.dao.supabase.batches import MOST_AT_ONCE
from src.dao.supabase.store import SupabaseStore
from src.domain.roadmap import Roadmap
from tests.support.data_plane import DataPlane, open_store
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.plans import new_roadmap, stored
from tests.support.reads import list_tasks


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
