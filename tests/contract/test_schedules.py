"""What every store promises of progress and of the dates of tasks."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from src.dao import Store
from src.domain.errors import (
    CalendarFeedNotFoundError,
    CalendarPolledTooOftenError,
    NothingToUndoError,
    RoadmapNotFoundError,
    ScheduleChangedError,
    TaskNotFoundError,
)
from src.domain.progress import Completion, RoadmapTotals, TaskGroup
from src.domain.roadmap import Roadmap
from src.domain.schedule import (
    FEED_POLLS_PER_HOUR,
    NO_SETTINGS,
    AppliedSchedule,
    CalendarFeed,
    DatedPlan,
    DaysOff,
    NewDates,
    ScheduleSettings,
)
from tests.support.backends import Backend, count
from tests.support.plans import new_roadmap, stored
from tests.support.reads import list_tasks

MONDAY = date(2026, 11, 30)
SETTINGS = ScheduleSettings(MONDAY, DaysOff.parse(["sunday", "2026-12-24/2026-12-31"]), 45)
FEED_HASH = "b" * 64


@pytest.fixture
async def roadmap(store: Store) -> Roadmap:
    """Store a plan of two weeks with three tasks a day, of 5, 10 and 15 minutes."""
    return await stored(store, new_roadmap())


async def plan_of(store: Store, roadmap: Roadmap) -> DatedPlan:
    return await store.schedules.get_plan(roadmap.user_id, roadmap.roadmap_id)


async def task_ids(store: Store, roadmap: Roadmap) -> list[str]:
    return [task.id for task in (await plan_of(store, roadmap)).tasks]


def new_dates(
    dates: dict[str, date],
    based_on: int = 0,
    settings: ScheduleSettings = SETTINGS,
    request: str = "request",
) -> NewDates:
    return NewDates(based_on, dates, settings, AppliedSchedule(request, '{"answer": "ü"}'))


async def set_dates(store: Store, roadmap: Roadmap, new: NewDates) -> int:
    return await store.schedules.set_dates(roadmap.user_id, roadmap.roadmap_id, new)


def feed_of(roadmap: Roadmap) -> CalendarFeed:
    return CalendarFeed(roadmap.roadmap_id, roadmap.user_id, "Asia/Kolkata", 4, 7)


# --- A plan and its tasks -----------------------------------------------------------------------


async def test_new_plan_has_no_dates(store: Store, roadmap: Roadmap) -> None:
    """It has every task as planned, version 0, and nothing that was ever said."""
    plan = await plan_of(store, roadmap)
    assert (plan.roadmap, plan.settings, plan.version) == (roadmap, NO_SETTINGS, 0)
    assert plan.applied is None
    listed = await list_tasks(store, roadmap.roadmap_id)
    for task, expected in zip(plan.tasks, listed, strict=True):
        assert (task.id, task.week_number, task.day_number) == (
            expected.id,
            expected.week_number,
            expected.day_number,
        )
        assert (task.weekly_goal, task.text) == (expected.weekly_goal, expected.task_text)
        assert (task.effort, task.category) == (expected.effort, expected.category)
        assert task.minutes == task.estimated_minutes == expected.estimated_minutes
        assert (task.completed_at, task.completed_tz) == (None, None)
        assert task.created_at == expected.created_at
        assert (task.due_date, task.is_moved_by_hand, task.date_changes) == (None, False, 0)
    assert plan == await store.schedules.get_plan_of_task(roadmap.user_id, listed[9].id)


async def test_task_without_an_estimate_has_a_share_of_its_day(
    store: Store, roadmap: Roadmap, backend: Backend
) -> None:
    """Two hours among three tasks are 40 minutes each, whether the others have an estimate."""
    tasks = (await plan_of(store, roadmap)).tasks
    backend.execute(
        f"update roadmap_tasks set estimated_minutes = null where id = '{tasks[0].id}'"  # noqa: S608  ours
        " or week_number = 2"
    )
    await store.set_task_completed(tasks[0].id, completed=True)
    expected = [40.0, 10, 15, *(5.0, 10, 15) * 6, *[40.0] * 21]
    assert [t.minutes for t in (await plan_of(store, roadmap)).tasks] == pytest.approx(expected)
    for roadmap_id in (None, roadmap.roadmap_id):
        (facts,) = await store.schedules.list_facts(roadmap.user_id, roadmap_id)
        assert sum(facts.groups.minutes) == pytest.approx(sum(expected))
        assert sum(facts.groups.completed_minutes) == pytest.approx(40)
        assert [c.minutes for c in facts.completions] == pytest.approx([40])
        open_tasks = await store.schedules.list_open_tasks(
            roadmap.user_id, {roadmap.roadmap_id: list(facts.groups.each())}
        )
        of_roadmap = open_tasks[roadmap.roadmap_id]
        assert [task.id for task in of_roadmap] == [task.id for task in tasks[1:]]


async def test_completion_without_a_time_counts_as_completed(
    store: Store, roadmap: Roadmap, backend: Backend
) -> None:
    """Older code did not always store one: the task is finished, on no known day."""
    backend.execute("update roadmap_tasks set completed = true")
    backend.execute("update roadmap_tasks set completed_at = null")
    assert all(task.completed_at for task in (await plan_of(store, roadmap)).tasks)
    (facts,) = await store.schedules.list_facts(roadmap.user_id)
    assert all(group.completed_tasks == group.tasks == 3 for group in facts.groups.each())
    assert facts.completions == ()


# --- Progress -------------------------------------------------------------------------------------


async def test_facts_add_up_the_tasks(store: Store, roadmap: Roadmap) -> None:
    """One group per day, effort and category, in the plan's order; of all roadmaps one per day."""
    tasks = (await plan_of(store, roadmap)).tasks
    await store.set_task_completed(tasks[2].id, completed=True)
    dates = {tasks[1].id: MONDAY}
    await set_dates(store, roadmap, new_dates(dates))
    (facts,) = await store.schedules.list_facts(roadmap.user_id, roadmap.roadmap_id)
    assert (facts.roadmap, facts.schedule) == (roadmap, SETTINGS)
    groups = list(facts.groups.each())
    assert sorted(groups[:2], key=lambda group: group.effort) == [
        TaskGroup(1, 1, MONDAY, "deep", "coding", 1, 0, 10, 0),
        TaskGroup(1, 1, None, "light", "reading", 2, 1, 20, 15),
    ]
    assert len(groups) == 28
    days = [(group.week_number, group.day_number) for group in groups]
    assert days == sorted(days)

    (coarse,) = await store.schedules.list_facts(roadmap.user_id)
    assert (coarse.roadmap, coarse.schedule) == (roadmap, SETTINGS)
    assert coarse.completions == facts.completions
    groups = list(coarse.groups.each())
    assert len(groups) == 15
    assert set(groups[:2]) == {
        TaskGroup(1, 1, MONDAY, "", "", 1, 0, 10, 0),
        TaskGroup(1, 1, None, "", "", 2, 1, 20, 15),
    }
    assert groups[2] == TaskGroup(1, 2, None, "", "", 3, 0, 30, 0)


