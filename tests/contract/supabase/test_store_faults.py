"""The Supabase store when its requests are refused, late, cut, lost or answered wrongly.

Every fault happens on the wire, between the store and a real PostgREST. The tests read the result
through an undisturbed store and, from outside, in the tables themselves.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from src.dao import Store
from src.dao.supabase import store as supabase_store
from src.dao.supabase.store import SupabaseStore
from src.domain.errors import (
    RoadmapNotFoundError,
    StoreError,
    StoreMisconfiguredError,
    StoreTooSlowError,
    StoreUnavailableError,
    TaskNotFoundError,
)
from src.domain.generation import Failure, Lease, ProgressReport
from src.domain.plan import ModelUsage, NewRoadmap
from src.domain.quotas import NewQuestion
from src.domain.roadmap import Roadmap
from tests.support.backends import count
from tests.support.data_plane import DataPlane, open_store
from tests.support.fault_proxy import Exchange, Fault, FaultProxy
from tests.support.plans import (
    UNBOUNDED,
    asked_for,
    begun,
    new_roadmap,
    roadmap_of,
    stored,
    texts_of,
    year_roadmap,
)

TIMEOUT = 30.0
"""The store's timeout here, in seconds; the fixture `store` skips it when a request hangs."""

REQUESTS = ("POST", "POST", "POST", "POST", "POST")
"""The writes of a year: the roadmap, its 2,184 tasks in three parts, the publication."""

EVERY_REQUEST = range(1, len(REQUESTS) + 1)

EXPECTED: dict[Fault, type[StoreError]] = {
    Fault.REFUSE: StoreUnavailableError,
    Fault.DELAY: StoreTooSlowError,
    Fault.WITHHOLD: StoreTooSlowError,
    Fault.CUT: StoreUnavailableError,
    Fault.LOSE: StoreUnavailableError,
    Fault.UNAVAILABLE: StoreUnavailableError,
    Fault.HTML: StoreUnavailableError,
    Fault.HTML_OK: StoreUnavailableError,
}

FAULT_AND_UNDO_FAULT = [
    (Fault.WITHHOLD, Fault.UNAVAILABLE),
    (Fault.DELAY, Fault.REFUSE),
    (Fault.UNAVAILABLE, Fault.WITHHOLD),
    (Fault.LOSE, Fault.HTML_OK),
    (Fault.HTML, Fault.DELAY),
    (Fault.HTML_OK, Fault.CUT),
    (Fault.CUT, Fault.HTML),
    (Fault.REFUSE, Fault.LOSE),
]
"""Every fault once at the write and once at its undo."""


def every(_: Exchange) -> bool:
    return True


def is_undo(exchange: Exchange) -> bool:
    return exchange.method == "DELETE"


def is_publication(exchange: Exchange) -> bool:
    return exchange.path.endswith("/rpc/publish_roadmap")


@pytest.fixture
async def patient_store(
    data_plane: DataPlane, fault_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SupabaseStore]:
    """Open the store whose requests the proxy disturbs."""
    monkeypatch.setattr(supabase_store, "CLOSE_TIMEOUT_SECONDS", TIMEOUT)
    async with open_store(fault_proxy.url, data_plane.service_key) as store:
        yield store


