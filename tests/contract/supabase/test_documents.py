"""What schema.sql's functions return if there is nothing to read."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from src.dao import Store
from tests.support.data_plane import DataPlane, open_store
from tests.support.plans import new_roadmap, stored


@pytest.fixture
async def store(data_plane: DataPlane) -> AsyncIterator[Store]:
    async with open_store(data_plane.url, data_plane.service_key) as store:
        yield store


@pytest.mark.parametrize("function", ["read_tasks", "read_weeks", "read_roadmap_with_tasks"])
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
