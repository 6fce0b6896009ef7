"""The clock of the machine, which an operator or a time server may set back."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from src.dao.sqlite import generations as sqlite_generations
from src.dao.sqlite.file import now
from src.dao.sqlite.store import SqliteStore
from src.domain.generation import Failure, Lease, ProgressReport
from src.domain.plan import ModelUsage
from tests.contract.test_quotas import begin, request_of, somebody
from tests.support.plans import UNBOUNDED

HOUR = 3600
LEASE_SECONDS = 60

SetClock = Callable[[float], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Return a function that sets the clock to so many seconds from now."""

    def set_clock(offset: float) -> None:
        monkeypatch.setattr(
            sqlite_generations, "now", lambda plus_seconds=0: now(plus_seconds + offset)
        )

    return set_clock


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(tmp_path / "momentum.db")
    yield store
    await store.close()


def lease() -> Lease:
    return Lease(seconds=LEASE_SECONDS)


async def test_lease_of_a_dead_process_ends_though_the_clock_was_set_back(
    store: SqliteStore, set_clock: SetClock
) -> None:
    """At most its length after the first sweep that finds it, and not when the clock says."""
    set_clock(HOUR)
    record = await begin(store, request_of(somebody()), UNBOUNDED)
    set_clock(0)
    assert await store.generations.claim(lease()) is None
    set_clock(LEASE_SECONDS - 1)
    assert await store.generations.claim(lease()) is None
    set_clock(LEASE_SECONDS + 1)
    claimed = await store.generations.claim(lease())
    assert claimed is not None
    assert claimed.generation_id == record.generation_id


async def test_process_that_lives_keeps_its_lease_though_the_clock_was_set_back(
    store: SqliteStore, set_clock: SetClock
) -> None:
    """It renews its lease by the clock as it is now."""
    set_clock(HOUR)
    record = await begin(store, request_of(somebody()), UNBOUNDED)
    set_clock(0)
    assert await store.generations.claim(lease()) is None
    set_clock(LEASE_SECONDS / 2)
    held = Lease(lease_id=record.lease_id, seconds=LEASE_SECONDS)
    progress = ProgressReport(first_number=1, weeks_done=0, usage=ModelUsage(model=""))
    await store.generations.record_progress(held, progress)
    set_clock(LEASE_SECONDS + 1)
    assert await store.generations.claim(lease()) is None


async def test_pause_ends_when_it_was_due(store: SqliteStore, set_clock: SetClock) -> None:
    """A pause may be longer than a lease, so that its end is not brought forward."""
    record = await begin(store, request_of(somebody()), UNBOUNDED)
    set_clock(0)
    await store.generations.postpone(record.lease_id, HOUR, Failure(problem="model-unavailable"))
    assert await store.generations.claim(lease()) is None
    set_clock(LEASE_SECONDS + 1)
    assert await store.generations.claim(lease()) is None
    set_clock(HOUR + 1)
    assert await store.generations.claim(lease()) is not None
