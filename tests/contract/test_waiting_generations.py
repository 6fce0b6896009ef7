"""What the record promises about generations that wait for the model's provider."""

from datetime import timedelta
from uuid import uuid4

import pytest

from src.dao import Store
from src.domain.errors import LeaseLostError, LimitReachedError, ModelUnavailableError
from src.domain.generation import (
    MAX_RESUMPTIONS,
    MAX_WAITING_SECONDS,
    Failure,
    GenerationRecord,
    Lease,
    NewGeneration,
    ProgressReport,
    SweepResult,
)
from src.domain.plan import ModelUsage, NewRoadmap
from src.domain.quotas import QuotaPolicies, QuotaPolicy
from tests.support.backends import Backend, count
from tests.support.plans import UNBOUNDED, asked_for, new_roadmap, parts_of

PAUSE_SECONDS = 600.0
LONG_AGO = "2026-01-01T00:00:00.000000+00:00"
UNAVAILABLE = Failure(problem=ModelUnavailableError.code)
ABANDONED = Failure(problem="generation-abandoned")
USAGE = ModelUsage(model="m", calls=3, priced_calls=3, cost_dollars=0.25)


def new_lease() -> Lease:
    return Lease(seconds=60)


def request_for(plan: NewRoadmap, key: str | None = None) -> NewGeneration:
    return asked_for(plan.request, plan.user_id, key).model_copy(update={"reserved_dollars": 0.5})


async def start_waiting(
    store: Store, plan: NewRoadmap, key: str | None = None, lease: Lease | None = None
) -> GenerationRecord:
    """Begin a generation, record all its parts, and let it wait."""
    lease = lease or new_lease()
    await store.generations.begin(request_for(plan, key), lease, UNBOUNDED)
    parts = tuple(parts_of(plan))
    report = ProgressReport(parts=parts, first_number=1, weeks_done=2, usage=USAGE)
    await store.generations.record_progress(lease, report)
    return await store.generations.postpone(lease.lease_id, PAUSE_SECONDS, UNAVAILABLE)


def end_wait(backend: Backend) -> None:
    """Let `resume_at` be past."""
    backend.execute(
        f"update generations set resume_at = '{LONG_AGO}', lease_until = '{LONG_AGO}'"  # noqa: S608  ours
        " where resume_at is not null"
    )


def set_start(backend: Backend, record: GenerationRecord, *, hours_ago: float) -> None:
    """Let a generation have begun so many hours earlier."""
    start = (record.started_at - timedelta(hours=hours_ago)).isoformat(timespec="microseconds")
    backend.execute(f"update generations set started_at = '{start}'")  # noqa: S608  ours


async def test_waiting_generation_keeps_everything(store: Store, other_store: Store) -> None:
    """Every process sees until when it waits, its parts and what they cost."""
    plan = new_roadmap()
    waiting = await start_waiting(store, plan)
    assert await other_store.generations.get(waiting.generation_id) == waiting
    assert waiting.state == "waiting"
    assert waiting.finished_at is None
    assert waiting.resume_at is not None
    pause = waiting.resume_at - waiting.started_at
    assert timedelta(0) <= pause - timedelta(seconds=PAUSE_SECONDS) < timedelta(seconds=60)
    assert (waiting.weeks_done, waiting.usage, waiting.error) == (2, USAGE, None)
    parts = await other_store.generations.list_parts(waiting.generation_id)
    assert [stored.part for stored in parts] == parts_of(plan)


@pytest.mark.parametrize("key", ["k", None])
async def test_nobody_continues_it_before_its_time(
    store: Store, other_store: Store, key: str | None
) -> None:
    """Neither a claim, nor a sweep, nor the same request, which meets it unchanged."""
    plan = new_roadmap()
    waiting = await start_waiting(store, plan, key)
    assert await other_store.generations.claim(new_lease()) is None
    assert await other_store.generations.sweep(ABANDONED) == SweepResult(roadmaps=0, generations=0)
    again = await other_store.generations.begin(request_for(plan, key), new_lease(), UNBOUNDED)
    assert again == waiting == await store.generations.get(waiting.generation_id)


