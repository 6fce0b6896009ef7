"""What every store promises, whichever database it is on."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from src.dao import Store
from src.domain.errors import RoadmapNotFoundError, TaskNotFoundError
from src.domain.generation import Failure, SweepResult
from src.domain.plan import NewRoadmap
from src.domain.roadmap import Roadmap, RoadmapWithTasks, Task
from src.domain.vocabulary import MAX_ID
from tests.support.backends import Backend
from tests.support.plans import (
    begun,
    new_roadmap,
    roadmap_of,
    roadmap_of_texts,
    stored,
    texts_of,
    year_roadmap,
)
from tests.support.reads import get_roadmap, list_roadmaps, list_tasks, list_weeks

NO_TASK_IDS = [
    "00000000-0000-4000-8000-000000000000",
    "not-a-uuid",
    "",
    " ",
    "1",
    "-1",
    "1.5",
    "null",
    "x" * 64,
    "9" * 64,
    "9" * 5_000,
    "١٢٣",
    "' or true --",
    "a\0b",
    "*",
    "id.eq.1,completed.is.true",
]
TEXTS = [
    "🚀 Ship it 👩🏽‍💻",
    "تعلّم Rust ثم عبרית",
    "\"quoted\", 'single' and `back`",
    "100%, 50%25, %s and {braces}",
    r"back\slash, \n and C:\new",
    "comma, (paren) . dot : colon",
    "null",
    "'; drop table roadmaps; --",
    "漢字 かな 한글 naïve e\u0301",
]


async def assert_whole(store: Store, roadmap: Roadmap, plan: NewRoadmap) -> None:
    tasks = await list_tasks(store, roadmap.roadmap_id)
    assert [task.task_text for task in tasks] == texts_of(plan)


async def first_task(store: Store, roadmap: Roadmap) -> Task:
    return (await list_tasks(store, roadmap.roadmap_id))[0]


async def assert_not_found(
    store: Store, roadmap_id: int, deleter: UUID, *readers: UUID | None
) -> None:
    """Assert that no method finds a roadmap for these users; None names no user."""
    calls = [
        *(get_roadmap(store, roadmap_id, user_id) for user_id in readers),
        *(store.get_roadmap_with_tasks(roadmap_id, user_id) for user_id in readers),
        *(list_tasks(store, roadmap_id, user_id) for user_id in readers),
        *(list_tasks(store, roadmap_id, user_id, week_number=1) for user_id in readers),
        *(list_weeks(store, roadmap_id, user_id) for user_id in readers),
        store.delete_roadmap(roadmap_id, deleter),
    ]
    for call in calls:
        with pytest.raises(RoadmapNotFoundError) as caught:
            await call
        assert caught.value.roadmap_id == roadmap_id


# --- Writing and reading a roadmap ------------------------------------------------------------


async def test_added_roadmap_is_returned_as_stored(store: Store) -> None:
    """`add_roadmap` returns the eight fields, with the goal as the user wrote it."""
    plan = new_roadmap(goal="Learn Rust", weeks=2, daily_hours=1.5, level="advanced")
    before = datetime.now(UTC)
    roadmap = await stored(store, plan)

    assert roadmap.roadmap_id >= 1
    assert roadmap.created_at.utcoffset() == timedelta(0)
    assert abs(roadmap.created_at - before) < timedelta(seconds=30)
    assert roadmap.model_dump(exclude={"roadmap_id", "created_at"}) == {
        "user_id": plan.user_id,
        "description": "Learn Rust",
        "level": "advanced",
        "duration_weeks": 2,
        "daily_hours": 1.5,
        "is_active": True,
    }
    assert await get_roadmap(store, roadmap.roadmap_id) == roadmap
    assert await get_roadmap(store, roadmap.roadmap_id, plan.user_id) == roadmap
    assert await list_roadmaps(store, plan.user_id) == [roadmap]


async def test_tasks_are_ordered_by_week_day_and_position(store: Store) -> None:
    """Reading returns the plan's order, in which texts are not in alphabetical order."""
    plan = new_roadmap(weeks=12, tasks_per_day=4)
    roadmap = await stored(store, plan)
    tasks = await list_tasks(store, roadmap.roadmap_id)

    assert [task.task_text for task in tasks] == texts_of(plan)
    assert texts_of(plan) != sorted(texts_of(plan))
    assert [(task.week_number, task.day_number) for task in tasks] == [
        (week, day) for week in range(1, 13) for day in range(1, 8) for _ in range(4)
    ]
    assert len({task.id for task in tasks}) == len(tasks)
    for user_id in (None, plan.user_id):
        whole = await store.get_roadmap_with_tasks(roadmap.roadmap_id, user_id)
        assert whole == RoadmapWithTasks(roadmap=roadmap, tasks=tasks)