@pytest.fixture
async def store(
    patient_store: SupabaseStore, fault_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> SupabaseStore:
    """Offer that store; a request that hangs times out at once."""
    loop = asyncio.get_running_loop()
    time, skipped = loop.time, [0.0]
    monkeypatch.setattr(loop, "time", lambda: time() + sum(skipped))
    fault_proxy.on_hold = lambda: loop.call_soon_threadsafe(skipped.append, TIMEOUT)
    return patient_store


@pytest.fixture
async def reader(data_plane: DataPlane) -> AsyncIterator[SupabaseStore]:
    """Open another, undisturbed store on the same database."""
    async with open_store(data_plane.url, data_plane.service_key) as reader:
        yield reader


async def outcome_of(store: Store, plan: NewRoadmap) -> Roadmap | StoreError:
    """Return the result of a write: the roadmap, or one of the store's own errors."""
    try:
        return roadmap_of(await store.add_roadmap(plan))
    except StoreError as error:
        return error


async def finish(store: Store, proxy: FaultProxy) -> None:
    """Let the store finish its work, and every late request arrive."""
    proxy.release()
    await store.close()
    await proxy.settled()


async def assert_all_or_nothing(reader: Store, plan: NewRoadmap) -> list[Roadmap]:
    """Assert that every visible roadmap is complete; return them."""
    listed = await reader.list_roadmaps(plan.user_id)
    for roadmap in listed:
        tasks = await reader.list_tasks(roadmap.roadmap_id)
        assert [task.task_text for task in tasks] == texts_of(plan)
        weeks = await reader.list_weeks(roadmap.roadmap_id)
        assert sum(week.total_tasks for week in weeks) == len(tasks)
    return listed


async def assert_invisible(reader: Store, data_plane: DataPlane, roadmap_id: int) -> None:
    """Assert that no method shows an unpublished roadmap, nor changes it."""
    ((user_id,),) = data_plane.query(
        f"select user_id from roadmaps where roadmap_id = {roadmap_id}"  # noqa: S608  own value
    )
    assert await reader.list_roadmaps(user_id) == []
    for owner in (None, user_id):
        for read in (reader.get_roadmap, reader.list_tasks, reader.list_weeks):
            with pytest.raises(RoadmapNotFoundError):
                await read(roadmap_id, owner)
        with pytest.raises(RoadmapNotFoundError):
            await reader.list_tasks(roadmap_id, owner, week_number=1)
    with pytest.raises(RoadmapNotFoundError):
        await reader.delete_roadmap(roadmap_id, user_id)
    for (task_id,) in data_plane.query("select id::text from roadmap_tasks limit 2"):
        with pytest.raises(TaskNotFoundError):
            await reader.set_task_completed(task_id, completed=True)
    assert data_plane.query("select 1 from roadmap_tasks where completed") == []


def unpublished_ids(data_plane: DataPlane) -> list[int]:
    rows = data_plane.query("select roadmap_id from roadmaps where published_at is null")
    return [roadmap_id for (roadmap_id,) in rows]


def recorded_ids(data_plane: DataPlane, plan: NewRoadmap) -> list[int]:
    """Return the roadmap that the record of the plan's generation names, if any."""
    rows = data_plane.query(
        "select roadmap_id from generations where roadmap_id is not null"  # noqa: S608  own value
        f" and finished_at is not null and lease_id = '{plan.lease_id}'"
    )
    return [roadmap_id for (roadmap_id,) in rows]


async def sweep(reader: Store, plan: NewRoadmap) -> int:
    """Sweep once nobody holds the plan's lease, and return how many roadmaps were deleted."""
    assert (await reader.generations.sweep(Failure(problem="swept"))).roadmaps == 0
    await reader.generations.release(plan.lease_id)
    return (await reader.generations.sweep(Failure(problem="swept"))).roadmaps


async def assert_nothing_left(
    reader: Store, data_plane: DataPlane, plan: NewRoadmap, *, late_insert: bool
) -> None:
    """Assert that no row is left; only an insert that came after its undo leaves one to sweep."""
    assert count(data_plane, "roadmap_tasks") == 0
    left = unpublished_ids(data_plane)
    assert count(data_plane, "roadmaps") == len(left) == int(late_insert)
    for roadmap_id in left:
        await assert_invisible(reader, data_plane, roadmap_id)
    assert await sweep(reader, plan) == len(left)
    assert count(data_plane, "roadmaps") == 0


# --- Writes ---------------------------------------------------------------------------------


async def test_undisturbed_year_takes_five_requests(
    store: SupabaseStore, reader: SupabaseStore, fault_proxy: FaultProxy
) -> None:
    """So the faults below hit every request of a write."""
    plan = await begun(reader, year_roadmap())
    roadmap = roadmap_of(await store.add_roadmap(plan))
    assert tuple(exchange.method for exchange in fault_proxy.exchanges) == REQUESTS
    assert all(exchange.status in {200, 201, 204} for exchange in fault_proxy.exchanges)
    assert await assert_all_or_nothing(reader, plan) == [roadmap]


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("number", EVERY_REQUEST)
async def test_one_fault_leaves_all_or_nothing(
    *,
    store: SupabaseStore,
    reader: SupabaseStore,
    data_plane: DataPlane,
    fault_proxy: FaultProxy,
    caplog: pytest.LogCaptureFixture,
    number: int,
    fault: Fault,
) -> None:
    """Whichever request fails in whichever way: the whole roadmap, or one error and no row."""
    plan = await begun(reader, year_roadmap())
    fault_proxy.inject_at(number, fault)
    outcome = await outcome_of(store, plan)
    # Even before late requests arrive: after an error nothing is visible.
    visible = [outcome] if isinstance(outcome, Roadmap) else []
    assert await assert_all_or_nothing(reader, plan) == visible
    await finish(store, fault_proxy)

    assert len(fault_proxy.exchanges) >= number
    assert await assert_all_or_nothing(reader, plan) == visible
    assert recorded_ids(data_plane, plan) == [roadmap.roadmap_id for roadmap in visible]
    if isinstance(outcome, StoreError):
        assert type(outcome) is EXPECTED[fault]
        late_insert = number == 1 and fault is Fault.DELAY
        await assert_nothing_left(reader, data_plane, plan, late_insert=late_insert)
    else:
        assert unpublished_ids(data_plane) == []
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(("fault", "undo_fault"), FAULT_AND_UNDO_FAULT)
@pytest.mark.parametrize("number", [1, 3, 5])
async def test_failed_undo_leaves_nothing_visible(
    *,
    store: SupabaseStore,
    reader: SupabaseStore,
    data_plane: DataPlane,
    fault_proxy: FaultProxy,
    caplog: pytest.LogCaptureFixture,
    number: int,
    fault: Fault,
    undo_fault: Fault,
) -> None:
    """If the undo fails, too: the first error, a line in the log, and rows for the sweep."""
    plan = await begun(reader, year_roadmap())
    fault_proxy.inject(undo_fault, is_undo)
    fault_proxy.inject(fault, lambda exchange: exchange.number >= number)
    outcome = await outcome_of(store, plan)
    await finish(store, fault_proxy)

    assert type(outcome) is EXPECTED[fault]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert sum(is_undo(exchange) for exchange in fault_proxy.exchanges) > 1
    # If only the answer to the publication was lost, the roadmap is published and complete.
    listed = await assert_all_or_nothing(reader, plan)
    assert recorded_ids(data_plane, plan) == [roadmap.roadmap_id for roadmap in listed]
    left = unpublished_ids(data_plane)
    assert len(left) + len(listed) == count(data_plane, "roadmaps") <= 1
    for roadmap_id in left:
        await assert_invisible(reader, data_plane, roadmap_id)

    assert await sweep(reader, plan) == len(left)
    assert unpublished_ids(data_plane) == []
    assert await assert_all_or_nothing(reader, plan) == listed
    if not listed:
        assert count(data_plane, "roadmap_tasks") == 0


async def test_undo_that_cannot_go_through_leaves_an_unpublished_row(
    store: SupabaseStore, reader: SupabaseStore, data_plane: DataPlane, fault_proxy: FaultProxy
) -> None:
    """The tests above do leave rows behind, tasks included."""
    plan = await begun(reader, year_roadmap())
    fault_proxy.inject(Fault.REFUSE, is_undo)
    fault_proxy.inject_at(3, Fault.UNAVAILABLE)
    with pytest.raises(StoreUnavailableError):
        await store.add_roadmap(plan)
    (left,) = unpublished_ids(data_plane)
    assert count(data_plane, "roadmap_tasks") == 1_000
    await assert_invisible(reader, data_plane, left)
    assert await sweep(reader, plan) == 1
    assert count(data_plane, "roadmap_tasks") == 0


@pytest.mark.parametrize(
    ("fate", "left"),
    [
        ("live", 1),
        ("lapsed", 0),
        ("taken over", 0),
        ("failed", 0),
        ("cancelled", 0),
        ("unknown", 0),
    ],
)
async def test_sweep_deletes_what_dead_leases_wrote(
    reader: SupabaseStore, data_plane: DataPlane, fate: str, left: int
) -> None:
    """Unpublished rows stay only while their writer may still publish them."""
    plan, generations = await begun(reader, new_roadmap()), reader.generations
    ((generation_id,),) = data_plane.query("select generation_id from generations")
    lease = uuid4() if fate == "unknown" else plan.lease_id
    data_plane.execute(
        "insert into roadmaps (user_id, description, duration_weeks, daily_hours, level, lease_id,"  # noqa: S608  own values
        f" published_at) values ('{plan.user_id}', 'Learn', 1, 1, 'beginner', '{lease}', null)"
    )
    if fate in {"lapsed", "taken over"}:
        await generations.release(plan.lease_id)
    if fate == "taken over":
        assert await generations.claim(Lease(seconds=60)) is not None
    if fate == "failed":
        await generations.fail(plan.lease_id, Failure(problem="model-output-unusable"))
    if fate == "cancelled":
        await generations.cancel(generation_id, Failure(problem="generation-cancelled"))
    assert (await generations.sweep(Failure(problem="swept"))).roadmaps == 1 - left
    assert count(data_plane, "roadmaps") == left


async def test_sweep_gives_older_code_its_time(
    reader: SupabaseStore, data_plane: DataPlane
) -> None:
    """Rows without a lease are deleted after 15 minutes, when their writer must have ended."""
    for minutes in (1, 14, 16, 100):
        data_plane.execute(
            "insert into roadmaps (user_id, description, duration_weeks, daily_hours, level,"  # noqa: S608  own values
            f" created_at, published_at) values ('{uuid4()}', 'Learn', {minutes}, 1, 'beginner',"
            f" now() - interval '{minutes} minutes', null)"
        )
    assert (await reader.generations.sweep(Failure(problem="swept"))).roadmaps == 2
    kept = data_plane.query("select duration_weeks from roadmaps order by 1")
    assert kept == [(1,), (14,)]


async def test_failed_write_touches_no_other_roadmap(
    store: SupabaseStore, reader: SupabaseStore, fault_proxy: FaultProxy
) -> None:
    plan = new_roadmap()
    kept = await stored(reader, plan)
    failing = await begun(reader, new_roadmap(plan.user_id, goal="Learn Go"))
    fault_proxy.inject_at(2, Fault.UNAVAILABLE)
    with pytest.raises(StoreUnavailableError):
        await store.add_roadmap(failing)
    assert await assert_all_or_nothing(reader, plan) == [kept]


async def test_late_publication_does_not_publish_the_next_try(
    store: SupabaseStore, reader: SupabaseStore, data_plane: DataPlane, fault_proxy: FaultProxy
) -> None:
    """It arrives when the next try under the same lease has written a part of the tasks."""
    plan = await begun(reader, year_roadmap())
    fault_proxy.inject(Fault.DELAY, is_publication)
    with pytest.raises(StoreTooSlowError):
        await store.add_roadmap(plan)
    asked = len(fault_proxy.exchanges)
    fault_proxy.inject(Fault.REFUSE, is_undo)
    fault_proxy.inject_at(asked + 3, Fault.UNAVAILABLE)
    with pytest.raises(StoreUnavailableError):
        await store.add_roadmap(plan)
    late = [each for each in fault_proxy.exchanges if is_publication(each)]
    assert all(each.status is None for each in late)
    await finish(store, fault_proxy)

    assert all(each.status == 200 for each in late)
    assert count(data_plane, "roadmap_tasks") == 1_000
    (left,) = unpublished_ids(data_plane)
    assert recorded_ids(data_plane, plan) == []
    await assert_invisible(reader, data_plane, left)
    assert await sweep(reader, plan) == 1


# --- Writers that are cancelled --------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.DELAY, Fault.WITHHOLD])
@pytest.mark.parametrize("number", EVERY_REQUEST)
async def test_cancelled_write_is_undone(
    *,
    patient_store: SupabaseStore,
    reader: SupabaseStore,
    data_plane: DataPlane,
    fault_proxy: FaultProxy,
    number: int,
    fault: Fault,
) -> None:
    """The caller sees the cancellation, and no row is left.

    A publication that had arrived stays: the roadmap is complete, and its record names it.
    """
    has_arrived = (number, fault) == (len(REQUESTS), Fault.WITHHOLD)
    plan = await begun(reader, year_roadmap())
    fault_proxy.inject_at(number, fault)
    writing = asyncio.create_task(patient_store.add_roadmap(plan))
    await fault_proxy.until_held()
    writing.cancel()
    await asyncio.wait([writing])
    assert writing.cancelled()
    assert len(await assert_all_or_nothing(reader, plan)) == has_arrived
    await finish(patient_store, fault_proxy)

    assert any(is_undo(exchange) for exchange in fault_proxy.exchanges)
    listed = await assert_all_or_nothing(reader, plan)
    assert len(listed) == has_arrived
    assert recorded_ids(data_plane, plan) == [roadmap.roadmap_id for roadmap in listed]
    if not has_arrived:
        late_insert = number == 1 and fault is Fault.DELAY
        await assert_nothing_left(reader, data_plane, plan, late_insert=late_insert)


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.WITHHOLD])
async def test_cancellation_does_not_stop_an_undo(
    *,
    patient_store: SupabaseStore,
    reader: SupabaseStore,
    data_plane: DataPlane,
    fault_proxy: FaultProxy,
    fault: Fault,
) -> None:
    """A cancellation during the undo does not stop it, and `close` waits for it.

    Whether an error or a first cancellation caused the undo.
    """
    plan = await begun(reader, year_roadmap())
    fault_proxy.inject(Fault.DELAY, is_undo)
    fault_proxy.inject_at(4, fault)
    writing = asyncio.create_task(patient_store.add_roadmap(plan))
    if fault is Fault.WITHHOLD:
        await fault_proxy.until_held()
        fault_proxy.held.clear()
        writing.cancel()
    await fault_proxy.until_held()
    assert is_undo(fault_proxy.exchanges[-1])
    writing.cancel()
    await asyncio.wait([writing])
    assert writing.cancelled()
    assert count(data_plane, "roadmaps") == 1
    fault_proxy.release()
    await patient_store.close()
    await assert_nothing_left(reader, data_plane, plan, late_insert=False)


