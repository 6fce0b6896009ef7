"""The numbers of a generation's events: given where they are stored, its end's included."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeAlias

import pytest

from src.dao import Store
from src.domain.errors import LeaseLostError, MomentumError
from src.domain.generation import (
    MAX_RESUMPTIONS,
    MAX_WAITING_SECONDS,
    Failure,
    GenerationRecord,
    GenerationSnapshot,
    Lease,
    ProgressReport,
)
from src.domain.plan import ModelUsage, NewRoadmap
from src.domain.roadmap import SavedRoadmap
from tests.support.backends import Backend, expire_lease
from tests.support.plans import UNBOUNDED, asked_for, new_roadmap, parts_of, roadmap_of

FAILURE = Failure(problem="model-output-unusable")
ABANDONED = Failure(problem="generation-abandoned")
PARTS = 5
"""How many parts are on record in these tests."""

End: TypeAlias = Callable[[Store, Backend, GenerationRecord, NewRoadmap], Awaitable[object]]


def report_of(plan: NewRoadmap, first: int, last: int) -> ProgressReport:
    """Return a report of the plan's parts with these numbers."""
    parts = tuple(parts_of(plan)[first - 1 : last])
    return ProgressReport(
        parts=parts, first_number=first, weeks_done=0, usage=ModelUsage(model="m")
    )


async def begin(store: Store, plan: NewRoadmap, count: int = PARTS) -> GenerationRecord:
    """Begin the generation of a plan under its lease, and record so many parts."""
    lease = Lease(lease_id=plan.lease_id, seconds=60)
    record = await store.generations.begin(asked_for(plan.request, plan.user_id), lease, UNBOUNDED)
    last_number = await store.generations.record_progress(lease, report_of(plan, 1, count))
    assert last_number == count
    return record


def numbers_in(snapshot: GenerationSnapshot, after: int = 0) -> list[int]:
    return [number for number, _ in snapshot.events(after)]


async def publish(store: Store, _: Backend, __: GenerationRecord, plan: NewRoadmap) -> None:
    await store.add_roadmap(plan)


async def fail(store: Store, _: Backend, record: GenerationRecord, __: NewRoadmap) -> None:
    await store.generations.fail(record.lease_id, FAILURE)


async def cancel(store: Store, _: Backend, record: GenerationRecord, __: NewRoadmap) -> None:
    await store.generations.cancel(record.generation_id, FAILURE)


async def wait_too_long(store: Store, _: Backend, record: GenerationRecord, __: NewRoadmap) -> None:
    await store.generations.postpone(record.lease_id, MAX_WAITING_SECONDS + 1, FAILURE)


async def give_up(store: Store, backend: Backend, record: GenerationRecord, _: NewRoadmap) -> None:
    expire_lease(backend, record.lease_id)
    backend.execute(f"update generations set resumptions = {MAX_RESUMPTIONS}")  # noqa: S608  ours
    assert (await store.generations.sweep(ABANDONED)).generations == 1


async def give_up_waiting(
    store: Store, backend: Backend, record: GenerationRecord, _: NewRoadmap
) -> None:
    await store.generations.postpone(record.lease_id, 60, FAILURE)
    start = (record.started_at - timedelta(hours=25)).isoformat(timespec="microseconds")
    backend.execute(f"update generations set started_at = '{start}', lease_until = '{start}'")  # noqa: S608  ours
    assert (await store.generations.sweep(ABANDONED)).generations == 1


@pytest.mark.parametrize("end", [publish, fail, cancel, wait_too_long, give_up, give_up_waiting])
async def test_every_end_follows_the_last_part(
    store: Store, other_store: Store, backend: Backend, end: End
) -> None:
    """It is stored with its number by the step that ends the generation, whichever that is."""
    plan = new_roadmap()
    record = await begin(store, plan)
    running = await other_store.generations.read(record.generation_id)
    assert (numbers_in(running), running.end_number) == ([1, 2, 3, 4, 5], None)
    await end(store, backend, record, plan)
    ended = await other_store.generations.read(record.generation_id)
    assert ended.record.end_number == PARTS + 1
    assert numbers_in(ended) == [1, 2, 3, 4, 5, 6]
    assert not ended.is_gone
    (_, last) = ended.events(0)[-1]
    assert isinstance(last, SavedRoadmap if end is publish else MomentumError)
    assert numbers_in(ended, PARTS) == [6]
    assert numbers_in(ended, 300) == []