async def test_task_holds_what_was_planned(store: Store) -> None:
    """A new task is as planned and not completed."""
    roadmap = await stored(store, new_roadmap(weeks=1))
    first, second, *_ = await list_tasks(store, roadmap.roadmap_id)

    assert first.model_dump(exclude={"id", "created_at"}) == {
        "roadmap_id": roadmap.roadmap_id,
        "week_number": 1,
        "weekly_goal": "Goal of week 1",
        "day_number": 1,
        "task_text": "z of week 1, day 1",
        "effort": "light",
        "category": "reading",
        "estimated_minutes": 5,
        "completed": False,
        "completed_at": None,
        "due_date": None,
    }
    assert (second.effort, second.category, second.estimated_minutes) == ("deep", "coding", 10)
    assert first.created_at.utcoffset() == timedelta(0)
    assert str(UUID(first.id)) == first.id


async def test_week_filter_returns_that_week_alone(store: Store) -> None:
    """With a week's number only its tasks come, in order; none for a week that is not there."""
    plan = new_roadmap(weeks=3)
    roadmap = await stored(store, plan)
    everything = await list_tasks(store, roadmap.roadmap_id)

    second = await list_tasks(store, roadmap.roadmap_id, plan.user_id, week_number=2)
    assert second == [task for task in everything if task.week_number == 2]
    assert len(second) == 21
    assert await list_tasks(store, roadmap.roadmap_id, week_number=4) == []


async def test_text_survives_unchanged(store: Store) -> None:
    """Goals, weekly goals and tasks come back character by character."""
    for text in TEXTS:
        plan = new_roadmap(goal=text)
        texts = roadmap_of_texts([text, f"{text} again"], plan.user_id)
        roadmap = await stored(store, plan.model_copy(update={"weeks": texts.weeks}))

        assert (await get_roadmap(store, roadmap.roadmap_id)).description == text
        tasks = await list_tasks(store, roadmap.roadmap_id)
        assert [task.task_text for task in tasks] == [text, f"{text} again"]
        assert tasks[0].weekly_goal == text
        assert (await list_weeks(store, roadmap.roadmap_id))[0].weekly_goal == text


# --- Lists of roadmaps ------------------------------------------------------------------------


async def test_roadmaps_are_listed_newest_first(store: Store) -> None:
    """The newest comes first; a list has the user's own alone, and an unknown user's is empty."""
    user_id = uuid4()
    added = []
    for number in range(5):
        added.append(await stored(store, new_roadmap(user_id, goal=f"Goal {number}")))
        await stored(store, new_roadmap())
    assert await list_roadmaps(store, user_id) == added[::-1]
    assert await list_roadmaps(store, uuid4()) == []


async def test_roadmaps_of_one_instant_are_listed_by_id(store: Store, backend: Backend) -> None:
    """Of several of the same time the one with the greatest id counts as the newest."""
    user_id = uuid4()
    added = [await stored(store, new_roadmap(user_id)) for _ in range(5)]
    backend.execute("update roadmaps set created_at = '2026-01-01T00:00:00.000000+00:00'")

    instant = datetime(2026, 1, 1, tzinfo=UTC)
    assert await list_roadmaps(store, user_id) == [
        roadmap.model_copy(update={"created_at": instant}) for roadmap in reversed(added)
    ]