async def test_close_does_not_wait_for_an_undo_that_hangs(
    data_plane: DataPlane, reader: SupabaseStore, fault_proxy: FaultProxy
) -> None:
    """A process has little time at its end; the sweep finds the rows."""
    plan = await begun(reader, year_roadmap())
    fault_proxy.inject_at(2, Fault.UNAVAILABLE)
    fault_proxy.inject(Fault.WITHHOLD, is_undo)
    async with open_store(fault_proxy.url, data_plane.service_key) as store:
        writing = asyncio.create_task(store.add_roadmap(plan))
        await fault_proxy.until_held()
        async with asyncio.timeout(15):
            await store.close()
        await asyncio.wait([writing])


# --- Every method, under faults that last -------------------------------------------------------


async def outcomes_of_all(store: Store, roadmap: Roadmap, task_id: str) -> dict[str, object]:
    """Call every method and return what each returned or raised, by its name."""
    key, owner = roadmap.roadmap_id, roadmap.user_id
    plan, lease, generation_id = new_roadmap(), Lease(seconds=60), uuid4()
    asked = asked_for(plan.request, plan.user_id)
    question = NewQuestion(requester=asked.requester, reserved_dollars=0)
    progress = ProgressReport(first_number=1, weeks_done=0, usage=ModelUsage(model="none"))
    calls: dict[str, Awaitable[object]] = {
        "list_roadmaps": store.list_roadmaps(owner),
        "get_roadmap": store.get_roadmap(key, owner),
        "list_tasks": store.list_tasks(key),
        "list_tasks of a week": store.list_tasks(key, week_number=1),
        "list_weeks": store.list_weeks(key),
        "set_task_completed": store.set_task_completed(task_id, completed=True),
        "delete_roadmap": store.delete_roadmap(key, uuid4()),
        "add_roadmap": store.add_roadmap(plan),
        "begin": store.generations.begin(asked, lease, UNBOUNDED),
        "get": store.generations.get(generation_id),
        "list_parts": store.generations.list_parts(generation_id),
        "claim": store.generations.claim(lease),
        "record_progress": store.generations.record_progress(lease, progress),
        "release": store.generations.release(lease.lease_id),
        "fail": store.generations.fail(lease.lease_id, Failure(problem="failed")),
        "cancel": store.generations.cancel(generation_id, Failure(problem="cancelled")),
        "sweep": store.generations.sweep(Failure(problem="swept")),
        "begin a question": store.questions.begin(question, UNBOUNDED),
        "finish a question": store.questions.finish(
            question.question_id, progress.usage, cost_known=False
        ),
    }
    # Side by side, since each takes as long as its retries; few, since a request has no time to
    # wait for its turn.
    places = asyncio.Semaphore(6)

    async def outcome(call: Awaitable[object]) -> object:
        async with places:
            return await call

    outcomes = await asyncio.gather(*map(outcome, calls.values()), return_exceptions=True)
    return dict(zip(calls, outcomes, strict=True))


