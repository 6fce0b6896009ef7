"""What the tests of progress share."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.support.learners import ANA

Tasks = Callable[[], Awaitable[list[dict[str, Any]]]]


@pytest.fixture
def path(roadmap: dict[str, Any]) -> str:
    return f"/roadmap/{roadmap['roadmap_id']}"


@pytest.fixture
def tasks(client: httpx.AsyncClient, path: str) -> Tasks:
    """Offer a way to read the roadmap's tasks as they are now."""

    async def read() -> list[dict[str, Any]]:
        answer = await client.get(path, params={"user_id": ANA})
        found: list[dict[str, Any]] = answer.json()["tasks"]
        return found

    return read


async def complete(client: httpx.AsyncClient, task: dict[str, Any], **values: object) -> None:
    body = {"task_id": task["id"], "completed": True, "user_id": ANA} | values
    answer = await client.post("/task/update", json=body)
    assert answer.status_code == 200, answer.text


def of_first_day(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [task for task in tasks if (task["week_number"], task["day_number"]) == (1, 1)]
