"""What the record of generations promises, whichever database it is in."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from src.dao import Store
from src.domain.errors import GenerationNotFoundError, LeaseLostError
from src.domain.generation import (
    MAX_RESUMPTIONS,
    Failure,
    GenerationRecord,
    Lease,
    NewGeneration,
    PlannedPart,
    ProgressReport,
    SweepResult,
)
from src.domain.plan import ModelUsage, NewRoadmap
from tests.support.backends import Backend, count, expire_lease
from tests.support.plans import (
    UNBOUNDED,
    asked_for,
    new_roadmap,
    parts_of,
    roadmap_of,
    texts_of,
)
from tests.support.reads import list_roadmaps, list_tasks
from tests.support.waiting import until

LONG_AGO = "2026-01-01T00:00:00.000000+00:00"
NO_USAGE = ModelUsage(model="")
USAGE = ModelUsage(
    model="openai/gpt-4o-mini",
    calls=5,
    priced_calls=4,
    retries=1,
    prompt_tokens=3_000_000_000,
    completion_tokens=40,
    cost_dollars=0.125,
)


def request_for(plan: NewRoadmap, *, key: str | None = None) -> NewGeneration:
    """Return the request that a plan fulfils."""
    return asked_for(plan.request, plan.user_id, key)


def new_lease() -> Lease:
    return Lease(seconds=60)


def progress(
    parts: list[PlannedPart] | None = None, *, first: int = 1, weeks_done: int = 0
) -> ProgressReport:
    return ProgressReport(
        parts=tuple(parts or ()), first_number=first, weeks_done=weeks_done, usage=NO_USAGE
    )


def under(plan: NewRoadmap, lease: Lease) -> NewRoadmap:
    return plan.model_copy(update={"lease_id": lease.lease_id})


async def begin(
    store: Store, request: NewGeneration | None = None, lease: Lease | None = None
) -> GenerationRecord:
    """Begin a generation: it must be a new one, or one that this lease takes over."""
    lease = lease or new_lease()
    record = await store.generations.begin(request or request_for(new_roadmap()), lease, UNBOUNDED)
    assert record.lease_id == lease.lease_id
    return record


async def join(store: Store, request: NewGeneration) -> GenerationRecord:
    """Begin a generation that is on record already."""
    lease = new_lease()
    record = await store.generations.begin(request, lease, UNBOUNDED)
    assert record.lease_id != lease.lease_id
    return record


async def succeed(store: Store, plan: NewRoadmap, *, key: str | None = None) -> GenerationRecord:
    """Begin a generation and store its plan."""
    lease = new_lease()
    await begin(store, request_for(plan, key=key), lease)
    return await store.add_roadmap(under(plan, lease))


async def parts_in(store: Store, record: GenerationRecord) -> list[PlannedPart]:
    """Return the parts on record, whose numbers must count from 1."""
    parts = await store.generations.list_parts(record.generation_id)
    assert [stored.number for stored in parts] == [*range(1, len(parts) + 1)]
    return [stored.part for stored in parts]


def age(backend: Backend, *columns: str, days: int = 2) -> None:
    """Set these times of every generation some days back."""
    moment = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="microseconds")
    values = ", ".join(f"{column} = '{moment}'" for column in columns)
    backend.execute(f"update generations set {values}")  # noqa: S608  own values


# --- Beginning --------------------------------------------------------------------------------


async def test_new_generation_is_recorded_as_asked(store: Store, other_store: Store) -> None:
    """Every process sees who asked for what, and that nothing is done yet."""
    plan = new_roadmap(weeks=3)
    request, lease = request_for(plan, key="k"), new_lease()
    record = await store.generations.begin(request, lease, UNBOUNDED)
    assert record.generation_id == request.generation_id
    assert record.user_id == plan.user_id
    assert record.request == plan.request
    assert (record.idempotency_key, record.fingerprint) == ("k", request.fingerprint)
    assert record.lease_id == lease.lease_id
    assert (record.weeks_done, record.weeks_total) == (0, 3)
    assert (record.finished_at, record.roadmap, record.problem, record.saved_roadmap) == (None,) * 4
    assert record.usage == NO_USAGE
    assert await other_store.generations.get(request.generation_id) == record
    assert (await other_store.generations.read(request.generation_id)).record == record
    assert await other_store.generations.list_parts(request.generation_id) == []


async def test_same_key_is_the_same_generation(store: Store, other_store: Store) -> None:
    """Whether it runs or has succeeded, and whatever the request under the key."""
    plan = new_roadmap()
    other = new_roadmap(plan.user_id, goal="Learn Go")
    record = await begin(store, request_for(plan, key="k"), lease := new_lease())
    assert await join(other_store, request_for(plan, key="k")) == record
    # The fingerprint shows the requester that the key stands for another request.
    assert (await join(store, request_for(other, key="k"))).fingerprint == record.fingerprint
    done = await store.add_roadmap(under(plan, lease))
    assert await join(other_store, request_for(plan, key="k")) == done
    assert await join(store, request_for(other, key="k")) == done


async def test_other_request_does_not_take_over_a_lapsed_generation(
    store: Store, backend: Backend
) -> None:
    """Not even under its key."""
    plan = new_roadmap()
    record = await begin(store, request_for(plan, key="k"))
    expire_lease(backend, record.lease_id)
    other = new_roadmap(plan.user_id, goal="Learn Go")
    assert (await join(store, request_for(other, key="k"))).lease_id == record.lease_id


async def test_twin_without_a_key_joins_what_runs(store: Store, other_store: Store) -> None:
    """A double click is one generation, also beside one with a key; a later click is a new one."""
    for key in (None, "k"):
        plan = new_roadmap()
        record = await begin(store, request_for(plan, key=key), lease := new_lease())
        assert await join(other_store, request_for(plan)) == record
        await store.add_roadmap(under(plan, lease))
        assert (await begin(store, request_for(plan))).generation_id != record.generation_id


async def test_different_requests_are_different_generations(store: Store) -> None:
    """Another key, another request without one, and another user each begin one of their own."""
    plan = new_roadmap()
    requests = [
        request_for(plan),
        request_for(plan, key="one"),
        request_for(plan, key="two"),
        request_for(new_roadmap(plan.user_id, goal="Learn Go")),
        request_for(new_roadmap(), key="one"),
        request_for(new_roadmap()),
    ]
    records = [await begin(store, request) for request in requests]
    assert len({record.generation_id for record in records}) == len(requests)


@pytest.mark.parametrize("end", ["fail", "cancel"])
async def test_failure_frees_the_key(store: Store, end: str) -> None:
    """After an error or a cancellation the same request begins a new generation."""
    request = request_for(new_roadmap(), key="k")
    first = await begin(store, request)
    if end == "fail":
        await store.generations.fail(first.lease_id, Failure(problem="model-output-unusable"))
    else:
        await store.generations.cancel(first.generation_id, Failure(problem="generation-cancelled"))
    again = request.model_copy(update={"generation_id": uuid4()})
    assert (await begin(store, again)).generation_id == again.generation_id
    assert (await store.generations.get(first.generation_id)).finished_at is not None


async def test_key_is_free_after_a_day(store: Store, backend: Backend) -> None:
    """It is kept for 24 hours from when the generation began, and for as long as it runs."""
    plan = new_roadmap()
    running = new_roadmap(plan.user_id)
    done = await succeed(store, plan, key="k")
    await begin(store, request_for(running, key="running"))
    assert await join(store, request_for(plan, key="k")) == done
    age(backend, "started_at")
    await begin(store, request_for(plan, key="k"))
    await join(store, request_for(running, key="running"))
    assert (await store.generations.get(done.generation_id)).roadmap == done.roadmap


@pytest.mark.parametrize("key", ["k", None])
async def test_concurrent_requests_are_one_generation(
    store: Store, other_store: Store, backend: Backend, key: str | None
) -> None:
    """Of twenty at once from two processes one gets the lease, and all get the same record."""
    plan = new_roadmap()
    leases = [new_lease() for _ in range(20)]
    records = await asyncio.gather(
        *(
            (store, other_store)[number % 2].generations.begin(
                request_for(plan, key=key), lease, UNBOUNDED
            )
            for number, lease in enumerate(leases)
        )
    )
    assert len({record.generation_id for record in records}) == 1
    assert len({record.lease_id for record in records}) == 1
    assert records[0].lease_id in {lease.lease_id for lease in leases}
    assert count(backend, "generations") == 1


async def test_text_of_a_request_survives_unchanged(store: Store) -> None:
    text = "\"quoted\" 'single' {braces} 100% \\n, تعلّم 🚀; --"
    plan = new_roadmap(goal=text)
    record = await begin(store, request_for(plan, key="a\"b'c\\d, (e).f:g%"))
    assert record.request == plan.request
    assert await join(store, request_for(plan, key="a\"b'c\\d, (e).f:g%")) == record


# --- Leases -----------------------------------------------------------------------------------


async def test_live_lease_cannot_be_claimed(store: Store, other_store: Store) -> None:
    """While its holder reports, nobody takes a generation over."""
    await begin(store)
    assert await other_store.generations.claim(new_lease()) is None


async def test_lease_expires_by_itself(store: Store, other_store: Store) -> None:
    """After so many seconds without a report any process may take the generation over."""
    record = await begin(store, lease=Lease(seconds=0.1))
    lease = new_lease()
    claimed = await until(lambda: other_store.generations.claim(lease))
    assert claimed is not None
    assert (claimed.generation_id, claimed.lease_id) == (record.generation_id, lease.lease_id)


async def test_each_report_extends_a_lease(store: Store, backend: Backend) -> None:
    """Its seconds count from the last report on."""
    await begin(store, lease=(held := new_lease()))
    ends = [backend.query("select lease_until from generations")]
    for _ in range(2):
        await asyncio.sleep(0.002)  # for clocks that count milliseconds
        await store.generations.record_progress(held, progress())
        ends.append(backend.query("select lease_until from generations"))
    assert ends[0] < ends[1] < ends[2]


@pytest.mark.parametrize("key", ["k", None])
async def test_same_request_takes_a_lapsed_generation_over(
    store: Store, other_store: Store, backend: Backend, key: str | None
) -> None:
    """A learner who asks again need not wait for a sweep."""
    plan = new_roadmap()
    record = await begin(store, request_for(plan, key=key))
    expire_lease(backend, record.lease_id)
    again = await begin(other_store, request_for(plan, key=key))
    assert again.generation_id == record.generation_id
    await join(store, request_for(plan, key=key))


async def test_released_generation_can_be_claimed_at_once(store: Store, other_store: Store) -> None:
    """After an orderly end the next process need not wait."""
    record = await begin(store)
    await store.generations.release(record.lease_id)
    claimed = await other_store.generations.claim(new_lease())
    assert claimed is not None
    assert claimed.changed_hands
    before = {"lease_id": record.lease_id, "changed_hands": False}
    assert claimed.model_copy(update=before) == record
    assert await store.generations.claim(new_lease()) is None


async def test_former_holder_can_change_nothing(store: Store, other_store: Store) -> None:
    """However late it writes, its successor's generation stays as it is."""
    plan = new_roadmap()
    parts = parts_of(plan)
    await begin(store, request_for(plan), old := new_lease())
    await store.generations.release(old.lease_id)
    with pytest.raises(LeaseLostError):  # it does not get back what it released
        await store.generations.record_progress(old, progress(parts))
    claimed = await other_store.generations.claim(new := new_lease())
    assert claimed is not None
    await other_store.generations.record_progress(new, progress(parts[:3]))

    with pytest.raises(LeaseLostError):
        await store.generations.record_progress(old, progress(parts, weeks_done=2))
    with pytest.raises(LeaseLostError):
        await store.add_roadmap(under(plan, old))
    await store.generations.fail(old.lease_id, Failure(problem="model-output-unusable"))
    await store.generations.release(old.lease_id)
    assert await store.generations.claim(new_lease()) is None
    assert await store.generations.get(claimed.generation_id) == claimed
    assert await parts_in(store, claimed) == parts[:3]
    assert await list_roadmaps(store, plan.user_id) == []

    done = await other_store.add_roadmap(under(plan, new))
    assert await list_roadmaps(store, plan.user_id) == [done.roadmap]