def assert_each_is(outcomes: dict[str, object], kind: type[StoreError]) -> None:
    others = {name: out for name, out in outcomes.items() if not isinstance(out, kind)}
    assert not others


@pytest.fixture
async def roadmap(reader: SupabaseStore) -> Roadmap:
    return await stored(reader, new_roadmap(weeks=1))


@pytest.fixture
async def task_id(reader: SupabaseStore, roadmap: Roadmap) -> str:
    return (await reader.list_tasks(roadmap.roadmap_id))[0].id


@pytest.mark.parametrize("fault", Fault)
async def test_lasting_fault_is_a_typed_error(
    store: SupabaseStore, fault_proxy: FaultProxy, roadmap: Roadmap, task_id: str, fault: Fault
) -> None:
    """No method raises an error of the client or its transport, or takes a page for rows."""
    fault_proxy.inject(fault, every)
    assert_each_is(await outcomes_of_all(store, roadmap, task_id), EXPECTED[fault])
    await finish(store, fault_proxy)


@pytest.mark.parametrize(
    "fault", [fault for fault in Fault if EXPECTED[fault] is not StoreTooSlowError]
)
async def test_read_survives_one_fault(
    store: SupabaseStore,
    reader: SupabaseStore,
    fault_proxy: FaultProxy,
    roadmap: Roadmap,
    fault: Fault,
) -> None:
    key = roadmap.roadmap_id
    for read in ("get_roadmap", "list_tasks", "list_weeks"):
        fault_proxy.reset()
        fault_proxy.inject_at(1, fault)
        assert await getattr(store, read)(key) == await getattr(reader, read)(key)
        assert len(fault_proxy.exchanges) == 2
    fault_proxy.reset()
    fault_proxy.inject_at(1, fault)
    assert await store.list_roadmaps(roadmap.user_id) == [roadmap]