async def test_it_can_be_claimed_afterwards(
    store: Store, other_store: Store, backend: Backend
) -> None:
    """By one process, which then stores its roadmap."""
    plan = new_roadmap()
    waiting = await start_waiting(store, plan)
    end_wait(backend)
    assert await other_store.generations.sweep(ABANDONED) == SweepResult(roadmaps=0, generations=0)
    lease = new_lease()
    claimed = await other_store.generations.claim(lease)
    assert claimed is not None
    assert claimed.generation_id == waiting.generation_id
    assert (claimed.state, claimed.resume_at, claimed.changed_hands) == ("running", None, True)
    assert await store.generations.claim(new_lease()) is None
    done = await other_store.add_roadmap(plan.model_copy(update={"lease_id": lease.lease_id}))
    assert (done.state, done.resume_at) == ("succeeded", None)


@pytest.mark.parametrize("key", ["k", None])
async def test_same_request_continues_it_afterwards(
    store: Store, other_store: Store, backend: Backend, key: str | None
) -> None:
    """A learner who asks again need not wait for a sweep; another request does not claim it."""
    plan = new_roadmap()
    waiting = await start_waiting(store, plan, key)
    end_wait(backend)
    if key:
        other = new_roadmap(plan.user_id, goal="Learn Go")
        met = await store.generations.begin(request_for(other, key), new_lease(), UNBOUNDED)
        assert met.state == "waiting"
    lease = new_lease()
    again = await other_store.generations.begin(request_for(plan, key), lease, UNBOUNDED)
    assert (again.generation_id, again.lease_id) == (waiting.generation_id, lease.lease_id)
    assert again.state == "running"
    assert count(backend, "generations") == 1


async def test_late_holder_changes_nothing(store: Store, other_store: Store) -> None:
    """Who let it wait holds no lease any more, however late its writes arrive."""
    plan, old = new_roadmap(), new_lease()
    waiting = await start_waiting(store, plan, lease=old)
    with pytest.raises(LeaseLostError):
        await store.generations.record_progress(
            old, ProgressReport(first_number=1, weeks_done=0, usage=USAGE)
        )
    with pytest.raises(LeaseLostError):
        await store.add_roadmap(plan.model_copy(update={"lease_id": old.lease_id}))
    with pytest.raises(LeaseLostError):
        await store.generations.postpone(old.lease_id, 1, UNAVAILABLE)
    await store.generations.fail(old.lease_id, UNAVAILABLE)
    await store.generations.release(old.lease_id)
    assert await other_store.generations.get(waiting.generation_id) == waiting
    assert await other_store.generations.claim(new_lease()) is None


async def test_late_pause_does_not_stop_the_next_holder(store: Store, other_store: Store) -> None:
    """A process that counted as dead asks for a pause after another one has claimed it."""
    plan, old, new = new_roadmap(), new_lease(), new_lease()
    await store.generations.begin(request_for(plan), old, UNBOUNDED)
    await store.generations.release(old.lease_id)
    claimed = await other_store.generations.claim(new)
    assert claimed is not None
    with pytest.raises(LeaseLostError):
        await store.generations.postpone(old.lease_id, PAUSE_SECONDS, UNAVAILABLE)
    assert await store.generations.get(claimed.generation_id) == claimed


async def test_waiting_uses_up_no_resumption(store: Store, backend: Backend) -> None:
    """It may wait more often than it may be taken over, and even at its last resumption."""
    waiting = await start_waiting(store, new_roadmap())
    for _ in range(MAX_RESUMPTIONS + 2):
        end_wait(backend)
        lease = new_lease()
        assert await store.generations.claim(lease) is not None
        await store.generations.postpone(lease.lease_id, PAUSE_SECONDS, UNAVAILABLE)
    assert backend.query("select resumptions from generations") == [(0,)]
    backend.execute(f"update generations set resumptions = {MAX_RESUMPTIONS}")  # noqa: S608  ours
    end_wait(backend)
    assert await store.generations.sweep(ABANDONED) == SweepResult(roadmaps=0, generations=0)
    claimed = await store.generations.claim(new_lease())
    assert claimed is not None
    assert claimed.generation_id == waiting.generation_id


async def test_crash_after_the_wait_is_a_resumption(store: Store, backend: Backend) -> None:
    """Only the end of the wait itself is none."""
    await start_waiting(store, new_roadmap())
    end_wait(backend)
    claimed = await store.generations.claim(new_lease())
    assert claimed is not None
    await store.generations.release(claimed.lease_id)
    assert await store.generations.claim(new_lease()) is not None
    assert backend.query("select resumptions from generations") == [(1,)]


