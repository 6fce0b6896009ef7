"""Reads through a PostgREST that truncates answers after few rows, as "Max rows" of a project."""

from collections.abc import Iterator
from datetime import date
from uuid import uuid4

import pytest

from src.dao import Store
from src.domain.roadmap import RoadmapWithTasks
from src.domain.schedule import NO_SETTINGS, AppliedSchedule, NewDates
from tests.support.data_plane import DataPlane, open_store, running_data_plane
from tests.support.fault_proxy import FaultProxy
from tests.support.plans import new_roadmap, stored, texts_of, year_roadmap
from tests.support.reads import get_roadmap, list_roadmaps, list_tasks, list_weeks


@pytest.fixture(params=[1, 30])
def truncating_plane(data_plane: DataPlane, request: pytest.FixtureRequest) -> Iterator[DataPlane]:
    """Offer the database of `data_plane` through a PostgREST that returns so many rows at most."""
    with running_data_plane(data_plane.database, max_rows=request.param) as plane:
        yield plane


def requests_of(proxy: FaultProxy) -> int:
    """Return how many requests came since the last call."""
    number = len(proxy.exchanges)
    proxy.reset()
    return number


async def assert_reads_of_a_year_are_complete(store: Store, proxy: FaultProxy) -> None:
    """Store the largest roadmap, read it in every way, and count the requests."""
    plan = year_roadmap()
    roadmap = await stored(store, plan)
    proxy.reset()
    key, owner = roadmap.roadmap_id, plan.user_id

    tasks = await list_tasks(store, key, owner)
    assert requests_of(proxy) == 1
    assert [task.task_text for task in tasks] == texts_of(plan)
    weeks = await list_weeks(store, key, owner)
    assert requests_of(proxy) == 1
    assert [(week.week_number, week.total_tasks) for week in weeks] == [
        (number, 42) for number in range(1, 53)
    ]
    week = await list_tasks(store, key, owner, week_number=52)
    assert requests_of(proxy) == 1
    assert week == tasks[-42:]
    whole = await store.get_roadmap_with_tasks(key, owner)
    assert requests_of(proxy) == 1
    assert whole == RoadmapWithTasks(roadmap=roadmap, tasks=tasks)
    assert await get_roadmap(store, key, owner) == roadmap
    assert requests_of(proxy) == 1


async def test_reads_are_complete_in_one_request(truncating_plane: DataPlane) -> None:
    """A year, all its weeks and tasks, and a list of 40 roadmaps; each in a single request."""
    plane = truncating_plane
    async with open_store(plane.url, plane.service_key) as store:
        await assert_reads_of_a_year_are_complete(store, plane.proxy)
        user_id = uuid4()
        added = [await stored(store, new_roadmap(user_id, weeks=1)) for _ in range(40)]
        plane.proxy.reset()
        assert await list_roadmaps(store, user_id) == added[::-1]
        assert requests_of(plane.proxy) == 1
        totals = await store.schedules.list_totals(user_id)
        assert requests_of(plane.proxy) == 1
        assert [(each.roadmap, each.total_tasks) for each in totals] == [
            (roadmap, 21) for roadmap in added[::-1]
        ]
        facts = await store.schedules.list_facts(user_id)
        assert requests_of(plane.proxy) == 1
        assert [each.roadmap for each in facts] == added[::-1]
        groups = {each.roadmap.roadmap_id: list(each.groups.each()) for each in facts}
        open_tasks = await store.schedules.list_open_tasks(user_id, groups)
        assert requests_of(plane.proxy) == 1
        assert sum(map(len, open_tasks.values())) == 40 * 21


async def test_schedules_are_complete_in_one_request(truncating_plane: DataPlane) -> None:
    """Every task of a year can be read with its date, dated, and freed of it."""
    plane = truncating_plane
    async with open_store(plane.url, plane.service_key) as store:
        roadmap = await stored(store, year_roadmap())
        key, owner = roadmap.roadmap_id, roadmap.user_id
        plane.proxy.reset()
        plan = await store.schedules.get_plan(owner, key)
        assert requests_of(plane.proxy) == 1
        assert len(plan.tasks) == 2_184
        dates = {task.id: date(2027, 1, 1) for task in plan.tasks}
        new = NewDates(0, dates, NO_SETTINGS, AppliedSchedule("request", "answer"))
        assert await store.schedules.set_dates(owner, key, new) == 1
        assert requests_of(plane.proxy) == 1
        dated = await store.schedules.get_plan_of_task(owner, plan.tasks[-1].id)
        assert {task.due_date for task in dated.tasks} == {date(2027, 1, 1)}
        assert await store.schedules.undo(owner, key) == 2
        assert {task.due_date for task in await list_tasks(store, key)} == {None}


async def test_writes_are_complete(truncating_plane: DataPlane) -> None:
    """Every task of a year is stored, can be completed, and is deleted."""
    plane = truncating_plane
    async with open_store(plane.url, plane.service_key) as store:
        roadmap = await stored(store, year_roadmap())
        last = (await list_tasks(store, roadmap.roadmap_id))[-1]
        await store.set_task_completed(last.id, completed=True)
        assert plane.query(
            "select count(*), count(*) filter (where completed) from roadmap_tasks"
        ) == [(2_184, 1)]
        await store.delete_roadmap(roadmap.roadmap_id, roadmap.user_id)
        assert plane.query("select count(*) from roadmap_tasks") == [(0,)]