@pytest.mark.parametrize("fault", Fault)
async def test_completion_survives_one_fault(
    *,
    store: SupabaseStore,
    reader: SupabaseStore,
    fault_proxy: FaultProxy,
    task_id: str,
    roadmap: Roadmap,
    fault: Fault,
) -> None:
    """The store retries it: completing a task twice is the same as once."""
    fault_proxy.inject_at(1, fault)
    await store.set_task_completed(task_id, completed=True, user_id=roadmap.user_id)
    before = (await reader.list_tasks(roadmap.roadmap_id))[0]
    await finish(store, fault_proxy)
    assert before.completed
    assert (await reader.list_tasks(roadmap.roadmap_id))[0] == before


async def test_unreachable_project_is_unavailable(
    data_plane: DataPlane, roadmap: Roadmap, task_id: str
) -> None:
    async with open_store("http://127.0.0.1:9", data_plane.service_key) as store:
        outcomes = await outcomes_of_all(store, roadmap, task_id)
    assert_each_is(outcomes, StoreUnavailableError)


async def test_lock_held_too_long_is_too_slow(
    data_plane: DataPlane, reader: SupabaseStore, roadmap: Roadmap, task_id: str
) -> None:
    """A database that is busy with something else is too slow, and serves again afterwards."""
    async with open_store(data_plane.url, data_plane.service_key, seconds=0.3) as store:
        with psycopg.connect(data_plane.database.uri()) as connection:
            connection.execute("lock table roadmaps, generations, generation_events")
            outcomes = await outcomes_of_all(store, roadmap, task_id)
    assert_each_is(outcomes, StoreTooSlowError)
    assert await reader.get_roadmap(roadmap.roadmap_id) == roadmap