async def test_completions_are_counted_by_quarter_and_zone(
    store: Store, roadmap: Roadmap, backend: Backend
) -> None:
    """A quarter's completions are one, at its beginning; another zone's are others."""
    at = datetime(2026, 11, 26, 23, 59, 59, 999_999, tzinfo=UTC)
    done = {
        at: "Europe/Berlin",
        at - timedelta(minutes=14): "Europe/Berlin",
        at - timedelta(minutes=13): "Asia/Kathmandu",
        at - timedelta(minutes=15): "Europe/Berlin",
        at + timedelta(microseconds=1): None,
        datetime(2026, 11, 26, 12, tzinfo=UTC): None,
    }
    for (time, zone), task_id in zip(done.items(), await task_ids(store, roadmap), strict=False):
        await store.set_task_completed(task_id, completed=True, time_zone=zone)
        backend.execute(
            "update roadmap_tasks set completed_at ="  # noqa: S608  ours
            f" '{time.isoformat(timespec='microseconds')}' where id = '{task_id}'"
        )
    (facts,) = await store.schedules.list_facts(roadmap.user_id)
    quarter = datetime(2026, 11, 26, 23, 45, tzinfo=UTC)
    times = [completion.completed_at for completion in facts.completions]
    assert times == sorted(times)
    assert set(facts.completions) == {
        Completion(datetime(2026, 11, 26, 12, tzinfo=UTC), None, 1, 15),
        Completion(quarter - timedelta(minutes=15), "Europe/Berlin", 1, 5),
        Completion(quarter, "Europe/Berlin", 2, 15),
        Completion(quarter, "Asia/Kathmandu", 1, 15),
        Completion(quarter + timedelta(minutes=15), None, 1, 10),
    }