async def test_lapsed_lease_counts_until_it_is_claimed(store: Store, backend: Backend) -> None:
    """A slow holder continues if nobody has taken over."""
    plan = new_roadmap()
    record = await begin(store, request_for(plan), lease := new_lease())
    expire_lease(backend, record.lease_id)
    await store.generations.record_progress(lease, progress(parts_of(plan)))
    assert await store.generations.claim(new_lease()) is None  # the report extended the lease
    expire_lease(backend, record.lease_id)
    done = await store.add_roadmap(under(plan, lease))
    assert await list_roadmaps(store, plan.user_id) == [done.roadmap]


async def test_generation_that_waits_longest_is_claimed_first(store: Store) -> None:
    """The order is that in which the leases ended, not that in which they began."""
    records = [await begin(store) for _ in range(4)]
    order = [records[number] for number in (2, 0, 3, 1)]
    for record in order:
        await store.generations.release(record.lease_id)
    claimed = [await store.generations.claim(new_lease()) for _ in order]
    assert [each and each.generation_id for each in claimed] == [r.generation_id for r in order]


async def test_each_generation_is_claimed_once(store: Store, other_store: Store) -> None:
    """Of many claimers at once from two processes, no two get the same generation."""
    records = [await begin(store) for _ in range(8)]
    for record in records:
        await store.generations.release(record.lease_id)
    claimed = await asyncio.gather(
        *((store, other_store)[number % 2].generations.claim(new_lease()) for number in range(16))
    )
    found = Counter(each and each.generation_id for each in claimed)
    # A claim during the last other claims may find none; the next sweep finds the generation.
    del found[None]
    while (late := await store.generations.claim(new_lease())) is not None:
        found[late.generation_id] += 1
    assert found == Counter(record.generation_id for record in records)


