"""The documents that stores pass on unparsed have the form of the API's answers."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from src.dao import Store
from src.domain.errors import RoadmapNotFoundError, WeekNotFoundError
from src.domain.roadmap import Roadmap, WeekDetail, WeekProgress
from src.routers.bodies import RoadmapTasks
from tests.support.backends import Backend
from tests.support.plans import new_roadmap, stored
from tests.support.reads import list_tasks

WHOLE_SECOND = "2026-01-02T03:04:05.000000+00:00"


def assert_is_answer(kind: Any, document: bytes) -> None:  # noqa: ANN401  whatever a route returns
    """Assert that a document is what pydantic would write: members, their order, and values."""
    adapter = TypeAdapter(kind)
    written = adapter.dump_json(adapter.validate_json(document))
    assert json.dumps(json.loads(document)) == json.dumps(json.loads(written))


@pytest.mark.parametrize("hours", [0.5, 2, 7.5])
@pytest.mark.parametrize("time", [None, WHOLE_SECOND])
async def test_documents_have_the_form_of_answers(
    store: Store, backend: Backend, hours: float, time: str | None
) -> None:
    """They can be sent as they are, whatever the times and hours, and texts of any script."""
    goal = '"漢字" \\ 🚀 \u2028 </script>'
    first = await stored(store, new_roadmap(weeks=3, goal=goal, daily_hours=hours))
    await stored(store, new_roadmap(first.user_id, daily_hours=hours))
    key, owner, documents = first.roadmap_id, first.user_id, store.documents
    for task in (await list_tasks(store, key))[:5]:
        await store.set_task_completed(task.id, completed=True)
    if time:
        backend.execute(f"update roadmaps set created_at = '{time}'")  # noqa: S608  ours
        backend.execute(f"update roadmap_tasks set created_at = '{time}'")  # noqa: S608  ours
        done = f"update roadmap_tasks set completed_at = '{time}' where completed_at is not null"  # noqa: S608  ours
        backend.execute(done)
    backend.execute("update roadmap_tasks set estimated_minutes = null where day_number = 1")
    backend.execute("update roadmap_tasks set due_date = '2027-01-02' where day_number = 2")

    assert_is_answer(list[Roadmap], await documents.list_roadmaps(owner))
    assert_is_answer(RoadmapTasks, await documents.list_tasks(key, owner))
    assert_is_answer(list[WeekProgress], await documents.list_weeks(key))
    for number in (1, 3):
        assert_is_answer(WeekDetail, await documents.get_week(key, number, owner))


async def test_documents_agree_with_the_tasks(store: Store) -> None:
    """Progress is rounded down, and a week's days hold its tasks in order."""
    roadmap = await stored(store, new_roadmap(weeks=2))
    tasks = await list_tasks(store, roadmap.roadmap_id)
    for task in tasks[:20]:
        await store.set_task_completed(task.id, completed=True)

    weeks = json.loads(await store.documents.list_weeks(roadmap.roadmap_id))
    assert [week["progress"] for week in weeks] == [95, 0]
    week = json.loads(await store.documents.get_week(roadmap.roadmap_id, 1))
    assert (week["week_number"], week["progress"]) == (1, 95)
    assert list(week["days"]) == list("1234567")
    in_order = [task["id"] for day in week["days"].values() for task in day]
    assert in_order == [task.id for task in tasks if task.week_number == 1]


async def test_documents_of_what_is_not_there(store: Store, backend: Backend) -> None:
    """No roadmap, no such week, no task: three different things."""
    roadmap = await stored(store, new_roadmap(weeks=2))
    key, documents = roadmap.roadmap_id, store.documents
    for read in (documents.list_tasks(999), documents.list_weeks(999), documents.get_week(999, 1)):
        with pytest.raises(RoadmapNotFoundError):
            await read
    with pytest.raises(WeekNotFoundError):
        await documents.get_week(key, 3)
    backend.execute("delete from roadmap_tasks")
    assert json.loads(await documents.list_tasks(key)) == {"tasks": []}
    assert json.loads(await documents.list_weeks(key)) == []