async def test_facts_of_all_roadmaps_come_newest_first(store: Store) -> None:
    """One per roadmap of the user, and none of others; no user is unknown."""
    user_id = uuid4()
    roadmaps = [await stored(store, new_roadmap(user_id, weeks=weeks)) for weeks in (1, 2, 3)]
    await stored(store, new_roadmap())
    facts = await store.schedules.list_facts(user_id)
    assert [each.roadmap for each in facts] == roadmaps[::-1]
    assert [len(each.groups.tasks) for each in facts] == [21, 14, 7]
    assert all(each.schedule == NO_SETTINGS and each.completions == () for each in facts)
    assert await store.schedules.list_facts(uuid4()) == []


async def test_totals_count_the_tasks(store: Store, roadmap: Roadmap) -> None:
    """Of each roadmap of the user, newest first, and of none of others."""
    other = await stored(store, new_roadmap(roadmap.user_id, weeks=1))
    await stored(store, new_roadmap())
    for task_id in (await task_ids(store, roadmap))[:3]:
        await store.set_task_completed(task_id, completed=True)
    assert await store.schedules.list_totals(roadmap.user_id) == [
        RoadmapTotals(other, 21, 0),
        RoadmapTotals(roadmap, 42, 3),
    ]
    assert await store.schedules.list_totals(uuid4()) == []


async def test_roadmap_without_tasks_has_empty_facts(
    store: Store, roadmap: Roadmap, backend: Backend
) -> None:
    """It is there all the same."""
    backend.execute("delete from roadmap_tasks")
    for roadmap_id in (None, roadmap.roadmap_id):
        (facts,) = await store.schedules.list_facts(roadmap.user_id, roadmap_id)
        assert (list(facts.groups.each()), facts.completions) == ([], ())
    assert await store.schedules.list_totals(roadmap.user_id) == [RoadmapTotals(roadmap, 0, 0)]
    assert (await plan_of(store, roadmap)).tasks == ()


async def test_open_tasks_are_those_of_the_days(store: Store, roadmap: Roadmap) -> None:
    """In the plan's order, without the completed ones, and of one due date alone."""
    other = await stored(store, new_roadmap(roadmap.user_id, weeks=1))
    tasks = (await plan_of(store, roadmap)).tasks
    await store.set_task_completed(tasks[4].id, completed=True)
    await set_dates(store, roadmap, new_dates({tasks[8].id: MONDAY}))

    def day(week: int, number: int, due: date | None = None) -> TaskGroup:
        return TaskGroup(week, number, due, "", "", 3, 0, 30, 0)

    asked = {roadmap.roadmap_id: [day(1, 3), day(1, 2), day(2, 7)], other.roadmap_id: [day(2, 1)]}
    found = await store.schedules.list_open_tasks(roadmap.user_id, asked)
    expected = [tasks[number].id for number in (3, 5, 6, 7, 39, 40, 41)]
    assert [task.id for task in found[roadmap.roadmap_id]] == expected
    assert found[other.roadmap_id] == []
    scheduled = {roadmap.roadmap_id: [day(1, 3, MONDAY)]}
    (task,) = (await store.schedules.list_open_tasks(roadmap.user_id, scheduled)).popitem()[1]
    assert task == (await list_tasks(store, roadmap.roadmap_id))[8]
    assert await store.schedules.list_open_tasks(roadmap.user_id, {}) == {}


