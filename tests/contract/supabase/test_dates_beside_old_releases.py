"""Dates and time zones in rows of older code, and beside workers of older releases."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from src.dao.supabase.store import SupabaseStore
from src.domain.roadmap import Roadmap
from src.domain.schedule import NO_SETTINGS, AppliedSchedule, NewDates
from tests.contract.supabase.test_schema import DEPLOYED, LATER_NULLS, NULLS, ROWS, USER
from tests.support.data_plane import DataPlane, open_store
from tests.support.plans import new_roadmap, stored
from tests.support.reads import list_roadmaps, list_tasks

DAY = date(2027, 1, 1)


@pytest.fixture
async def store(data_plane: DataPlane) -> AsyncIterator[SupabaseStore]:
    async with open_store(data_plane.url, data_plane.service_key) as store:
        yield store


@pytest.fixture
async def roadmap(store: SupabaseStore) -> Roadmap:
    return await stored(store, new_roadmap(weeks=1))


@pytest.fixture
async def completed_id(store: SupabaseStore, roadmap: Roadmap) -> str:
    """Complete a task in Tokyo; return its id."""
    task_id = (await list_tasks(store, roadmap.roadmap_id))[0].id
    await store.set_task_completed(task_id, completed=True, time_zone="Asia/Tokyo")
    return task_id


def zones(data_plane: DataPlane) -> set[Any]:
    return {zone for (zone,) in data_plane.query("select completed_tz from roadmap_tasks")}


async def test_workers_of_older_releases_name_no_zone(
    store: SupabaseStore, data_plane: DataPlane, roadmap: Roadmap, completed_id: str
) -> None:
    """They complete and take back as before; what they complete has no zone."""
    headers = {"Authorization": f"Bearer {data_plane.service_key}"}
    call = {"p_task_id": completed_id, "p_user_id": str(roadmap.user_id)}
    async with httpx.AsyncClient(base_url=data_plane.rest_url, headers=headers) as worker:

        async def complete(*, completed: bool) -> None:
            body = {**call, "p_completed": completed}
            answer = await worker.post("/rpc/set_task_completed", json=body)
            assert answer.json() is True, answer.text

        await complete(completed=True)
        assert zones(data_plane) == {"Asia/Tokyo", None}
        await complete(completed=False)
        assert zones(data_plane) == {None}
        await complete(completed=True)
        assert zones(data_plane) == {None}
    (facts,) = await store.schedules.list_facts(roadmap.user_id)
    assert [completion.time_zone for completion in facts.completions] == [None]


@pytest.mark.usefixtures("completed_id")
def test_oldest_code_clears_the_zone_with_the_time(data_plane: DataPlane) -> None:
    """It sets both columns that it knows, and leaves no zone without a time."""
    assert zones(data_plane) == {"Asia/Tokyo", None}
    data_plane.execute("update roadmap_tasks set completed = false, completed_at = null")
    assert zones(data_plane) == {None}
    data_plane.execute("update roadmap_tasks set completed = true, completed_at = '2026-01-02Z'")
    assert zones(data_plane) == {None}
    assert data_plane.query("select distinct completed_at from roadmap_tasks") == [
        (datetime(2026, 1, 2, tzinfo=UTC),)
    ]


async def test_learner_clears_the_zone_with_the_tick(
    data_plane: DataPlane, roadmap: Roadmap, completed_id: str
) -> None:
    """Through Supabase's own API a learner may set `completed` alone, and neither zone nor date."""
    key = data_plane.key("authenticated", sub=str(roadmap.user_id))
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=data_plane.rest_url, headers=headers) as learner:
        task = {"id": f"eq.{completed_id}"}
        for column, value in (("completed_tz", "UTC"), ("due_date", "2027-01-01")):
            answer = await learner.patch("/roadmap_tasks", params=task, json={column: value})
            assert answer.status_code == 403
        assert zones(data_plane) == {"Asia/Tokyo", None}
        answer = await learner.patch("/roadmap_tasks", params=task, json={"completed": False})
        assert answer.is_success
    assert zones(data_plane) == {None}


async def test_rows_of_older_code_can_be_scheduled(new_project: DataPlane) -> None:
    """Nulls count as what the other reads make of them; an undo leaves them as they were."""
    for sql in (DEPLOYED, ROWS, NULLS):
        new_project.execute(sql)
    new_project.apply_schema()
    new_project.execute(LATER_NULLS)
    new_project.execute("update roadmap_tasks set moved_by_hand = null, date_changes = null")
    raw = "select id, due_date, moved_by_hand from roadmap_tasks order by id"
    before = new_project.query(raw)
    async with open_store(new_project.url, new_project.service_key) as store:
        facts = await store.schedules.list_facts(USER)
        assert [each.roadmap for each in facts] == await list_roadmaps(store, USER)
        for each in facts:
            roadmap_id = each.roadmap.roadmap_id
            tasks = await list_tasks(store, roadmap_id)
            plan = await store.schedules.get_plan(USER, roadmap_id)
            assert [task.id for task in plan.tasks] == [task.id for task in tasks]
            assert sum(each.groups.tasks) == len(tasks)
            minutes = sum(task.minutes for task in plan.tasks)
            assert sum(each.groups.minutes) == pytest.approx(minutes)
            asked = {roadmap_id: list(each.groups.each())}
            open_tasks = (await store.schedules.list_open_tasks(USER, asked))[roadmap_id]
            assert open_tasks == [task for task in tasks if not task.completed]
        plan = await store.schedules.get_plan(USER, 1)
        assert len(plan.tasks) == 44
        # Five tasks of the first day share its three hours; three share those of the second.
        assert [task.minutes for task in plan.tasks[:6]] == pytest.approx([36] * 5 + [60])
        assert not any(task.is_moved_by_hand or task.date_changes for task in plan.tasks)
        dates = {task.id: DAY for task in plan.tasks}
        new = NewDates(0, dates, NO_SETTINGS, AppliedSchedule("request", "answer"))
        await store.schedules.set_dates(USER, 1, new)
        await store.schedules.undo(USER, 1)
        assert new_project.query(raw) == before
        moved = await store.schedules.move_task(USER, plan.tasks[0].id, DAY)
        assert moved.due_date == DAY
        plan = await store.schedules.get_plan(USER, 1)
        assert (plan.tasks[0].is_moved_by_hand, plan.tasks[0].date_changes) == (True, 3)