async def test_end_without_parts_is_number_1(store: Store) -> None:
    record = await begin(store, new_roadmap(), 0)
    await store.generations.fail(record.lease_id, FAILURE)
    assert numbers_in(await store.generations.read(record.generation_id)) == [1]


async def test_waiting_has_no_end(store: Store) -> None:
    """It continues later, with the number after the last part."""
    plan = new_roadmap()
    record = await begin(store, plan)
    await store.generations.postpone(record.lease_id, 60, FAILURE)
    waiting = await store.generations.read(record.generation_id)
    assert (waiting.end_number, waiting.record.end_number) == (None, None)


async def test_former_holder_gets_no_number(store: Store, other_store: Store) -> None:
    """However late it writes: the events are its successor's alone, and keep their numbers."""
    plan = new_roadmap()
    record = await begin(store, plan)
    old = Lease(lease_id=plan.lease_id, seconds=60)
    await store.generations.release(record.lease_id)
    new = Lease(seconds=60)
    assert await other_store.generations.claim(new) is not None
    assert await other_store.generations.record_progress(new, report_of(plan, 6, 8)) == 8
    with pytest.raises(LeaseLostError):
        await store.generations.record_progress(old, report_of(plan, 6, 17))
    await store.generations.fail(old.lease_id, FAILURE)
    await other_store.add_roadmap(plan.model_copy(update={"lease_id": new.lease_id}))
    with pytest.raises(LeaseLostError):
        await store.generations.record_progress(old, report_of(plan, 6, 17))
    read = await store.generations.read(record.generation_id)
    assert numbers_in(read) == [*range(1, 10)]
    assert [stored.part for stored in read.parts] == parts_of(plan)[:8]


async def test_repeated_report_gets_the_same_numbers(store: Store) -> None:
    """Its first answer may have been lost."""
    plan = new_roadmap()
    record = await begin(store, plan)
    lease = Lease(lease_id=plan.lease_id, seconds=60)
    for _ in range(2):
        assert await store.generations.record_progress(lease, report_of(plan, 6, 9)) == 9
    assert await store.generations.record_progress(lease, report_of(plan, 10, 9)) == 9
    assert numbers_in(await store.generations.read(record.generation_id)) == [*range(1, 10)]


async def test_events_are_gone_with_the_roadmap(store: Store) -> None:
    """The record stays, and says so at every number."""
    plan = new_roadmap()
    record = await begin(store, plan)
    done = await store.add_roadmap(plan)
    await store.delete_roadmap(roadmap_of(done).roadmap_id, plan.user_id)
    for after in (0, PARTS, PARTS + 1):
        assert (await store.generations.read(record.generation_id, after)).is_gone
    assert await store.generations.get(record.generation_id) == done


@pytest.mark.parametrize("is_deleted", [False, True])
async def test_end_of_an_older_release_follows_the_last_part(
    store: Store, backend: Backend, *, is_deleted: bool
) -> None:
    """Older releases stored no number for it."""
    plan = new_roadmap()
    record = await begin(store, plan)
    done = await store.add_roadmap(plan)
    backend.execute("update generations set end_number = null")
    if is_deleted:
        await store.delete_roadmap(roadmap_of(done).roadmap_id, plan.user_id)
    read = await store.generations.read(record.generation_id)
    assert read.is_gone == is_deleted
    if not is_deleted:
        assert (numbers_in(read), read.end_number) == ([1, 2, 3, 4, 5, 6], 6)
