"""Workers of release 0.1 share the database during a deploy, and know nothing of waiting."""

from collections.abc import AsyncIterator

import pytest

from src.dao.supabase.store import SupabaseStore
from src.domain.errors import ModelUnavailableError
from src.domain.generation import Failure, GenerationRecord, Lease
from tests.support.data_plane import DataPlane
from tests.support.plans import UNBOUNDED, asked_for, new_roadmap

PAUSE_SECONDS = 600.0
CLAIM = "select count(*) from claim_generation(gen_random_uuid(), 60, 10)"
SWEEP = "select generations from sweep_generations(10, 'GenerationAbandonedError')"
END_WAIT = "update generations set lease_until = now(), resume_at = now()"


@pytest.fixture
async def store(data_plane: DataPlane) -> AsyncIterator[SupabaseStore]:
    store = await SupabaseStore.open(data_plane.url, data_plane.service_key)
    yield store
    await store.close()


@pytest.fixture
async def waiting(store: SupabaseStore) -> GenerationRecord:
    lease = Lease(seconds=60)
    plan = new_roadmap()
    await store.generations.begin(asked_for(plan.request, plan.user_id), lease, UNBOUNDED)
    failure = Failure(problem=ModelUnavailableError.code)
    return await store.generations.postpone(lease.lease_id, PAUSE_SECONDS, failure)


async def test_they_leave_a_waiting_generation_alone(
    store: SupabaseStore, data_plane: DataPlane, waiting: GenerationRecord
) -> None:
    """Their sweeps and claims find nothing, so they do not try in a loop."""
    assert data_plane.query(SWEEP) == [(0,)]
    assert data_plane.query(CLAIM) == [(0,)]
    assert await store.generations.get(waiting.generation_id) == waiting


async def test_they_continue_it_when_it_has_waited(
    store: SupabaseStore, data_plane: DataPlane, waiting: GenerationRecord
) -> None:
    """It then runs for this release, too, and has used up no resumption."""
    data_plane.execute(END_WAIT)
    assert data_plane.query(SWEEP) == [(0,)]
    assert data_plane.query(CLAIM) == [(1,)]
    claimed = await store.generations.get(waiting.generation_id)
    assert (claimed.state, claimed.resume_at) == ("running", None)
    assert data_plane.query("select resumptions from generations") == [(0,)]


@pytest.mark.parametrize(
    ("problem", "state"),
    [("GenerationCancelledError", "cancelled"), ("ModelUnavailableError", "failed")],
)
async def test_what_they_write_counts_right(
    store: SupabaseStore, data_plane: DataPlane, waiting: GenerationRecord, problem: str, state: str
) -> None:
    """They end it with the name of a class; its reservation counts, and it waits no more."""
    data_plane.execute("update generations set reserved_dollars = 0.5, calls = 1")
    data_plane.execute(END_WAIT)
    if state == "failed":
        assert data_plane.query(CLAIM) == [(1,)]
    data_plane.execute(
        f"update generations set finished_at = now(), problem = '{problem}'"  # noqa: S608  ours
    )
    assert (await store.generations.get(waiting.generation_id)).state == state
    assert data_plane.query("select dollars from ledger") == [(0.5,)]


async def test_their_sweep_ends_it_after_a_day(
    store: SupabaseStore, data_plane: DataPlane, waiting: GenerationRecord
) -> None:
    """With the code of this release."""
    data_plane.execute(f"{END_WAIT}, started_at = now() - interval '25 hours'")
    assert data_plane.query(SWEEP) == [(1,)]
    assert (await store.generations.get(waiting.generation_id)).problem == "model-unavailable"