@pytest.mark.parametrize("count", [999, 1_000, 1_001, 2_500])
async def test_every_roadmap_is_listed(store: Store, backend: Backend, count: int) -> None:
    """A user's list is complete around and far beyond 1,000, many of the same instant."""
    user_id = uuid4()
    for year, first, last in ((2025, 1, count // 2), (2026, count // 2 + 1, count)):
        backend.execute(
            f"with recursive numbers (n) as (select {first} union all"  # noqa: S608  own values
            f" select n + 1 from numbers where n < {last})"
            " insert into roadmaps"
            " (user_id, description, level, duration_weeks, daily_hours, created_at)"
            f" select '{user_id}', 'Learn Rust', 'beginner', 1, 1,"
            f" '{year}-01-01T00:00:00.123456+00:00' from numbers"
        )
    listed = [roadmap.roadmap_id for roadmap in await list_roadmaps(store, user_id)]
    assert listed == list(range(count, 0, -1))


# --- What does not exist, and what is another's ------------------------------------------------


async def test_unknown_roadmap_is_not_found(store: Store) -> None:
    """Every method raises with the id, up to the largest."""
    owner = uuid4()
    for roadmap_id in (1, 999_999, 2**31, MAX_ID):
        await assert_not_found(store, roadmap_id, owner, owner, None)


async def test_roadmap_of_another_user_is_not_found(store: Store) -> None:
    """To a user who is not its owner a roadmap does not exist, and it stays as it was."""
    plan, stranger = new_roadmap(), uuid4()
    roadmap = await stored(store, plan)
    await stored(store, new_roadmap(stranger))
    await assert_not_found(store, roadmap.roadmap_id, stranger, stranger)
    await assert_whole(store, roadmap, plan)


@pytest.mark.parametrize("completed", [True, False])
async def test_unknown_task_is_not_found(store: Store, *, completed: bool) -> None:
    """An id of no task, or no id at all, is not found and changes nothing."""
    roadmap = await stored(store, new_roadmap(weeks=1))
    for task_id in NO_TASK_IDS:
        for user_id in (None, roadmap.user_id):
            with pytest.raises(TaskNotFoundError):
                await store.set_task_completed(task_id, completed=completed, user_id=user_id)
    assert not any(task.completed for task in await list_tasks(store, roadmap.roadmap_id))


async def test_task_ids_are_read_alike(store: Store) -> None:
    """Every way to write a UUID names the same task, whatever the database."""
    roadmap = await stored(store, new_roadmap())
    for number, form in enumerate(("{{{}}}", "urn:uuid:{}", "{}")):
        task = (await list_tasks(store, roadmap.roadmap_id))[number]
        await store.set_task_completed(form.format(task.id.upper()), completed=True)
        assert (await list_tasks(store, roadmap.roadmap_id))[number].completed


async def test_task_of_another_user_is_not_found(store: Store) -> None:
    """Only its owner, or a caller who names no user, changes a task."""
    roadmap = await stored(store, new_roadmap())
    task_id = (await first_task(store, roadmap)).id

    with pytest.raises(TaskNotFoundError):
        await store.set_task_completed(task_id, completed=True, user_id=uuid4())
    assert not (await first_task(store, roadmap)).completed
    await store.set_task_completed(task_id, completed=True, user_id=roadmap.user_id)
    assert (await first_task(store, roadmap)).completed


# --- Completing tasks -------------------------------------------------------------------------


async def test_completing_a_task_marks_it_and_no_other(store: Store) -> None:
    """The task is completed now, in UTC; everything else stays as it was, its order too."""
    roadmap = await stored(store, new_roadmap())
    before = await list_tasks(store, roadmap.roadmap_id)
    await store.set_task_completed(before[4].id, completed=True)
    after = await list_tasks(store, roadmap.roadmap_id)

    done = after[4]
    assert done.completed
    assert done.completed_at is not None
    assert done.completed_at.utcoffset() == timedelta(0)
    assert abs(done.completed_at - datetime.now(UTC)) < timedelta(seconds=30)
    before[4] = done
    assert after == before


async def test_time_of_completion_is_that_of_the_first(store: Store) -> None:
    """Completing twice keeps the time, undoing twice clears it, and the next one sets a new one."""
    roadmap = await stored(store, new_roadmap())
    new = await first_task(store, roadmap)

    async def complete(*, completed: bool) -> Task:
        await store.set_task_completed(new.id, completed=completed)
        return await first_task(store, roadmap)

    first = (await complete(completed=True)).completed_at
    await asyncio.sleep(0.02)
    assert (await complete(completed=True)).completed_at == first
    for _ in range(2):
        assert await complete(completed=False) == new
    again = (await complete(completed=True)).completed_at
    assert first is not None
    assert again is not None
    assert again > first


async def test_weeks_count_tasks_and_completed_ones(store: Store) -> None:
    """Each week has a row, by number, with its goal, its tasks and how many are completed."""
    roadmap = await stored(store, new_roadmap(weeks=12, tasks_per_day=2))
    tasks = await list_tasks(store, roadmap.roadmap_id)
    for task in [*tasks[:14], tasks[14], tasks[-1]]:
        await store.set_task_completed(task.id, completed=True)

    weeks = await list_weeks(store, roadmap.roadmap_id, roadmap.user_id)
    done = {1: 14, 2: 1, 12: 1}
    assert [week.model_dump() for week in weeks] == [
        {
            "week_number": number,
            "weekly_goal": f"Goal of week {number}",
            "total_tasks": 14,
            "completed_tasks": done.get(number, 0),
            "progress": {1: 100, 2: 7, 12: 7}.get(number, 0),
        }
        for number in range(1, 13)
    ]


# --- Deleting ---------------------------------------------------------------------------------


async def test_deleted_roadmap_is_gone_with_its_tasks(store: Store, backend: Backend) -> None:
    """Nothing of it can be read, changed or deleted again; other roadmaps stay whole."""
    plan = new_roadmap()
    kept = await stored(store, plan)
    gone = await stored(store, new_roadmap(plan.user_id))
    task_id = (await first_task(store, gone)).id
    await store.delete_roadmap(gone.roadmap_id, plan.user_id)

    await assert_not_found(store, gone.roadmap_id, plan.user_id, plan.user_id, None)
    with pytest.raises(TaskNotFoundError):
        await store.set_task_completed(task_id, completed=True)
    assert await list_roadmaps(store, plan.user_id) == [kept]
    await assert_whole(store, kept, plan)
    assert backend.query("select distinct roadmap_id from roadmap_tasks") == [(kept.roadmap_id,)]


async def test_id_of_a_deleted_roadmap_is_not_used_again(store: Store) -> None:
    """A client that still holds a deleted roadmap's id never meets another roadmap there."""
    first = await stored(store, new_roadmap())
    await store.delete_roadmap(first.roadmap_id, first.user_id)
    assert (await stored(store, new_roadmap())).roadmap_id > first.roadmap_id


async def test_sweep_never_deletes_what_is_published(store: Store) -> None:
    """With nothing left behind the sweep deletes nothing, whatever the age."""
    plans = [new_roadmap(), new_roadmap()]
    roadmaps = [await stored(store, plan) for plan in plans]
    assert await store.generations.sweep(Failure(problem="swept")) == SweepResult(
        roadmaps=0, generations=0
    )
    for roadmap, plan in zip(roadmaps, plans, strict=True):
        await assert_whole(store, roadmap, plan)


# --- Many at once, and cancelled callers --------------------------------------------------------


async def test_concurrent_writers_keep_every_roadmap_whole(
    store: Store, other_store: Store
) -> None:
    """Roadmaps written at the same time, by two processes, do not mix and none is lost."""
    user_id = uuid4()
    plans = [new_roadmap(user_id, weeks=1 + number, goal=f"{number}") for number in range(12)]
    roadmaps = await asyncio.gather(
        *(stored(store if number % 2 else other_store, plan) for number, plan in enumerate(plans))
    )
    for roadmap, plan in zip(roadmaps, plans, strict=True):
        assert roadmap.description == plan.request.goal
        await assert_whole(other_store, roadmap, plan)
    listed = await list_roadmaps(store, user_id)
    assert listed == sorted(roadmaps, key=lambda r: (r.created_at, r.roadmap_id), reverse=True)


async def test_concurrent_updates_are_all_kept(store: Store, other_store: Store) -> None:
    """Tasks completed at the same time are all completed; twice the same keeps one time."""
    roadmap = await stored(store, new_roadmap(weeks=1))
    tasks = await list_tasks(store, roadmap.roadmap_id)
    await asyncio.gather(
        *(
            either.set_task_completed(task.id, completed=True)
            for task in tasks
            for either in (store, other_store)
        )
    )
    (week,) = await list_weeks(other_store, roadmap.roadmap_id)
    assert week.completed_tasks == week.total_tasks == len(tasks)


async def test_reader_never_sees_a_part(store: Store, other_store: Store) -> None:
    """While a year is being written, a reader sees nothing or all of it."""
    plan = await begun(store, year_roadmap())
    writing = asyncio.create_task(store.add_roadmap(plan))
    while not writing.done():
        for roadmap in await list_roadmaps(other_store, plan.user_id):
            await assert_whole(other_store, roadmap, plan)
        for read in (get_roadmap, list_tasks, list_weeks):
            with suppress(RoadmapNotFoundError):
                seen = await read(other_store, 1)
                assert not isinstance(seen, list) or len(seen) in {52, 2_184}
    await assert_whole(other_store, roadmap_of(await writing), plan)


@pytest.mark.long(1)
@pytest.mark.parametrize("milliseconds", [0, 2, 5, 10, 20, 40, 160])
async def test_cancelled_write_leaves_all_or_nothing(
    store: Store, other_store: Store, backend: Backend, milliseconds: int
) -> None:
    plan = await begun(store, year_roadmap())
    writing = asyncio.create_task(store.add_roadmap(plan))
    await asyncio.sleep(milliseconds / 1_000)
    writing.cancel()
    await asyncio.wait([writing])
    # At once, and after the writer has finished its undo.
    for finish in (asyncio.sleep(0), store.close()):
        await finish
        for roadmap in await list_roadmaps(other_store, plan.user_id):
            await assert_whole(other_store, roadmap, plan)
    assert backend.query("select count(*) from roadmap_tasks")[0][0] in {0, 2_184}


async def test_close_can_be_repeated(store: Store) -> None:
    """Closing a closed store does nothing, so that every owner may close it."""
    await stored(store, new_roadmap())
    await store.close()
    await store.close()


async def test_many_processes_may_open_a_new_database_at_once(backend: Backend) -> None:
    """The first one creates it, and every other one opens it."""
    stores = await asyncio.gather(*(backend.open() for _ in range(12)))
    for store in stores:
        await store.close()