# --- Progress reports ---------------------------------------------------------------------------


async def test_progress_is_kept(store: Store, other_store: Store) -> None:
    """The weeks done, the parts and their cost are on record, for every process."""
    plan = new_roadmap()
    parts = parts_of(plan)
    record = await begin(store, request_for(plan), lease := new_lease())
    done = ProgressReport(
        parts=tuple(parts[:9]), first_number=1, weeks_done=1, usage=USAGE, first_day_seconds=1.5
    )
    await store.generations.record_progress(lease, done)
    after = await other_store.generations.get(record.generation_id)
    assert (after.weeks_done, after.first_day_seconds, after.usage) == (1, 1.5, USAGE)
    assert (after.finished_at, after.lease_id) == (None, lease.lease_id)
    assert await parts_in(other_store, record) == parts[:9]


async def test_progress_may_be_reported_twice(store: Store, backend: Backend) -> None:
    """A report that is repeated after a lost answer is kept once."""
    parts = parts_of(new_roadmap())
    record = await begin(store, lease=(lease := new_lease()))
    for _ in range(2):
        await store.generations.record_progress(lease, progress(parts[:5]))
    await store.generations.record_progress(lease, progress(parts[3:8], first=4))
    assert await parts_in(store, record) == parts[:8]
    assert count(backend, "generation_events") == 8


