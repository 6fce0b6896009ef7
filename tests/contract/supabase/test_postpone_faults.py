"""What becomes of a generation whose process loses the answer while it records a wait."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from src.dao.supabase.store import SupabaseStore
from src.domain.errors import ModelUnavailableError
from src.domain.generation import Failure, Lease
from tests.support.data_plane import DataPlane
from tests.support.fault_proxy import Exchange, Fault, FaultProxy
from tests.support.plans import UNBOUNDED, asked_for, new_roadmap

PAUSE_SECONDS = 600.0
UNAVAILABLE = Failure(problem=ModelUnavailableError.code)


def is_postponement(exchange: Exchange) -> bool:
    return exchange.path.endswith("/rpc/postpone_generation")


@pytest.fixture
async def disturbed(data_plane: DataPlane, fault_proxy: FaultProxy) -> AsyncIterator[SupabaseStore]:
    """Open the store whose requests are disturbed."""
    store = await SupabaseStore.open(fault_proxy.url, data_plane.service_key)
    yield store
    await store.close()


@pytest.mark.parametrize("pause", [PAUSE_SECONDS, 90_000])
@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.LOSE, Fault.CUT, Fault.UNAVAILABLE])
async def test_passing_fault_is_not_noticed(
    disturbed: SupabaseStore, fault_proxy: FaultProxy, fault: Fault, pause: float
) -> None:
    """The step is repeated, whether or not it had happened; it happens once."""
    lease = Lease(seconds=60)
    await disturbed.generations.begin(asked_for(new_roadmap().request), lease, UNBOUNDED)
    fault_proxy.reset()
    fault_proxy.inject_at(1, fault)
    record = await disturbed.generations.postpone(lease.lease_id, pause, UNAVAILABLE)
    assert record.state == ("waiting" if pause == PAUSE_SECONDS else "failed")
    assert await disturbed.generations.get(record.generation_id) == record
    assert len([e for e in fault_proxy.exchanges if is_postponement(e)]) == 2


async def test_repeated_step_changes_nothing_after_a_claim(data_plane: DataPlane) -> None:
    """It finds the generation again until another process has claimed it."""
    store = await SupabaseStore.open(data_plane.url, data_plane.service_key)
    lease = Lease(seconds=60)
    await store.generations.begin(asked_for(new_roadmap().request), lease, UNBOUNDED)
    step = (
        "select resume_at from postpone_generation("  # noqa: S608  ours
        f"'{lease.lease_id}', '{uuid4()}', {PAUSE_SECONDS}, 86400, 'model-unavailable', false)"
    )
    first = data_plane.query(step)
    assert len(first) == 1
    assert data_plane.query(step) == first
    data_plane.execute("update generations set lease_until = now()")
    claimed = await store.generations.claim(new := Lease(seconds=60))
    assert claimed is not None
    assert data_plane.query(step) == []
    assert await store.generations.get(claimed.generation_id) == claimed
    assert claimed.lease_id == new.lease_id
    await store.close()