async def test_it_fails_a_day_after_its_start(store: Store, backend: Backend) -> None:
    """If nobody continued it until then; its key is free again, and its cost stays unknown."""
    plan = new_roadmap()
    waiting = await start_waiting(store, plan, "k")
    end_wait(backend)
    set_start(backend, waiting, hours_ago=23.9)
    assert await store.generations.sweep(ABANDONED) == SweepResult(roadmaps=0, generations=0)
    set_start(backend, waiting, hours_ago=24.1)
    assert await store.generations.sweep(ABANDONED) == SweepResult(roadmaps=0, generations=1)
    failed = await store.generations.get(waiting.generation_id)
    assert (failed.state, failed.problem) == ("failed", "model-unavailable")
    assert isinstance(failed.error, ModelUnavailableError)
    assert backend.query("select cost_known from generations") in ([(False,)], [(0,)])
    assert await store.generations.claim(new_lease()) is None
    lease = new_lease()
    again = await store.generations.begin(request_for(plan, "k"), lease, UNBOUNDED)
    assert again.lease_id == lease.lease_id
    assert again.generation_id != waiting.generation_id


@pytest.mark.parametrize(
    ("hours_ago", "pause", "state"),
    [
        (0, MAX_WAITING_SECONDS - 60, "waiting"),
        (0, MAX_WAITING_SECONDS + 1, "failed"),
        (20, 3 * 3600, "waiting"),
        (20, 5 * 3600, "failed"),
    ],
)
async def test_pause_that_ends_too_late_fails_at_once(
    store: Store, backend: Backend, hours_ago: int, pause: float, state: str
) -> None:
    """A generation waits for a day after its start in total."""
    lease = new_lease()
    record = await store.generations.begin(request_for(new_roadmap()), lease, UNBOUNDED)
    set_start(backend, record, hours_ago=hours_ago)
    postponed = await store.generations.postpone(lease.lease_id, pause, UNAVAILABLE)
    assert postponed == await store.generations.get(record.generation_id)
    assert postponed.state == state
    assert postponed.problem == ("model-unavailable" if state == "failed" else None)
    if state == "failed":
        await store.generations.release(lease.lease_id)
        assert await store.generations.claim(new_lease()) is None


@pytest.mark.parametrize("when", ["while it waits", "before it waits"])
async def test_it_can_be_cancelled(store: Store, when: str) -> None:
    """It has ended then, and neither waits nor continues."""
    lease = new_lease()
    record = await store.generations.begin(request_for(new_roadmap()), lease, UNBOUNDED)
    if when == "while it waits":
        await store.generations.postpone(lease.lease_id, PAUSE_SECONDS, UNAVAILABLE)
    cancelled = await store.generations.cancel(
        record.generation_id, Failure(problem="generation-cancelled"), record.user_id
    )
    assert cancelled.state == "cancelled"
    if when == "before it waits":
        postponed = await store.generations.postpone(lease.lease_id, PAUSE_SECONDS, UNAVAILABLE)
        assert postponed == cancelled
    assert await store.generations.claim(new_lease()) is None
    assert await store.generations.get(record.generation_id) == cancelled


async def test_unknown_lease_cannot_wait(store: Store) -> None:
    """Nothing is written under a lease that nobody holds."""
    with pytest.raises(LeaseLostError):
        await store.generations.postpone(uuid4(), PAUSE_SECONDS, UNAVAILABLE)


@pytest.mark.parametrize("limit", ["at once", "per hour", "budget"])
async def test_it_counts_once(store: Store, limit: str) -> None:
    """While it waits it keeps its place and its reservation; the same request needs no second."""
    plan = new_roadmap()
    window = 3600 if limit == "per hour" else None
    policy = QuotaPolicy(policy="one", scope="user", most=1, window_seconds=window)
    quotas = UNBOUNDED.model_copy(update={"limits": (policy,)})
    if limit == "budget":
        quotas = QuotaPolicies(limits=(), budget_dollars=0.9, address_budget_dollars=0.9)
    waiting = await start_waiting(store, plan)
    again = await store.generations.begin(request_for(plan), new_lease(), quotas)
    assert again == waiting
    other = new_roadmap(plan.user_id, goal="Learn Go")
    with pytest.raises(LimitReachedError):
        await store.generations.begin(request_for(other), new_lease(), quotas)