@pytest.mark.parametrize("total", [99, 100, 101, 1_205])
async def test_parts_are_complete_from_any_number_on(store: Store, total: int) -> None:
    """All of them come back in order, though a hosted project cuts at 1,000."""
    days = parts_of(new_roadmap(weeks=1, tasks_per_day=1))[1:8]
    parts = [days[number % 7] for number in range(total)]
    record = await begin(store, lease=(lease := new_lease()))
    await store.generations.record_progress(lease, progress(parts))
    for after in {0, 1, 98, 99, 100, 101, 999, 1_000, 1_001, total - 1, total, total + 1}:
        read = await store.generations.read(record.generation_id, after)
        assert [stored.part for stored in read.parts] == parts[after:]
        assert [stored.number for stored in read.parts] == [*range(after + 1, total + 1)]
        assert (read.record.generation_id, read.last_number) == (record.generation_id, total)


async def test_parts_belong_to_their_owner(store: Store) -> None:
    plan = new_roadmap()
    parts = parts_of(plan)
    record = await begin(store, request_for(plan), lease := new_lease())
    await store.generations.record_progress(lease, progress(parts))
    read = await store.generations.read(record.generation_id, 2, plan.user_id)
    assert [stored.part for stored in read.parts] == parts[2:]
    with pytest.raises(GenerationNotFoundError):
        await store.generations.read(record.generation_id, 2, uuid4())


