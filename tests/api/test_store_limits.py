"""Values that one database or the other could not hold: both answer alike."""

import json
from typing import Any

import httpx
import pytest

from tests.api.bad_inputs import CANARY, JSON, ROUTES, assert_problem
from tests.support.learners import ANA

BEYOND_BIGINT = 2**63


@pytest.mark.parametrize(
    ("route", "changes"),
    [
        ("/generate_roadmap", {"goal": "nul \0" + CANARY}),
        ("/generate_roadmap", {"goal": "\ud800" + CANARY}),
        ("/ask-assistant", {"input_data": "nul \0" + CANARY}),
        ("/ask-assistant", {"input_data": "\udfff" + CANARY}),
        ("/ask-assistant", {"roadmap_id": BEYOND_BIGINT}),
        ("/task/update", {"task_id": "\ud800" + CANARY}),
    ],
)
async def test_values_that_no_column_holds(
    client: httpx.AsyncClient, route: str, changes: dict[str, Any]
) -> None:
    """Each is 422 and names its field."""
    answer = await client.post(route, content=json.dumps(ROUTES[route] | changes), headers=JSON)
    assert_problem(answer, 422)
    assert [error["field"] for error in answer.json()["errors"]] == list(changes)


@pytest.mark.parametrize("task_id", ["nul \0", f"'; drop table roadmaps; -- {CANARY}", "2" * 64])
async def test_task_ids_that_name_nothing(client: httpx.AsyncClient, task_id: str) -> None:
    """A task id is a name: whatever names no task is not found."""
    answer = await client.post("/task/update", json={"task_id": task_id, "completed": True})
    assert_problem(answer, 404)


@pytest.mark.parametrize("suffix", ["", "/weeks", "/week/1"])
@pytest.mark.parametrize("identifier", [str(BEYOND_BIGINT), str(2**64), "%00"])
async def test_ids_beyond_the_column(
    client: httpx.AsyncClient, identifier: str, suffix: str
) -> None:
    """An id that no roadmap can have is 422, before the database is asked."""
    assert_problem(await client.get(f"/roadmap/{identifier}{suffix}"), 422)


async def test_largest_id_is_merely_unknown(client: httpx.AsyncClient) -> None:
    """2^63 - 1 is an id like any other."""
    assert_problem(await client.get(f"/roadmap/{BEYOND_BIGINT - 1}"), 404)


@pytest.mark.parametrize("value", ["user_id=%00", "user_id=%ed%a0%80"])
async def test_users_that_no_column_holds(client: httpx.AsyncClient, value: str) -> None:
    """They are 422, as every id that is none."""
    for method, path in (("GET", "/roadmaps"), ("DELETE", "/roadmap/1")):
        assert_problem(await client.request(method, f"{path}?{value}"), 422)
    assert (await client.get("/roadmaps", params={"user_id": ANA})).json() == []
