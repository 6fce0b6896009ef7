"""How one process leaves a generation waiting for the model's provider, whatever goes wrong."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import NamedTuple
from uuid import UUID

import pytest

from src.dao.sqlite.store import SqliteStore
from src.domain import errors
from src.domain.generation import (
    MAX_WAITING_SECONDS,
    Failure,
    GenerationRecord,
    Lease,
    PlannedPart,
)
from src.domain.plan import PlanRequest
from src.llm import PlanPart
from src.services.generation.registry import RunRegistry
from src.services.generation.run import GenerationRun
from tests.support.plans import UNBOUNDED, asked_for, new_roadmap, parts_of
from tests.support.waiting import PATIENCE_SECONDS

PAUSE_SECONDS = 600.0
PARTS = parts_of(new_roadmap())[:3]


class PausedPlanner:
    """Plans three parts, then the provider asks for a pause."""

    name = "paused"

    def __init__(self, error: errors.ModelError) -> None:
        self._error = error

    async def plan(
        self,
        request: PlanRequest,  # noqa: ARG002  as the protocol names it
        known: Sequence[PlannedPart] = (),
    ) -> AsyncGenerator[PlanPart, None]:
        for part in PARTS[len(known) :]:
            yield part
        raise self._error

    async def close(self) -> None:
        """Do nothing: there are no connections."""


class Started(NamedTuple):
    """A generation and the process that runs it."""

    generation_id: UUID
    runs: RunRegistry
    run: GenerationRun


async def start_run(store: SqliteStore, *, pause: float = PAUSE_SECONDS) -> Started:
    """Begin a generation whose provider asks for a pause of so many seconds."""
    planner = PausedPlanner(errors.ModelUnavailableError("429", pause))
    runs = RunRegistry(store, planner, timeout_seconds=60, lease_seconds=20)
    lease = Lease(seconds=20)
    record = await store.generations.begin(asked_for(new_roadmap().request), lease, UNBOUNDED)
    await runs.start(record, lease, is_new=True)
    run = runs.get(record.generation_id)
    assert run is not None
    return Started(record.generation_id, runs, run)


async def outcome_of(started: Started) -> object:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await started.run.wait_for_outcome()


async def record_of(store: SqliteStore, started: Started) -> GenerationRecord:
    return await store.generations.get(started.generation_id)


async def parts_of_run(store: SqliteStore, started: Started) -> list[PlannedPart]:
    parts = await store.generations.list_parts(started.generation_id)
    return [stored.part for stored in parts]


async def test_run_ends_and_its_generation_waits(store: SqliteStore) -> None:
    """Its parts stay on record, nobody may claim it, and the process has its place free."""
    started = await start_run(store)
    outcome = await outcome_of(started)
    record = await record_of(store, started)
    assert isinstance(outcome, errors.GenerationWaitingError)
    assert record.state == "waiting"
    assert outcome.resume_at == record.resume_at
    assert outcome.retry_after is not None
    assert PAUSE_SECONDS - PATIENCE_SECONDS < outcome.retry_after <= PAUSE_SECONDS
    assert await parts_of_run(store, started) == PARTS
    assert await store.generations.claim(Lease(seconds=20)) is None
    assert not started.runs.is_busy
    assert [event async for event in started.run.events.stream()] == [*enumerate(PARTS, start=1)]


async def test_pause_beyond_a_day_fails_at_once(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody waits for longer than that. The client and the operator learn what happened."""
    started = await start_run(store, pause=MAX_WAITING_SECONDS)
    outcome = await outcome_of(started)
    assert isinstance(outcome, errors.ModelUnavailableError)
    assert outcome.retry_after == MAX_WAITING_SECONDS
    assert "a generation failed: ModelUnavailableError: 429" in caplog.text
    record = await record_of(store, started)
    assert (record.state, record.problem) == ("failed", "model-unavailable")


async def test_cancelled_generation_does_not_wait(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The learner may cancel it just before the pause is recorded."""
    postpone = store.generations.postpone

    async def cancel_first(lease_id: UUID, seconds: float, failure: Failure) -> GenerationRecord:
        await store.generations.cancel(
            started.generation_id, Failure(problem="generation-cancelled")
        )
        return await postpone(lease_id, seconds, failure)

    monkeypatch.setattr(store.generations, "postpone", cancel_first)
    started = await start_run(store)
    assert isinstance(await outcome_of(started), errors.GenerationCancelledError)
    assert (await record_of(store, started)).state == "cancelled"


async def test_generation_that_another_process_claimed_stays_with_it(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The pause comes too late; the new holder's lease stays valid."""
    postpone = store.generations.postpone
    lease = Lease(seconds=60)

    async def claim_first(lease_id: UUID, seconds: float, failure: Failure) -> GenerationRecord:
        await store.generations.release(lease_id)
        assert await store.generations.claim(lease) is not None
        return await postpone(lease_id, seconds, failure)

    monkeypatch.setattr(store.generations, "postpone", claim_first)
    started = await start_run(store)
    assert isinstance(await outcome_of(started), errors.HandedOverError)
    record = await record_of(store, started)
    assert (record.state, record.lease_id) == ("running", lease.lease_id)
    assert "unexpectedly" not in caplog.text


async def test_failing_database_leaves_it_to_the_next_process(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On record it runs under a lease that expires, so it is not lost."""

    async def fail(*_: object) -> GenerationRecord:
        raise errors.StoreUnavailableError("it restarts")

    monkeypatch.setattr(store.generations, "postpone", fail)
    started = await start_run(store)
    assert isinstance(await outcome_of(started), errors.HandedOverError)
    record = await record_of(store, started)
    assert (record.state, record.resume_at) == ("running", None)


@pytest.mark.parametrize("has_landed", [True, False])
async def test_process_that_stops_while_it_records_the_pause(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, *, has_landed: bool
) -> None:
    """Either the generation waits, or it is released and any process may continue it at once."""
    postpone = store.generations.postpone
    is_recording = asyncio.Event()

    async def hang(lease_id: UUID, seconds: float, failure: Failure) -> GenerationRecord:
        if has_landed:
            await postpone(lease_id, seconds, failure)
        is_recording.set()
        return await asyncio.Future()

    monkeypatch.setattr(store.generations, "postpone", hang)
    started = await start_run(store)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await is_recording.wait()
    await started.runs.close()
    outcome = await outcome_of(started)
    claimed = await store.generations.claim(Lease(seconds=20))
    if has_landed:
        assert isinstance(outcome, errors.GenerationWaitingError)
        assert claimed is None
        assert (await record_of(store, started)).state == "waiting"
    else:
        assert isinstance(outcome, errors.HandedOverError)
        assert claimed is not None
    assert await parts_of_run(store, started) == PARTS
