"""Workers of older releases share the database during a deploy, and number no end themselves."""

import json
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from src.dao.supabase.store import SupabaseStore
from src.domain.generation import Lease
from src.domain.plan import ModelUsage
from tests.support.data_plane import DataPlane
from tests.support.plans import UNBOUNDED, asked_for, new_roadmap, parts_of

USAGE = ModelUsage(model="m").model_dump_json()


@pytest.fixture
async def store(data_plane: DataPlane) -> AsyncIterator[SupabaseStore]:
    store = await SupabaseStore.open(data_plane.url, data_plane.service_key)
    yield store
    await store.close()


def record_as_they_do(data_plane: DataPlane, lease_id: UUID, *, first: int, last: int) -> bool:
    """Call their function with parts of these numbers; return what it returns."""
    outline = parts_of(new_roadmap())[0].model_dump(mode="json")
    parts = [
        {"number": number, "kind": "outline", "part": outline} for number in range(first, last + 1)
    ]
    text = json.dumps(parts).replace("'", "''")
    ((is_held,),) = data_plane.query(
        f"select record_progress('{lease_id}', 60, '{text}', 0, '{USAGE}', null)"
    )
    return bool(is_held)


async def test_what_they_store_is_numbered(store: SupabaseStore, data_plane: DataPlane) -> None:
    """Their reports are true or false, and the end that they store gets its number."""
    plan, lease = new_roadmap(), Lease(seconds=60)
    record = await store.generations.begin(asked_for(plan.request, plan.user_id), lease, UNBOUNDED)
    assert record_as_they_do(data_plane, lease.lease_id, first=1, last=3)
    assert record_as_they_do(data_plane, lease.lease_id, first=3, last=4)
    data_plane.execute("update generations set finished_at = now(), problem = 'ModelOutputError'")
    assert not record_as_they_do(data_plane, lease.lease_id, first=5, last=6)
    read = await store.generations.read(record.generation_id)
    assert [number for number, _ in read.events(0)] == [1, 2, 3, 4, 5]
    assert read.record.end_number == 5


async def test_they_read_parts_alone(store: SupabaseStore, data_plane: DataPlane) -> None:
    """They fail on a row of another kind: the end is none."""
    plan, lease = new_roadmap(), Lease(seconds=60)
    await store.generations.begin(asked_for(plan.request, plan.user_id), lease, UNBOUNDED)
    record_as_they_do(data_plane, lease.lease_id, first=1, last=2)
    await store.add_roadmap(plan.model_copy(update={"lease_id": lease.lease_id}))
    kinds = data_plane.query("select distinct kind from generation_events")
    assert kinds == [("outline",)]
