"""How one process keeps its leases while the database is slow."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import pytest

from src.dao.sqlite.store import SqliteStore
from src.domain import errors
from src.domain.generation import Lease, PlannedPart, ProgressReport
from src.domain.plan import PlanRequest
from src.llm import PlanPart
from src.services.generation.registry import RunRegistry
from tests.support.plans import UNBOUNDED, asked_for, new_roadmap
from tests.support.waiting import PATIENCE_SECONDS, until_true

LEASE_SECONDS = 0.8


class EndlessPlanner:
    """Plans for as long as it may, without a result."""

    name = "endless"

    async def plan(
        self,
        request: PlanRequest,  # noqa: ARG002  as the protocol names it
        known: Sequence[PlannedPart] = (),  # noqa: ARG002
    ) -> AsyncGenerator[PlanPart, None]:
        await asyncio.Event().wait()
        yield new_roadmap().weeks[0]

    async def close(self) -> None:
        """Do nothing: there are no connections."""


@pytest.fixture
async def runs(store: SqliteStore) -> AsyncIterator[RunRegistry]:
    runs = RunRegistry(store, EndlessPlanner(), timeout_seconds=60, lease_seconds=LEASE_SECONDS)
    yield runs
    await runs.close()


async def start(runs: RunRegistry, store: SqliteStore, lease: Lease) -> None:
    """Begin a generation under a lease, and work on it."""
    record = await store.generations.begin(asked_for(new_roadmap().request), lease, UNBOUNDED)
    await runs.start(record, lease, is_new=True)


async def test_process_that_renews_late_takes_nothing_new(
    store: SqliteStore, runs: RunRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more generation would delay the others further; it is admitted once they are in time."""
    record_progress, may_answer = store.generations.record_progress, asyncio.Event()

    async def answer_late(lease: Lease, report: ProgressReport) -> int:
        await may_answer.wait()
        return await record_progress(lease, report)

    monkeypatch.setattr(store.generations, "record_progress", answer_late)
    await start(runs, store, Lease(seconds=LEASE_SECONDS))
    with runs.reserve():
        pass
    await asyncio.sleep(LEASE_SECONDS)
    with pytest.raises(errors.OverloadedError), runs.reserve():
        pass
    may_answer.set()

    def is_admitted() -> bool:
        try:
            with runs.reserve():
                return True
        except errors.OverloadedError:
            return False

    await until_true(is_admitted)


async def test_lease_that_was_granted_slowly_is_renewed_at_once(
    store: SqliteStore, runs: RunRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lease runs from when the store writes it, and not from when its answer arrives."""
    has_renewed = asyncio.Event()
    record_progress = store.generations.record_progress

    async def note(lease: Lease, report: ProgressReport) -> int:
        has_renewed.set()
        return await record_progress(lease, report)

    monkeypatch.setattr(store.generations, "record_progress", note)
    await start(runs, store, Lease(seconds=600, requested_at=time.monotonic() - 590))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await has_renewed.wait()