async def test_progress_of_what_has_ended_is_refused(store: Store) -> None:
    """So that the holder stops planning."""
    plan = new_roadmap()
    record = await begin(store, request_for(plan), lease := new_lease())
    await store.generations.cancel(record.generation_id, Failure(problem="generation-cancelled"))
    with pytest.raises(LeaseLostError):
        await store.generations.record_progress(lease, progress(parts_of(plan)))
    with pytest.raises(LeaseLostError):
        await store.add_roadmap(under(plan, lease))
    assert await parts_in(store, record) == []
    assert await list_roadmaps(store, plan.user_id) == []


# --- The end ----------------------------------------------------------------------------------


async def test_stored_roadmap_finishes_its_generation(store: Store, other_store: Store) -> None:
    """In one step: the record has the roadmap as stored, and its usage."""
    plan = new_roadmap(daily_hours=1.5)
    record = await begin(store, request_for(plan, key="k"), lease := new_lease())
    done = ProgressReport(first_number=1, weeks_done=2, usage=USAGE, first_day_seconds=0.25)
    await store.generations.record_progress(lease, done)
    finished = await store.add_roadmap(under(plan, lease))
    assert finished == await other_store.generations.get(record.generation_id, plan.user_id)
    assert [finished.roadmap] == await list_roadmaps(other_store, plan.user_id)
    assert finished.problem is None
    assert finished.saved_roadmap is not None
    assert (
        finished.saved_roadmap.model_dump(exclude={"generation"})
        == roadmap_of(finished).model_dump()
    )
    figures = finished.saved_roadmap.generation
    assert ModelUsage(**figures.model_dump(include=set(ModelUsage.model_fields))) == USAGE
    assert figures.first_day_seconds == 0.25
    assert 0 < figures.total_seconds < 30


async def test_failure_is_recorded_by_its_code(store: Store) -> None:
    """The first end stays; the parts and their cost are kept."""
    parts = parts_of(new_roadmap())
    record = await begin(store, lease=(lease := new_lease()))
    report = ProgressReport(parts=tuple(parts[:1]), first_number=1, weeks_done=0, usage=USAGE)
    await store.generations.record_progress(lease, report)
    for problem in ("model-output-unusable", "ModelTooSlowError"):
        await store.generations.fail(lease.lease_id, Failure(problem=problem))
    failed = await store.generations.get(record.generation_id)
    assert (failed.problem, failed.roadmap, failed.usage) == ("model-output-unusable", None, USAGE)
    assert failed.finished_at is not None
    assert await parts_in(store, record) == parts[:1]
    await store.generations.release(lease.lease_id)
    assert await store.generations.claim(new_lease()) is None


async def test_cancelled_generation_has_ended(store: Store, other_store: Store) -> None:
    """Any process can cancel it; cancelling it again changes nothing."""
    record = await begin(store)
    cancelled = await other_store.generations.cancel(
        record.generation_id, Failure(problem="Cancelled")
    )
    assert (cancelled.problem, cancelled.roadmap) == ("Cancelled", None)
    assert cancelled.finished_at is not None
    again = await store.generations.cancel(
        record.generation_id, Failure(problem="Again"), record.user_id
    )
    assert again == cancelled == await store.generations.get(record.generation_id)


async def test_success_cannot_be_cancelled(store: Store) -> None:
    """The record stays as it is, and the roadmap where it is."""
    plan = new_roadmap()
    done = await succeed(store, plan)
    assert await store.generations.cancel(done.generation_id, Failure(problem="Cancelled")) == done
    assert await list_roadmaps(store, plan.user_id) == [done.roadmap]