# --- Time zones of completions ----------------------------------------------------------------


async def test_first_completion_keeps_its_zone(store: Store, roadmap: Roadmap) -> None:
    """Completing again changes neither time nor zone; taking it back clears both."""
    task_id = (await task_ids(store, roadmap))[0]

    async def complete(*, completed: bool, zone: str | None) -> list[str | None]:
        await store.set_task_completed(
            task_id, completed=completed, user_id=roadmap.user_id, time_zone=zone
        )
        (facts,) = await store.schedules.list_facts(roadmap.user_id)
        zones = [completion.time_zone for completion in facts.completions]
        first, *others = (await plan_of(store, roadmap)).tasks
        assert [first.completed_tz] == (zones or [None])
        assert not any(task.completed_tz for task in others)
        return zones

    assert await complete(completed=True, zone="Pacific/Apia") == ["Pacific/Apia"]
    assert await complete(completed=True, zone="Europe/Berlin") == ["Pacific/Apia"]
    assert await complete(completed=True, zone=None) == ["Pacific/Apia"]
    assert await complete(completed=False, zone="Europe/Berlin") == []
    assert await complete(completed=True, zone=None) == [None]
    assert await complete(completed=True, zone="Europe/Berlin") == [None]


# --- Setting dates and undoing it -----------------------------------------------------------------


async def test_set_dates_are_stored_and_counted(store: Store, roadmap: Roadmap) -> None:
    """Only tasks whose date differs count a change; the other tasks stay as they were."""
    ids = await task_ids(store, roadmap)
    dates = {task_id: MONDAY + timedelta(days=number) for number, task_id in enumerate(ids[:5])}
    assert await set_dates(store, roadmap, new_dates(dates)) == 1
    later = {ids[0]: MONDAY, ids[1]: date(2027, 1, 1), ids[7]: date(2027, 1, 2)}
    changed = replace(SETTINGS, start=None, minutes_per_day=None)
    assert await set_dates(store, roadmap, new_dates(later, 1, changed, "another")) == 2
    plan = await plan_of(store, roadmap)
    assert {task.id: task.due_date for task in plan.tasks if task.due_date} == dates | later
    changes = Counter({task.id: task.date_changes for task in plan.tasks})
    assert +changes == Counter([*ids[:5], ids[1], ids[7]])
    assert not any(task.is_moved_by_hand for task in plan.tasks)
    assert (plan.version, plan.settings) == (2, changed)
    assert plan.applied == AppliedSchedule("another", '{"answer": "ü"}')
    tasks = {task.id: task.due_date for task in await list_tasks(store, roadmap.roadmap_id)}
    assert tasks == {task.id: task.due_date for task in plan.tasks}


async def test_dates_of_another_version_are_refused(store: Store, roadmap: Roadmap) -> None:
    """Whoever planned with older dates learns the present version, and nothing changes."""
    ids = await task_ids(store, roadmap)
    await set_dates(store, roadmap, new_dates({ids[0]: MONDAY}))
    before = await plan_of(store, roadmap)
    for based_on in (0, 2, -1):
        with pytest.raises(ScheduleChangedError) as caught:
            await set_dates(store, roadmap, new_dates({ids[1]: MONDAY}, based_on, request="other"))
        assert caught.value.version == 1
    assert await plan_of(store, roadmap) == before


async def test_repeated_request_changes_nothing(store: Store, roadmap: Roadmap) -> None:
    """As after a lost answer; something that was done since ends that."""
    ids = await task_ids(store, roadmap)
    new = new_dates({ids[0]: MONDAY})
    assert [await set_dates(store, roadmap, new) for _ in range(3)] == [1, 1, 1]
    assert (await plan_of(store, roadmap)).tasks[0].date_changes == 1
    await store.schedules.move_task(roadmap.user_id, ids[1], MONDAY)
    with pytest.raises(ScheduleChangedError):
        await set_dates(store, roadmap, new)


