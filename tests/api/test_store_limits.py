"""Values that one database or the other could not hold: both answer alike."""

import json
from typing import Any

import httpx

from tests.api.bad_inputs import CANARY, JSON, ROUTES, assert_invalid, assert_problem
from tests.support.learners import ANA

BEYOND_BIGINT = 2**63
BEYOND_ANY_COLUMN: list[tuple[str, dict[str, Any]]] = [
    ("/generate_roadmap", {"goal": "nul \0" + CANARY}),
    ("/generate_roadmap", {"goal": "\ud800" + CANARY}),
    ("/ask-assistant", {"input_data": "nul \0" + CANARY}),
    ("/ask-assistant", {"input_data": "\udfff" + CANARY}),
    ("/ask-assistant", {"roadmap_id": BEYOND_BIGINT}),
    ("/task/update", {"task_id": "\ud800" + CANARY}),
]


async def test_values_that_no_column_holds(client: httpx.AsyncClient) -> None:
    """Each is 422 and names its field."""
    for route, changes in BEYOND_ANY_COLUMN:
        content = json.dumps(ROUTES[route] | changes)
        assert_invalid(await client.post(route, content=content, headers=JSON), *changes)


async def test_task_ids_that_name_nothing(client: httpx.AsyncClient) -> None:
    """A task id is any name: one that names no task is not found."""
    for task_id in ("nul \0", f"'; drop table roadmaps; -- {CANARY}", "2" * 64, "12345", "ü", ANA):
        answer = await client.post("/task/update", json={"task_id": task_id, "completed": True})
        assert_problem(answer, 404)


async def test_ids_beyond_the_column(client: httpx.AsyncClient) -> None:
    """An id that no roadmap can have is 422, before the database is asked; 2^63 - 1 is unknown."""
    for suffix in ("", "/weeks", "/week/1"):
        for identifier in (str(BEYOND_BIGINT), str(2**64), "%00"):
            assert_problem(await client.get(f"/roadmap/{identifier}{suffix}"), 422)
        assert_problem(await client.get(f"/roadmap/{BEYOND_BIGINT - 1}{suffix}"), 404)