async def test_cancelling_and_storing_at_once_have_one_winner(
    store: Store, other_store: Store
) -> None:
    """Either the roadmap is there and the record says so, or it is cancelled and nothing is."""
    for _ in range(6):
        plan = new_roadmap()
        record = await begin(store, request_for(plan), lease := new_lease())
        added, cancelled = await asyncio.gather(
            store.add_roadmap(under(plan, lease)),
            other_store.generations.cancel(record.generation_id, Failure(problem="Cancelled")),
            return_exceptions=True,
        )
        assert isinstance(cancelled, GenerationRecord)
        listed = await list_roadmaps(store, plan.user_id)
        if cancelled.problem is None:
            assert added == cancelled
            assert listed == [cancelled.roadmap]
            assert len(await list_tasks(store, listed[0].roadmap_id)) == len(texts_of(plan))
        else:
            assert isinstance(added, LeaseLostError)
            assert listed == []


async def test_generation_of_another_user_is_not_found(store: Store) -> None:
    """Nor is an unknown one; reading and cancelling change nothing."""
    record = await begin(store)
    for generation_id, user_id in ((record.generation_id, uuid4()), (uuid4(), None)):
        with pytest.raises(GenerationNotFoundError):
            await store.generations.get(generation_id, user_id)
        with pytest.raises(GenerationNotFoundError):
            await store.generations.read(generation_id, 0, user_id)
        with pytest.raises(GenerationNotFoundError):
            await store.generations.cancel(generation_id, Failure(problem="Cancelled"), user_id)
    assert await store.generations.list_parts(uuid4()) == []
    assert await store.generations.get(record.generation_id, record.user_id) == record


async def test_late_report_changes_no_figure(store: Store) -> None:
    """One that arrives after a later one leaves the cost as it is."""
    plan = new_roadmap()
    parts = parts_of(plan)
    record = await begin(store, request_for(plan), lease := new_lease())
    late, last = (
        progress(parts[:count]).model_copy(
            update={
                "weeks_done": count,
                "first_day_seconds": cost,
                "usage": ModelUsage(
                    model=f"the model of report {count}",
                    calls=count,
                    priced_calls=count,
                    retries=count,
                    prompt_tokens=count,
                    completion_tokens=count,
                    cost_dollars=cost,
                ),
            }
        )
        for count, cost in ((1, None), (2, 0.5))
    )
    for report in (late, last, late):
        await store.generations.record_progress(lease, report)
    known = await store.generations.get(record.generation_id)
    assert (known.weeks_done, known.usage) == (last.weeks_done, last.usage)
    assert known.first_day_seconds == last.first_day_seconds
    assert await parts_in(store, record) == parts[:2]


async def test_unknown_lease_is_lost(store: Store) -> None:
    lease, plan = new_lease(), new_roadmap()
    with pytest.raises(LeaseLostError):
        await store.generations.record_progress(lease, progress(parts_of(plan)))
    with pytest.raises(LeaseLostError):
        await store.add_roadmap(under(plan, lease))
    assert await list_roadmaps(store, plan.user_id) == []


# --- Sweeping ---------------------------------------------------------------------------------


async def resume_without_progress(store: Store, record: GenerationRecord, times: int) -> None:
    """Take a generation over so many times; nobody holds it at the end."""
    await store.generations.release(record.lease_id)
    for _ in range(times):
        claimed = await store.generations.claim(lease := new_lease())
        assert claimed is not None
        await store.generations.record_progress(lease, progress())  # without a part
        await store.generations.release(lease.lease_id)


async def test_generation_without_progress_is_given_up(store: Store, other_store: Store) -> None:
    """After so many resumptions without a new part nobody claims it, and the sweep ends it."""
    plan = new_roadmap()
    record = await begin(store, request_for(plan, key="k"))
    await resume_without_progress(store, record, MAX_RESUMPTIONS)
    assert await other_store.generations.claim(new_lease()) is None
    assert (await join(store, request_for(plan, key="k"))).finished_at is None
    assert await other_store.generations.sweep(Failure(problem="Abandoned")) == SweepResult(
        roadmaps=0, generations=1
    )
    given_up = await store.generations.get(record.generation_id)
    assert given_up.problem == "Abandoned"
    assert given_up.finished_at is not None
    assert await store.generations.sweep(Failure(problem="Abandoned")) == SweepResult(
        roadmaps=0, generations=0
    )
    await begin(store, request_for(plan, key="k"))