async def test_of_two_at_once_one_wins(store: Store, other_store: Store, roadmap: Roadmap) -> None:
    """The other learns of the change, whichever process it comes from; no date is a mixture."""
    ids = await task_ids(store, roadmap)
    days = [MONDAY + timedelta(days=number) for number in range(6)]
    for version in range(5):
        outcomes = await asyncio.gather(
            *(
                set_dates(
                    either, roadmap, new_dates(dict.fromkeys(ids, day), version, request=str(day))
                )
                for either, day in zip((store, other_store) * 3, days, strict=True)
            ),
            return_exceptions=True,
        )
        (winner,) = (number for number, each in enumerate(outcomes) if each == version + 1)
        assert sum(isinstance(each, ScheduleChangedError) for each in outcomes) == 5
        plan = await plan_of(store, roadmap)
        assert {task.due_date for task in plan.tasks} == {days[winner]}
        assert plan.version == version + 1


async def test_dates_of_other_roadmaps_stay(store: Store, roadmap: Roadmap) -> None:
    """A task's id of another roadmap is ignored."""
    other = await stored(store, new_roadmap(roadmap.user_id))
    before = await plan_of(store, other)
    foreign, own = (await task_ids(store, other))[0], (await task_ids(store, roadmap))[0]
    await set_dates(store, roadmap, new_dates({foreign: MONDAY, own: MONDAY, str(uuid4()): MONDAY}))
    await store.schedules.undo(roadmap.user_id, roadmap.roadmap_id)
    assert await plan_of(store, other) == before


RAW = (
    "select id, due_date, moved_by_hand, completed, completed_at, completed_tz from roadmap_tasks"
    " order by id"
)
RAW_SETTINGS = "select start_date, days_off, minutes_per_day from roadmap_schedules"


async def test_undo_restores_every_byte(store: Store, roadmap: Roadmap, backend: Backend) -> None:
    """Dates, their absence, what was moved by hand and settings; ticks since then stay."""
    ids = await task_ids(store, roadmap)
    await set_dates(store, roadmap, new_dates({ids[0]: MONDAY, ids[1]: MONDAY}))
    await store.schedules.move_task(roadmap.user_id, ids[2], date(2026, 12, 9))
    before, settings = backend.query(RAW), backend.query(RAW_SETTINGS)
    dates = {task_id: MONDAY + timedelta(days=number) for number, task_id in enumerate(ids[:9])}
    changed = ScheduleSettings(None, DaysOff.parse(["monday"]), None)
    await set_dates(store, roadmap, new_dates(dates, 2, changed))
    assert backend.query(RAW) != before
    assert backend.query(RAW_SETTINGS) != settings
    assert await store.schedules.undo(roadmap.user_id, roadmap.roadmap_id) == 4
    assert backend.query(RAW) == before
    assert backend.query(RAW_SETTINGS) == settings
    plan = await plan_of(store, roadmap)
    assert [task.date_changes for task in plan.tasks] == [1, 3, 3, *[2] * 6, *[0] * 33]
    assert (plan.applied, plan.version) == (None, 4)


async def test_undo_keeps_what_was_completed_since(store: Store, roadmap: Roadmap) -> None:
    ids = await task_ids(store, roadmap)
    await set_dates(store, roadmap, new_dates({ids[0]: MONDAY}))
    await store.set_task_completed(ids[0], completed=True)
    assert (await plan_of(store, roadmap)).version == 1
    await store.schedules.undo(roadmap.user_id, roadmap.roadmap_id)
    task = (await plan_of(store, roadmap)).tasks[0]
    assert task.completed_at is not None
    assert task.due_date is None


async def test_nothing_to_undo(store: Store, roadmap: Roadmap) -> None:
    """Before the first schedule, after an undo, and after a move by hand."""
    ids = await task_ids(store, roadmap)

    async def assert_nothing_to_undo() -> None:
        before = await plan_of(store, roadmap)
        with pytest.raises(NothingToUndoError):
            await store.schedules.undo(roadmap.user_id, roadmap.roadmap_id)
        assert await plan_of(store, roadmap) == before

    await assert_nothing_to_undo()
    await set_dates(store, roadmap, new_dates({ids[0]: MONDAY}))
    await store.schedules.undo(roadmap.user_id, roadmap.roadmap_id)
    await assert_nothing_to_undo()
    await set_dates(store, roadmap, new_dates({ids[0]: MONDAY}, 2))
    await store.schedules.move_task(roadmap.user_id, ids[5], MONDAY)
    await assert_nothing_to_undo()


