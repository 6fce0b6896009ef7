"""The Supabase store when its requests are refused, late, cut, lost or answered wrongly.

Every fault happens on the wire, between the store and a real PostgREST. The tests read the result
through an undisturbed store and, from outside, in the tables themselves.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from datetime import UTC, date, datetime
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
from src.domain.schedule import NO_SETTINGS, AppliedSchedule, CalendarFeed, NewDates
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
from tests.support.reads import get_roadmap, list_roadmaps, list_tasks, list_weeks

TIMEOUT = 30.0
"""The store's timeout here, in seconds; the fixture `store` skips it when a request hangs."""

REQUESTS = ("POST", "POST", "POST", "POST", "POST")
"""The writes of a year: the roadmap, its 2,184 tasks in three parts, the publication."""

EVERY_REQUEST = range(1, len(REQUESTS) + 1)

EXPECTED: dict[Fault, type[StoreError]] = {
    fault: StoreTooSlowError if fault in {Fault.DELAY, Fault.WITHHOLD} else StoreUnavailableError
    for fault in Fault
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


def is_undo(exchange: Exchange) -> bool:
    return exchange.method == "DELETE"


def is_publication(exchange: Exchange) -> bool:
    return exchange.path.endswith("/rpc/publish_roadmap")


@dataclass(frozen=True)
class Wire:
    """A store whose requests the proxy disturbs, and an undisturbed reader of the same database."""

    store: SupabaseStore
    reader: SupabaseStore
    plane: DataPlane
    proxy: FaultProxy

    async def outcome_of(self, plan: NewRoadmap) -> Roadmap | StoreError:
        """Return the result of a write: the roadmap, or one of the store's own errors."""
        try:
            return roadmap_of(await self.store.add_roadmap(plan))
        except StoreError as error:
            return error

    async def finish(self) -> None:
        """Let the store finish its work, and every late request arrive."""
        self.proxy.release()
        await self.store.close()
        await self.proxy.settled()

    async def visible(self, plan: NewRoadmap) -> list[Roadmap]:
        """Return the visible roadmaps of the plan's user, all of which must be complete."""
        listed = await list_roadmaps(self.reader, plan.user_id)
        for roadmap in listed:
            tasks = await list_tasks(self.reader, roadmap.roadmap_id)
            assert [task.task_text for task in tasks] == texts_of(plan)
            weeks = await list_weeks(self.reader, roadmap.roadmap_id)
            assert sum(week.total_tasks for week in weeks) == len(tasks)
        return listed

    async def assert_invisible(self, roadmap_id: int) -> None:
        """Assert that no method shows an unpublished roadmap, nor changes it."""
        reader = self.reader
        ((user_id,),) = self.plane.query(
            f"select user_id from roadmaps where roadmap_id = {roadmap_id}"  # noqa: S608  own value
        )
        assert await list_roadmaps(reader, user_id) == []
        for owner in (None, user_id):
            for call in (
                get_roadmap(reader, roadmap_id, owner),
                reader.get_roadmap_with_tasks(roadmap_id, owner),
                list_tasks(reader, roadmap_id, owner),
                list_tasks(reader, roadmap_id, owner, week_number=1),
                list_weeks(reader, roadmap_id, owner),
                reader.delete_roadmap(roadmap_id, user_id),
            ):
                with pytest.raises(RoadmapNotFoundError):
                    await call
        for (task_id,) in self.plane.query("select id::text from roadmap_tasks limit 2"):
            with pytest.raises(TaskNotFoundError):
                await reader.set_task_completed(task_id, completed=True)
        assert self.count("roadmap_tasks where completed") == 0

    async def assert_nothing_left(self, plan: NewRoadmap, *, late_insert: bool = False) -> None:
        """Assert that no row is left but, to sweep, that of an insert that came after its undo."""
        assert self.count("roadmap_tasks") == 0
        left = self.unpublished_ids()
        assert self.count("roadmaps") == len(left) == int(late_insert)
        for roadmap_id in left:
            await self.assert_invisible(roadmap_id)
        assert await self.sweep(plan) == len(left)
        assert self.count("roadmaps") == 0

    def count(self, table: str) -> int:
        return count(self.plane, table)

    def unpublished_ids(self) -> list[int]:
        rows = self.plane.query("select roadmap_id from roadmaps where published_at is null")
        return [roadmap_id for (roadmap_id,) in rows]

    def recorded_ids(self, plan: NewRoadmap) -> list[int]:
        """Return the roadmap that the record of the plan's generation names, if any."""
        rows = self.plane.query(
            "select roadmap_id from generations where roadmap_id is not null"  # noqa: S608  own value
            f" and finished_at is not null and lease_id = '{plan.lease_id}'"
        )
        return [roadmap_id for (roadmap_id,) in rows]

    async def sweep(self, plan: NewRoadmap) -> int:
        """Sweep once nobody holds the plan's lease, and return how many roadmaps were deleted."""
        generations = self.reader.generations
        assert (await generations.sweep(Failure(problem="swept"))).roadmaps == 0
        await generations.release(plan.lease_id)
        return (await generations.sweep(Failure(problem="swept"))).roadmaps


@pytest.fixture
async def reader(data_plane: DataPlane) -> AsyncIterator[SupabaseStore]:
    async with open_store(data_plane.url, data_plane.service_key) as reader:
        yield reader


@pytest.fixture
async def patient_wire(
    data_plane: DataPlane,
    reader: SupabaseStore,
    fault_proxy: FaultProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Wire]:
    monkeypatch.setattr(supabase_store, "CLOSE_TIMEOUT_SECONDS", TIMEOUT)
    async with open_store(fault_proxy.url, data_plane.service_key, TIMEOUT) as store:
        yield Wire(store, reader, data_plane, fault_proxy)


@pytest.fixture
async def wire(patient_wire: Wire, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """Offer the wire; a request that hangs times out at once."""
    loop = asyncio.get_running_loop()
    time, skipped = loop.time, [0.0]
    monkeypatch.setattr(loop, "time", lambda: time() + sum(skipped))
    patient_wire.proxy.on_hold = lambda: loop.call_soon_threadsafe(skipped.append, TIMEOUT)
    return patient_wire


# --- Writes ---------------------------------------------------------------------------------


async def test_undisturbed_year_takes_five_requests(wire: Wire) -> None:
    """So the faults below hit every request of a write."""
    plan = await begun(wire.reader, year_roadmap())
    roadmap = roadmap_of(await wire.store.add_roadmap(plan))
    assert tuple(exchange.method for exchange in wire.proxy.exchanges) == REQUESTS
    assert all(exchange.status in {200, 201, 204} for exchange in wire.proxy.exchanges)
    assert await wire.visible(plan) == [roadmap]


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("number", EVERY_REQUEST)
async def test_one_fault_leaves_all_or_nothing(
    wire: Wire, caplog: pytest.LogCaptureFixture, number: int, fault: Fault
) -> None:
    """Whichever request fails in whichever way: the whole roadmap, or one error and no row."""
    plan = await begun(wire.reader, year_roadmap())
    wire.proxy.inject_at(number, fault)
    outcome = await wire.outcome_of(plan)
    # Even before late requests arrive: after an error nothing is visible.
    visible = [outcome] if isinstance(outcome, Roadmap) else []
    assert await wire.visible(plan) == visible
    await wire.finish()

    assert len(wire.proxy.exchanges) >= number
    assert await wire.visible(plan) == visible
    assert wire.recorded_ids(plan) == [roadmap.roadmap_id for roadmap in visible]
    if isinstance(outcome, StoreError):
        assert type(outcome) is EXPECTED[fault]
        late_insert = number == 1 and fault is Fault.DELAY
        await wire.assert_nothing_left(plan, late_insert=late_insert)
    else:
        assert wire.unpublished_ids() == []
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(("fault", "undo_fault"), FAULT_AND_UNDO_FAULT)
@pytest.mark.parametrize("number", [1, 3, 5])
async def test_failed_undo_leaves_nothing_visible(
    wire: Wire, caplog: pytest.LogCaptureFixture, number: int, fault: Fault, undo_fault: Fault
) -> None:
    """If the undo fails, too: the first error, a line in the log, and rows for the sweep."""
    plan = await begun(wire.reader, year_roadmap())
    wire.proxy.inject(undo_fault, is_undo)
    wire.proxy.inject(fault, lambda exchange: exchange.number >= number)
    outcome = await wire.outcome_of(plan)
    await wire.finish()

    assert type(outcome) is EXPECTED[fault]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert sum(is_undo(exchange) for exchange in wire.proxy.exchanges) > 1
    # If only the answer to the publication was lost, the roadmap is published and complete.
    listed = await wire.visible(plan)
    assert wire.recorded_ids(plan) == [roadmap.roadmap_id for roadmap in listed]
    left = wire.unpublished_ids()
    assert len(left) + len(listed) == wire.count("roadmaps") <= 1
    is_undone_late = undo_fault in {Fault.CUT, Fault.DELAY, Fault.LOSE, Fault.WITHHOLD}
    assert left or listed or is_undone_late or number == 1
    for roadmap_id in left:
        await wire.assert_invisible(roadmap_id)

    assert await wire.sweep(plan) == len(left)
    assert wire.unpublished_ids() == []
    assert await wire.visible(plan) == listed
    if not listed:
        assert wire.count("roadmap_tasks") == 0


@pytest.mark.parametrize("fate", ["live", "lapsed", "taken over", "failed", "cancelled", "unknown"])
async def test_sweep_deletes_what_dead_leases_wrote(wire: Wire, fate: str) -> None:
    """Unpublished rows stay only while their writer may still publish them."""
    plan, generations = await begun(wire.reader, new_roadmap()), wire.reader.generations
    ((generation_id,),) = wire.plane.query("select generation_id from generations")
    lease = uuid4() if fate == "unknown" else plan.lease_id
    wire.plane.execute(
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
    swept = (await generations.sweep(Failure(problem="swept"))).roadmaps
    assert (swept, wire.count("roadmaps")) == ((0, 1) if fate == "live" else (1, 0))


async def test_sweep_gives_older_code_its_time(wire: Wire) -> None:
    """Rows without a lease are deleted after 15 minutes, when their writer must have ended."""
    for minutes in (1, 14, 16, 100):
        wire.plane.execute(
            "insert into roadmaps (user_id, description, duration_weeks, daily_hours, level,"  # noqa: S608  own values
            f" created_at, published_at) values ('{uuid4()}', 'Learn', {minutes}, 1, 'beginner',"
            f" now() - interval '{minutes} minutes', null)"
        )
    assert (await wire.reader.generations.sweep(Failure(problem="swept"))).roadmaps == 2
    kept = wire.plane.query("select duration_weeks from roadmaps order by 1")
    assert kept == [(1,), (14,)]


async def test_failed_write_touches_no_other_roadmap(wire: Wire) -> None:
    plan = new_roadmap()
    kept = await stored(wire.reader, plan)
    failing = await begun(wire.reader, new_roadmap(plan.user_id, goal="Learn Go"))
    wire.proxy.inject_at(2, Fault.UNAVAILABLE)
    with pytest.raises(StoreUnavailableError):
        await wire.store.add_roadmap(failing)
    assert await wire.visible(plan) == [kept]


async def test_late_publication_does_not_publish_the_next_try(wire: Wire) -> None:
    """It arrives when the next try under the same lease has written a part of the tasks."""
    plan = await begun(wire.reader, year_roadmap())
    wire.proxy.inject(Fault.DELAY, is_publication)
    with pytest.raises(StoreTooSlowError):
        await wire.store.add_roadmap(plan)
    asked = len(wire.proxy.exchanges)
    wire.proxy.inject(Fault.REFUSE, is_undo)
    wire.proxy.inject_at(asked + 3, Fault.UNAVAILABLE)
    with pytest.raises(StoreUnavailableError):
        await wire.store.add_roadmap(plan)
    late = [each for each in wire.proxy.exchanges if is_publication(each)]
    assert all(each.status is None for each in late)
    await wire.finish()

    assert all(each.status == 200 for each in late)
    assert wire.count("roadmap_tasks") == 1_000
    (left,) = wire.unpublished_ids()
    assert wire.recorded_ids(plan) == []
    await wire.assert_invisible(left)
    assert await wire.sweep(plan) == 1


# --- Writers that are cancelled --------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.DELAY, Fault.WITHHOLD])
@pytest.mark.parametrize("number", EVERY_REQUEST)
async def test_cancelled_write_is_undone(patient_wire: Wire, number: int, fault: Fault) -> None:
    """The caller sees the cancellation, and no row is left.

    A publication that had arrived stays: the roadmap is complete, and its record names it.
    """
    has_arrived = (number, fault) == (len(REQUESTS), Fault.WITHHOLD)
    plan = await begun(patient_wire.reader, year_roadmap())
    patient_wire.proxy.inject_at(number, fault)
    writing = asyncio.create_task(patient_wire.store.add_roadmap(plan))
    await patient_wire.proxy.until_held()
    writing.cancel()
    await asyncio.wait([writing])
    assert writing.cancelled()
    assert len(await patient_wire.visible(plan)) == has_arrived
    await patient_wire.finish()

    assert any(is_undo(exchange) for exchange in patient_wire.proxy.exchanges)
    listed = await patient_wire.visible(plan)
    assert len(listed) == has_arrived
    assert patient_wire.recorded_ids(plan) == [roadmap.roadmap_id for roadmap in listed]
    if not has_arrived:
        late_insert = number == 1 and fault is Fault.DELAY
        await patient_wire.assert_nothing_left(plan, late_insert=late_insert)


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.WITHHOLD])
async def test_cancellation_does_not_stop_an_undo(patient_wire: Wire, fault: Fault) -> None:
    """A cancellation during the undo does not stop it, and `close` waits for it.

    Whether an error or a first cancellation caused the undo.
    """
    plan = await begun(patient_wire.reader, year_roadmap())
    patient_wire.proxy.inject(Fault.DELAY, is_undo)
    patient_wire.proxy.inject_at(4, fault)
    writing = asyncio.create_task(patient_wire.store.add_roadmap(plan))
    if fault is Fault.WITHHOLD:
        await patient_wire.proxy.until_held()
        patient_wire.proxy.held.clear()
        writing.cancel()
    await patient_wire.proxy.until_held()
    assert is_undo(patient_wire.proxy.exchanges[-1])
    writing.cancel()
    await asyncio.wait([writing])
    assert writing.cancelled()
    assert patient_wire.count("roadmaps") == 1
    patient_wire.proxy.release()
    await patient_wire.store.close()
    await patient_wire.assert_nothing_left(plan)


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
    new_dates = NewDates(0, {}, NO_SETTINGS, AppliedSchedule("request", "answer"))
    feed = CalendarFeed(key, owner, "UTC", 0, None)
    calls: dict[str, Awaitable[object]] = {
        "list_roadmaps": list_roadmaps(store, owner),
        "get_roadmap": get_roadmap(store, key, owner),
        "get_roadmap_with_tasks": store.get_roadmap_with_tasks(key, owner),
        "list_tasks": list_tasks(store, key),
        "list_tasks of a week": list_tasks(store, key, week_number=1),
        "list_weeks": list_weeks(store, key),
        "set_task_completed": store.set_task_completed(task_id, completed=True),
        "list_totals": store.schedules.list_totals(owner),
        "list_facts": store.schedules.list_facts(owner),
        "list_open_tasks": store.schedules.list_open_tasks(owner, {}),
        "get_plan": store.schedules.get_plan(owner, key),
        "get_plan_of_task": store.schedules.get_plan_of_task(owner, task_id),
        "set_dates": store.schedules.set_dates(owner, key, new_dates),
        "undo": store.schedules.undo(owner, key),
        "move_task": store.schedules.move_task(owner, task_id, date(2027, 1, 1)),
        "create_feed": store.schedules.create_feed(feed, "hash"),
        "delete_feed": store.schedules.delete_feed(owner, key),
        "poll_feed": store.schedules.poll_feed("hash"),
        "delete_roadmap": store.delete_roadmap(key, uuid4()),
        "add_roadmap": store.add_roadmap(plan),
        "begin": store.generations.begin(asked, lease, UNBOUNDED),
        "get": store.generations.get(generation_id),
        "read": store.generations.read(generation_id),
        "list_parts": store.generations.list_parts(generation_id),
        "claim": store.generations.claim(lease),
        "record_progress": store.generations.record_progress(lease, progress),
        "release": store.generations.release(lease.lease_id),
        "postpone": store.generations.postpone(lease.lease_id, 1, Failure(problem="failed")),
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
    return (await list_tasks(reader, roadmap.roadmap_id))[0].id


@pytest.mark.parametrize("fault", Fault)
async def test_lasting_fault_is_a_typed_error(
    wire: Wire, roadmap: Roadmap, task_id: str, fault: Fault
) -> None:
    """No method raises an error of the client or its transport, or takes a page for rows."""
    wire.proxy.inject(fault, lambda _: True)
    assert_each_is(await outcomes_of_all(wire.store, roadmap, task_id), EXPECTED[fault])
    await wire.finish()


@pytest.mark.parametrize(
    "fault", [fault for fault in Fault if EXPECTED[fault] is not StoreTooSlowError]
)
async def test_read_survives_one_fault(wire: Wire, roadmap: Roadmap, fault: Fault) -> None:
    key = roadmap.roadmap_id
    for read in (SupabaseStore.get_roadmap_with_tasks, list_tasks, list_weeks):
        wire.proxy.reset()
        wire.proxy.inject_at(1, fault)
        assert await read(wire.store, key) == await read(wire.reader, key)
        assert len(wire.proxy.exchanges) == 2
    wire.proxy.reset()
    wire.proxy.inject_at(1, fault)
    assert await list_roadmaps(wire.store, roadmap.user_id) == [roadmap]


@pytest.mark.parametrize("fault", Fault)
async def test_completion_survives_one_fault(
    wire: Wire, task_id: str, roadmap: Roadmap, fault: Fault
) -> None:
    """The store retries it: completing a task twice is the same as once."""
    wire.proxy.inject_at(1, fault)
    await wire.store.set_task_completed(task_id, completed=True, user_id=roadmap.user_id)
    before = (await list_tasks(wire.reader, roadmap.roadmap_id))[0]
    await wire.finish()
    assert before.completed
    assert (await list_tasks(wire.reader, roadmap.roadmap_id))[0] == before


@pytest.mark.parametrize("fault", Fault)
async def test_new_dates_survive_one_fault(
    wire: Wire, task_id: str, roadmap: Roadmap, fault: Fault
) -> None:
    """The store retries them, and moves, too: each counts once, even if its answer was lost."""
    new = NewDates(0, {task_id: date(2027, 1, 1)}, NO_SETTINGS, AppliedSchedule("1", "answer"))
    wire.proxy.inject_at(1, fault)
    assert await wire.store.schedules.set_dates(roadmap.user_id, roadmap.roadmap_id, new) == 1
    wire.proxy.inject_at(len(wire.proxy.exchanges) + 1, fault)
    await wire.store.schedules.move_task(roadmap.user_id, task_id, date(2027, 1, 2))
    await wire.finish()
    plan = await wire.reader.schedules.get_plan(roadmap.user_id, roadmap.roadmap_id)
    assert (plan.version, plan.tasks[0].date_changes) == (2, 2)
    assert plan.tasks[0].due_date == date(2027, 1, 2)


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
    assert await get_roadmap(reader, roadmap.roadmap_id) == roadmap


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
