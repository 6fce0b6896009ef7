"""Tasks, weeks and progress over HTTP."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.support.learners import ANA, BEN, REQUEST

TASK_FIELDS = {
    "id",
    "roadmap_id",
    "week_number",
    "weekly_goal",
    "day_number",
    "task_text",
    "effort",
    "category",
    "estimated_minutes",
    "completed",
    "completed_at",
    "created_at",
    "due_date",
}


async def tasks_of(client: httpx.AsyncClient, roadmap: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await client.get(f"/roadmap/{roadmap['roadmap_id']}")
    assert answer.status_code == 200
    tasks: list[dict[str, Any]] = answer.json()["tasks"]
    return tasks


async def complete(
    client: httpx.AsyncClient, task: dict[str, Any], *, completed: bool = True
) -> None:
    body = {"task_id": task["id"], "completed": completed}
    answer = await client.post("/task/update", json=body)
    assert (answer.status_code, answer.json()) == (200, {"success": True})


async def test_tasks_have_their_fields_and_order(
    client: httpx.AsyncClient, roadmap: dict[str, Any]
) -> None:
    """Each task is complete in itself, and they come by week and day."""
    tasks = await tasks_of(client, roadmap)
    for task in tasks:
        assert set(task) == TASK_FIELDS
        assert isinstance(task["id"], str)
        assert task["roadmap_id"] == roadmap["roadmap_id"]
        assert task["effort"] in {"light", "medium", "deep"}
        assert task["category"] in {"reading", "coding", "revision", "practice"}
        assert isinstance(task["estimated_minutes"], int)
        assert task["estimated_minutes"] % 5 == 0
        assert task["completed"] is False
        assert task["completed_at"] is None
    places = [(task["week_number"], task["day_number"]) for task in tasks]
    assert places == sorted(places)


async def test_minutes_fill_each_day(client: httpx.AsyncClient, roadmap: dict[str, Any]) -> None:
    """They may miss the day's hours by a tenth."""
    minutes: Counter[tuple[int, int]] = Counter()
    for task in await tasks_of(client, roadmap):
        minutes[task["week_number"], task["day_number"]] += task["estimated_minutes"]
    asked = roadmap["daily_hours"] * 60
    assert len(minutes) == roadmap["duration_weeks"] * 7
    assert all(0.9 * asked <= planned <= 1.1 * asked for planned in minutes.values())


@pytest.mark.long(3)
@pytest.mark.parametrize("number", [1, 52])
async def test_every_week_is_there(client: httpx.AsyncClient, number: int) -> None:
    """More tasks than the database gives in one answer arrive in one answer of ours."""
    body = REQUEST | {"duration_weeks": number, "level": "advanced", "daily_hours": 8}
    created = (await client.post("/generate_roadmap", json=body)).json()
    tasks = await tasks_of(client, created)
    weeks = (await client.get(f"/roadmap/{created['roadmap_id']}/weeks")).json()
    assert len(tasks) == number * 7 * 6
    places = {(task["week_number"], task["day_number"]) for task in tasks}
    assert places == {(week, day) for week in range(1, number + 1) for day in range(1, 8)}
    assert sum(week["total_tasks"] for week in weeks) == len(tasks)
    assert [week["week_number"] for week in weeks] == list(range(1, number + 1))


async def test_completed_at_is_utc_and_kept(
    client: httpx.AsyncClient, roadmap: dict[str, Any]
) -> None:
    """Its first ten characters are today's date in UTC; completing again does not move it."""
    first = (await tasks_of(client, roadmap))[0]
    before = datetime.now(UTC).date()
    await complete(client, first)
    done = (await tasks_of(client, roadmap))[0]
    assert done["completed"] is True
    assert before.isoformat() <= done["completed_at"][:10] <= datetime.now(UTC).date().isoformat()
    assert done["completed_at"].endswith("Z")
    await complete(client, first)
    assert (await tasks_of(client, roadmap))[0]["completed_at"] == done["completed_at"]
    await complete(client, first, completed=False)
    assert (await tasks_of(client, roadmap))[0] == first


async def test_progress_is_100_only_when_all_is_done(
    client: httpx.AsyncClient, roadmap: dict[str, Any]
) -> None:
    """Whole percent, rounded down: only the last task earns the badge."""
    path = f"/roadmap/{roadmap['roadmap_id']}"
    tasks = [task for task in await tasks_of(client, roadmap) if task["week_number"] == 1]
    for done, task in enumerate(tasks):
        week = (await client.get(f"{path}/weeks")).json()[0]
        assert week["completed_tasks"] == done
        assert week["total_tasks"] == len(tasks)
        assert week["progress"] == 100 * done // len(tasks) < 100
        await complete(client, task)
    first, second = (await client.get(f"{path}/weeks")).json()
    assert (first["progress"], second["progress"]) == (100, 0)
    assert set(first) == {
        "week_number",
        "weekly_goal",
        "total_tasks",
        "completed_tasks",
        "progress",
    }


async def test_week_maps_days_to_their_tasks(
    client: httpx.AsyncClient, roadmap: dict[str, Any]
) -> None:
    """The days are keyed by their number as a string and hold the same tasks as the roadmap."""
    answer = await client.get(f"/roadmap/{roadmap['roadmap_id']}/week/2")
    week = answer.json()
    assert set(week) == {"week_number", "weekly_goal", "progress", "days"}
    assert list(week["days"]) == [str(day) for day in range(1, 8)]
    expected = [task for task in await tasks_of(client, roadmap) if task["week_number"] == 2]
    assert [task for tasks in week["days"].values() for task in tasks] == expected
    assert week["weekly_goal"] == expected[0]["weekly_goal"]


async def test_unknown_week_is_not_found(
    client: httpx.AsyncClient, roadmap: dict[str, Any]
) -> None:
    """A week beyond the roadmap's end is 404, one beyond any roadmap's end 422."""
    path = f"/roadmap/{roadmap['roadmap_id']}/week"
    missing = await client.get(f"{path}/3")
    assert (missing.status_code, missing.json()["title"]) == (404, "Week not found")
    assert (await client.get(f"{path}/53")).status_code == 422
    assert (await client.get(f"{path}/0")).status_code == 422


async def test_another_users_task_stays_as_it_is(
    client: httpx.AsyncClient, roadmap: dict[str, Any]
) -> None:
    """A request with a user, in the body or the query, updates only that user's task."""
    first = (await tasks_of(client, roadmap))[0]
    done = {"task_id": first["id"], "completed": True}
    ana, ben = {"user_id": ANA}, {"user_id": BEN}

    async def update(body: dict[str, str], query: dict[str, str]) -> int:
        return (await client.post("/task/update", json=done | body, params=query)).status_code

    for body, query in ((ben, {}), ({}, ben), (ben, ben)):
        assert await update(body, query) == 404
    assert (await tasks_of(client, roadmap))[0] == first
    for body, query in ((ana, {}), ({}, ana), (ana, ana)):
        assert await update(body, query) == 200
    assert (await tasks_of(client, roadmap))[0]["completed"] is True