@pytest.mark.parametrize("key", ["anon", "forged", "of no role"])
async def test_refused_key_is_a_misconfiguration(
    data_plane: DataPlane, roadmap: Roadmap, task_id: str, key: str
) -> None:
    """An operator has to replace a key without rights, of another project or of no role."""
    keys = {
        "anon": data_plane.key("anon"),
        "forged": f"{data_plane.service_key[:-8]}AAAAAAAA",
        "of no role": data_plane.key("nobody"),
    }
    async with open_store(data_plane.url, keys[key]) as store:
        outcomes = await outcomes_of_all(store, roadmap, task_id)
    assert_each_is(outcomes, StoreMisconfiguredError)


async def test_project_without_the_schema_is_a_misconfiguration(new_project: DataPlane) -> None:
    """Every method says so until the schema is applied."""
    never_stored = Roadmap(
        roadmap_id=1,
        user_id=uuid4(),
        description="Learn Rust",
        level="beginner",
        duration_weeks=1,
        daily_hours=1,
        is_active=True,
        created_at=datetime.now(UTC),
    )
    async with open_store(new_project.url, new_project.service_key) as store:
        outcomes = await outcomes_of_all(store, never_stored, str(uuid4()))
    assert_each_is(outcomes, StoreMisconfiguredError)