async def test_last_resumption_is_not_given_up_while_it_runs(store: Store) -> None:
    """Its holder may still succeed."""
    plan = new_roadmap()
    record = await begin(store, request_for(plan))
    await resume_without_progress(store, record, MAX_RESUMPTIONS - 1)
    lease = new_lease()
    assert await store.generations.claim(lease) is not None
    assert (await store.generations.sweep(Failure(problem="Abandoned"))).generations == 0
    done = await store.add_roadmap(under(plan, lease))
    assert done.problem is None


async def test_progress_counts_resumptions_anew(store: Store) -> None:
    """A generation with progress, however slow, is never given up."""
    plan = new_roadmap()
    record = await begin(store, request_for(plan))
    for number, part in enumerate(parts_of(plan)[:3], start=1):
        await resume_without_progress(store, record, MAX_RESUMPTIONS - 1)
        lease = new_lease()
        assert await store.generations.claim(lease) is not None
        await store.generations.record_progress(lease, progress([part], first=number))
        assert (await store.generations.sweep(Failure(problem="Abandoned"))).generations == 0
        record = await store.generations.get(record.generation_id)
    assert record.finished_at is None


async def test_figures_are_kept_for_a_month(store: Store, backend: Backend) -> None:
    """Then the whole record goes, but never of what still runs."""
    done = await succeed(store, new_roadmap())
    running = await begin(store, request_for(new_roadmap()), new_lease())
    age(backend, "started_at", days=30)
    await store.generations.sweep(Failure(problem="Abandoned"))
    assert (await store.generations.get(done.generation_id)).usage == done.usage
    age(backend, "started_at", days=32)
    await store.generations.sweep(Failure(problem="Abandoned"))
    with pytest.raises(GenerationNotFoundError):
        await store.generations.get(done.generation_id)
    assert (await store.generations.get(running.generation_id)).finished_at is None


async def test_requests_are_forgotten_after_a_day(store: Store, backend: Backend) -> None:
    """The goal, the key, the roadmap and the parts go; the figures stay. What runs is kept."""
    plan, running = new_roadmap(), new_roadmap()
    await begin(store, request_for(plan, key="k"), lease := new_lease())
    report = ProgressReport(parts=tuple(parts_of(plan)), first_number=1, weeks_done=2, usage=USAGE)
    await store.generations.record_progress(lease, report)
    done = await store.add_roadmap(under(plan, lease))
    age(backend, "started_at", "finished_at")
    backend.execute("update generations set finished_at = null where roadmap_id is null")
    fresh = await succeed(store, new_roadmap(), key="k")
    record = await begin(store, request_for(running, key="k"), kept := new_lease())
    await store.generations.record_progress(kept, progress(parts_of(running)[:2]))

    await store.generations.sweep(Failure(problem="Abandoned"))
    after = await store.generations.get(done.generation_id)
    assert (after.request, after.roadmap, after.idempotency_key) == (None, None, None)
    assert (after.usage, after.weeks_done, after.user_id) == (USAGE, 2, plan.user_id)
    assert await parts_in(store, done) == []
    assert len(await list_roadmaps(store, plan.user_id)) == 1
    assert await store.generations.get(fresh.generation_id) == fresh
    assert await store.generations.get(record.generation_id) == record
    assert len(await parts_in(store, record)) == 2


async def test_deleted_roadmap_takes_its_parts_along(store: Store, backend: Backend) -> None:
    """The texts go with the roadmap; the record of the generation and its cost stay."""
    plan, kept = new_roadmap(), new_roadmap()
    for each in (kept, plan):
        await begin(store, request_for(each), lease := new_lease())
        report = ProgressReport(
            parts=tuple(parts_of(each)), first_number=1, weeks_done=2, usage=USAGE
        )
        await store.generations.record_progress(lease, report)
        done = await store.add_roadmap(under(each, lease))
    await store.delete_roadmap(roadmap_of(done).roadmap_id, plan.user_id)
    assert await parts_in(store, done) == []
    assert await store.generations.get(done.generation_id) == done
    assert count(backend, "generation_events") == len(parts_of(kept))