# --- Moving a task by hand ------------------------------------------------------------------------


async def test_moved_task_is_returned_and_kept(store: Store, roadmap: Roadmap) -> None:
    """Each move counts and ends what could be undone or repeated; to the same place it does not."""
    task_id = (await task_ids(store, roadmap))[4]
    move = store.schedules.move_task
    for version, day in enumerate((MONDAY, date(2026, 12, 3)), start=1):
        for _ in range(2):
            moved = await move(roadmap.user_id, task_id.upper(), day)
            assert moved == (await list_tasks(store, roadmap.roadmap_id))[4]
            assert moved.due_date == day
            plan = await plan_of(store, roadmap)
            assert (plan.version, plan.tasks[4].date_changes) == (version, version)
            assert plan.tasks[4].is_moved_by_hand
            assert (plan.settings, plan.applied) == (NO_SETTINGS, None)
    for _ in range(2):
        released = await move(roadmap.user_id, task_id, None)
        assert released.due_date is None
        plan = await plan_of(store, roadmap)
        assert (plan.version, plan.tasks[4].date_changes) == (3, 3)
        assert not plan.tasks[4].is_moved_by_hand


async def test_moving_to_the_scheduled_day_pins_the_task(store: Store, roadmap: Roadmap) -> None:
    """It changes no date, but the next schedule leaves the task where it is."""
    task_id = (await task_ids(store, roadmap))[0]
    await set_dates(store, roadmap, new_dates({task_id: MONDAY}))
    await store.schedules.move_task(roadmap.user_id, task_id, MONDAY)
    plan = await plan_of(store, roadmap)
    assert (plan.version, plan.applied, plan.settings) == (2, None, SETTINGS)
    task = plan.tasks[0]
    assert (task.due_date, task.is_moved_by_hand, task.date_changes) == (MONDAY, True, 1)


# --- Calendar feeds -------------------------------------------------------------------------------


async def test_feed_is_found_by_its_hash(store: Store, roadmap: Roadmap) -> None:
    """Until it is replaced or revoked."""
    feed = feed_of(roadmap)
    await store.schedules.create_feed(feed, FEED_HASH)
    assert await store.schedules.poll_feed(FEED_HASH) == feed
    again = replace(feed, time_zone="UTC", rollover=0, alarm_hour=None)
    await store.schedules.create_feed(again, "c" * 64)
    assert await store.schedules.poll_feed("c" * 64) == again
    for token_hash in (FEED_HASH, "", "C" * 64, "' or true --"):
        with pytest.raises(CalendarFeedNotFoundError):
            await store.schedules.poll_feed(token_hash)
    for _ in range(2):
        await store.schedules.delete_feed(roadmap.user_id, roadmap.roadmap_id)
    with pytest.raises(CalendarFeedNotFoundError):
        await store.schedules.poll_feed("c" * 64)


