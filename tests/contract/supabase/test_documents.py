"""The documents that schema.sql's functions return have the form of the API's answers."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from pydantic import TypeAdapter

from src.dao import Store
from src.domain.roadmap import Roadmap, WeekDetail, WeekProgress
from src.routers.bodies import RoadmapTasks
from src.services.roadmaps import RoadmapService
from tests.support.data_plane import DataPlane, open_store
from tests.support.plans import new_roadmap, stored


@pytest.fixture
async def store(data_plane: DataPlane) -> AsyncIterator[Store]:
    async with open_store(data_plane.url, data_plane.service_key) as store:
        yield store


def document_of(plane: DataPlane, call: str) -> str:
    """Return what a call returns as compact JSON, in which the order of the members shows."""
    ((document,),) = plane.query(f"select to_json(d) from {call} as d")  # noqa: S608  own calls
    return json.dumps(document)


def answer_of(kind: Any, value: object) -> str:  # noqa: ANN401  whatever a route returns
    return json.dumps(json.loads(TypeAdapter(kind).dump_json(value)))


@pytest.mark.parametrize("hours", [0.5, 2])
async def test_documents_have_the_form_of_answers(
    store: Store, data_plane: DataPlane, hours: float
) -> None:
    """The same members in the same order with the same values, so they can be sent as they are."""
    first = await stored(store, new_roadmap(weeks=12, daily_hours=hours))
    await stored(store, new_roadmap(first.user_id, daily_hours=hours))
    key, owner, service = first.roadmap_id, first.user_id, RoadmapService(store)
    tasks = await store.list_tasks(key)
    for task in tasks[:5]:
        await store.set_task_completed(task.id, completed=True)
    tasks = await service.list_tasks(key, owner)

    assert document_of(data_plane, f"list_roadmaps('{owner}')") == answer_of(
        list[Roadmap], await service.list_roadmaps(owner)
    )
    assert document_of(data_plane, f"read_roadmap({key})") == answer_of(Roadmap, first)
    assert document_of(data_plane, f"read_tasks({key}, '{owner}')") == answer_of(
        RoadmapTasks, RoadmapTasks(tasks=tasks)
    )
    assert document_of(data_plane, f"read_weeks({key})") == answer_of(
        list[WeekProgress], await service.list_weeks(key, owner)
    )
    for number in (1, 12):
        assert document_of(data_plane, f"read_week({key}, {number})") == answer_of(
            WeekDetail, await service.get_week(key, number, owner)
        )


@pytest.mark.parametrize(
    "function", ["read_roadmap", "read_tasks", "read_weeks", "read_roadmap_with_tasks"]
)
async def test_no_document_of_what_is_not_there(
    store: Store, data_plane: DataPlane, function: str
) -> None:
    """No row where there is no such roadmap, or not for this user."""
    roadmap = await stored(store, new_roadmap())
    for arguments in ("999", f"{roadmap.roadmap_id}, '{uuid4()}'"):
        assert data_plane.query(f"select * from {function}({arguments})") == []  # noqa: S608  own


async def test_week_that_is_not_there_is_null(store: Store, data_plane: DataPlane) -> None:
    """An existing roadmap without this week is something else than no roadmap; so is no task."""
    roadmap = await stored(store, new_roadmap(weeks=2))
    key = roadmap.roadmap_id
    assert data_plane.query(f"select * from read_week({key}, 3)") == [(None,)]  # noqa: S608  own
    assert data_plane.query("select * from read_week(999, 1)") == []
    data_plane.execute("delete from roadmap_tasks")
    assert data_plane.query(f"select * from read_weeks({key})") == [([],)]  # noqa: S608  own
    assert data_plane.query(f"select * from read_tasks({key})") == [({"tasks": []},)]  # noqa: S608  own