async def test_feed_is_polled_so_often_an_hour(
    store: Store, other_store: Store, roadmap: Roadmap
) -> None:
    """Over all processes; a new secret begins to count anew, and another roadmap has its own."""
    other = await stored(store, new_roadmap())
    await store.schedules.create_feed(feed_of(roadmap), FEED_HASH)
    await store.schedules.create_feed(feed_of(other), "c" * 64)
    stores = (store, other_store) * (FEED_POLLS_PER_HOUR // 2)
    await asyncio.gather(*(either.schedules.poll_feed(FEED_HASH) for either in stores))
    for _ in range(2):
        with pytest.raises(CalendarPolledTooOftenError) as caught:
            await store.schedules.poll_feed(FEED_HASH)
        assert 3_500 < caught.value.retry_after <= 3_600
    await store.schedules.poll_feed("c" * 64)
    await store.schedules.create_feed(feed_of(roadmap), "d" * 64)
    await store.schedules.poll_feed("d" * 64)


async def test_polls_are_forgotten_after_an_hour(
    store: Store, roadmap: Roadmap, backend: Backend
) -> None:
    """One by one: as soon as the oldest of them is an hour old, one more is possible."""
    await store.schedules.create_feed(feed_of(roadmap), FEED_HASH)
    now = datetime.now(UTC).timestamp()
    polls = [now - 3_601, *(now - 3_590 + number for number in range(FEED_POLLS_PER_HOUR - 1))]
    backend.execute(f"update calendar_feeds set polls = '{polls}'")  # noqa: S608  ours
    await store.schedules.poll_feed(FEED_HASH)
    with pytest.raises(CalendarPolledTooOftenError) as caught:
        await store.schedules.poll_feed(FEED_HASH)
    assert 0 < caught.value.retry_after <= 10


# --- Whose it is --------------------------------------------------------------------------------


async def test_what_is_anothers_is_not_there(store: Store, roadmap: Roadmap) -> None:
    """A stranger gets the same errors as for an id of nothing, and changes nothing."""
    task_id = (await task_ids(store, roadmap))[0]
    await set_dates(store, roadmap, new_dates({task_id: MONDAY}))
    await store.schedules.create_feed(feed_of(roadmap), FEED_HASH)
    before = await plan_of(store, roadmap)
    schedules = store.schedules
    group = TaskGroup(1, 1, None, "", "", 3, 0, 30, 0)
    stranger = uuid4()

    def of_roadmap(user_id: UUID, roadmap_id: int) -> list[Awaitable[object]]:
        feed = replace(feed_of(roadmap), user_id=user_id, roadmap_id=roadmap_id)
        return [
            schedules.list_facts(user_id, roadmap_id),
            schedules.get_plan(user_id, roadmap_id),
            schedules.set_dates(user_id, roadmap_id, new_dates({task_id: date(2027, 1, 1)}, 1)),
            schedules.undo(user_id, roadmap_id),
            schedules.create_feed(feed, "e" * 64),
            schedules.delete_feed(user_id, roadmap_id),
        ]

    calls = of_roadmap(stranger, roadmap.roadmap_id) + of_roadmap(roadmap.user_id, 999_999)
    for call, roadmap_id in zip(calls, [roadmap.roadmap_id] * 6 + [999_999] * 6, strict=True):
        with pytest.raises(RoadmapNotFoundError) as caught:
            await call
        assert caught.value.roadmap_id == roadmap_id
    for user_id, roadmap_id in ((stranger, roadmap.roadmap_id), (roadmap.user_id, 999_999)):
        assert await schedules.list_open_tasks(user_id, {roadmap_id: [group]}) == {}
    for user_id, some_id in (
        (stranger, task_id),
        *((roadmap.user_id, text) for text in (str(uuid4()), "", "not-a-uuid", "a\0b")),
    ):
        with pytest.raises(TaskNotFoundError):
            await schedules.get_plan_of_task(user_id, some_id)
        with pytest.raises(TaskNotFoundError):
            await schedules.move_task(user_id, some_id, MONDAY)
    assert await plan_of(store, roadmap) == before
    assert await schedules.poll_feed(FEED_HASH) == feed_of(roadmap)


async def test_deleted_roadmap_takes_its_dates_along(
    store: Store, roadmap: Roadmap, backend: Backend
) -> None:
    """Schedule, feed and all; the feed's secret opens nothing any more."""
    ids = await task_ids(store, roadmap)
    await set_dates(store, roadmap, new_dates({ids[0]: MONDAY}))
    await store.schedules.create_feed(feed_of(roadmap), FEED_HASH)
    await store.delete_roadmap(roadmap.roadmap_id, roadmap.user_id)
    with pytest.raises(CalendarFeedNotFoundError):
        await store.schedules.poll_feed(FEED_HASH)
    for table in ("roadmap_tasks", "roadmap_schedules", "calendar_feeds"):
        assert count(backend, table) == 0
