"""Where a learner is, and what to do now, over HTTP."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from uuid import UUID
from xml.etree import ElementTree as ET

import httpx
import pytest

from src.dao import Schedules, Store
from src.domain.progress import ProgressFacts
from src.services.progress.computing import Computing
from src.services.progress.days import Reader, zone_of
from src.services.progress.service import ProgressService
from tests.api.bad_inputs import assert_invalid
from tests.api.progress.conftest import Tasks, complete, of_first_day
from tests.support.learners import ANA, BEN, REQUEST

DAY = timedelta(days=1)
USER = {"user_id": ANA}
SUMMARY = {
    *("roadmap_id", "as_of", "state", "total_tasks", "completed_tasks", "progress"),
    *("total_minutes", "completed_minutes", "streak", "pace", "expected_tasks", "days_behind"),
    *("cushion_minutes", "safe_days", "planned_end", "forecast"),
}


def today() -> date:
    return datetime.now(UTC).date()


async def test_new_roadmap(client: httpx.AsyncClient, path: str, tasks: Tasks) -> None:
    """Nothing is done, nothing is late, and nobody can say when it ends."""
    answer = await client.get(f"{path}/progress", params=USER)
    assert answer.status_code == 200
    progress = answer.json()
    planned = await tasks()
    minutes = sum(task["estimated_minutes"] for task in planned)
    assert set(progress) == SUMMARY | {"weeks", "by_category", "by_effort", "completions"}
    assert (progress["state"], progress["progress"]) == ("not_started", 0)
    assert (progress["total_tasks"], progress["total_minutes"]) == (len(planned), minutes)
    assert progress["planned_end"] == (today() + 13 * DAY).isoformat()
    assert progress["forecast"] is None
    assert progress["completions"] == []
    assert progress["streak"]["current"] == {"count": 0, "start": None, "end": None}
    assert [week["week_number"] for week in progress["weeks"]] == [1, 2]
    for groups in (progress["weeks"], progress["by_category"].values()):
        assert sum(group["total_minutes"] for group in groups) == minutes


async def test_progress_counts_what_is_done(
    client: httpx.AsyncClient, path: str, tasks: Tasks
) -> None:
    """Today's tasks are done: they are in the totals, in the streak and in the pace."""
    first_day = of_first_day(await tasks())
    minutes = sum(task["estimated_minutes"] for task in first_day)
    for task in first_day:
        await complete(client, task, tz="UTC")
    progress = (await client.get(f"{path}/progress", params=USER)).json()
    assert progress["completions"] == [
        {"date": today().isoformat(), "tasks": len(first_day), "minutes": minutes}
    ]
    assert progress["completed_tasks"] == progress["expected_tasks"] == len(first_day)
    assert progress["progress"] == 100 * len(first_day) // progress["total_tasks"]
    assert progress["streak"]["current"] == {
        "count": 1,
        "start": today().isoformat(),
        "end": today().isoformat(),
    }
    assert progress["pace"]["minutes_per_day_7"] == minutes
    assert progress["forecast"]["earliest"] == progress["forecast"]["latest"] > today().isoformat()
    assert progress["days_behind"] == 0


async def test_completion_counts_in_its_own_zone(
    client: httpx.AsyncClient, path: str, tasks: Tasks
) -> None:
    """Where it was completed, and not where it is read; without a zone it is the other way round.

    Kiritimati and Pago Pago are 25 hours apart: their dates always differ.
    """
    first, second, *_ = await tasks()
    zones = ("Pacific/Kiritimati", "Pacific/Pago_Pago")
    east, west = (timedelta(hours=14), timedelta(hours=-11))
    days = [(datetime.now(UTC) + offset).date().isoformat() for offset in (east, west)]
    await complete(client, first, tz=zones[0])
    for zone in zones:
        progress = (await client.get(f"{path}/progress", params=USER | {"tz": zone})).json()
        assert [each["date"] for each in progress["completions"]] == [days[0]]
    await complete(client, second)
    progress = (await client.get(f"{path}/progress", params=USER | {"tz": zones[1]})).json()
    assert [each["date"] for each in progress["completions"]] == [days[1], days[0]]
    assert progress["as_of"] == days[1]


async def test_list_with_progress(client: httpx.AsyncClient, path: str, tasks: Tasks) -> None:
    """Three fields more, rounded down; without `include` the list is what it was."""
    planned = await tasks()
    for task in planned[:-1]:
        await complete(client, task)
    plain = (await client.get("/roadmaps", params=USER)).json()
    listed = (await client.get("/roadmaps", params=USER | {"include": "progress"})).json()
    count = len(planned)
    assert listed == [
        plain[0]
        | {
            "total_tasks": count,
            "completed_tasks": count - 1,
            "progress": 100 * (count - 1) // count,
        }
    ]
    await complete(client, planned[-1])
    listed = (await client.get("/roadmaps", params=USER | {"include": "progress"})).json()
    assert listed[0]["progress"] == 100
    assert (await client.get(f"{path}/progress", params=USER)).json()["state"] == "done"


async def test_dashboard(client: httpx.AsyncClient, path: str, tasks: Tasks) -> None:
    """It has what is due today in order, and each roadmap as its own page has it, newest first."""
    other = (await client.post("/generate_roadmap", json=REQUEST | {"goal": "Sing"})).json()
    page = (await client.get("/progress", params=USER)).json()
    assert set(page) == {"as_of", "streak", "today", "roadmaps"}
    assert [each["roadmap_id"] for each in page["roadmaps"]] == [
        other["roadmap_id"],
        other["roadmap_id"] - 1,
    ]
    own = (await client.get(f"{path}/progress", params=USER)).json()
    assert page["roadmaps"][1] == {name: own[name] for name in SUMMARY}
    first_day = of_first_day(await tasks())
    assert page["today"][: len(first_day)] == [
        task | {"due_date": today().isoformat()} for task in first_day
    ]
    assert {task["roadmap_id"] for task in page["today"]} == {
        other["roadmap_id"],
        other["roadmap_id"] - 1,
    }
    await complete(client, first_day[0])
    page = (await client.get("/progress", params=USER)).json()
    assert first_day[0]["id"] not in {task["id"] for task in page["today"]}
    assert page["streak"]["current"]["count"] == 1


async def test_today_is_a_day_of_work(client: httpx.AsyncClient, path: str, tasks: Tasks) -> None:
    """After a week without work, today has the oldest tasks, as many as a day holds."""
    planned = await tasks()
    start = (today() - 7 * DAY).isoformat()
    body = USER | {"strategy": "as_planned", "start": start, "dry_run": False}
    done = await client.post(f"{path}/schedule", json=body, headers={"If-Match": "*"})
    assert done.status_code == 200, done.text
    page = (await client.get("/progress", params=USER)).json()
    minutes = [task["estimated_minutes"] for task in page["today"]]
    assert [task["id"] for task in page["today"]] == [
        task["id"] for task in planned[: len(minutes)]
    ]
    assert sum(minutes) <= REQUEST["daily_hours"] * 60
    following = planned[len(minutes)]["estimated_minutes"]
    assert sum(minutes) + following > REQUEST["daily_hours"] * 60
    assert page["roadmaps"][0]["state"] == "behind"
    assert page["roadmaps"][0]["days_behind"] == 8


async def test_dashboard_of_nobody(client: httpx.AsyncClient) -> None:
    page = (await client.get("/progress", params={"user_id": BEN})).json()
    assert (page["today"], page["roadmaps"]) == ([], [])
    assert page["streak"]["longest"]["count"] == 0


class DeletingSchedules:
    """The schedules of a store whose roadmaps are deleted once their facts are read."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def list_facts(self, user_id: UUID) -> list[ProgressFacts]:
        facts = await self._store.schedules.list_facts(user_id)
        for each in facts:
            await self._store.delete_roadmap(each.roadmap.roadmap_id, user_id)
        return facts

    def __getattr__(self, name: str) -> object:
        return getattr(self._store.schedules, name)


async def test_dashboard_while_a_roadmap_is_deleted(store: Store, path: str) -> None:
    """It is as it was a moment ago, but nothing of that roadmap is to be done."""
    assert path
    computing = Computing()
    service = ProgressService(cast("Schedules", DeletingSchedules(store)), computing)
    page = await service.get_dashboard(UUID(ANA), Reader(datetime.now(UTC), zone_of("UTC")))
    assert (page.today, len(page.roadmaps)) == ((), 1)
    await computing.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", ["year", "weeks", "burnup"])
async def test_pictures(
    client: httpx.AsyncClient, path: str, roadmap: dict[str, Any], view: str, theme: str
) -> None:
    """They are small, well-formed and named after the goal."""
    answer = await client.get(f"{path}/progress.svg", params=USER | {"view": view, "theme": theme})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert len(answer.content) < 30_000
    root = ET.fromstring(answer.text)  # noqa: S314  ours
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root[0].text == roadmap["description"]


async def test_picture_of_everything(client: httpx.AsyncClient, path: str, tasks: Tasks) -> None:
    assert path
    await complete(client, (await tasks())[0])
    answer = await client.get("/progress.svg", params=USER | {"theme": "dark"})
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "1 task completed on 1 day" in answer.text


ROUTES = ("/progress", "/roadmap/1/progress", "/roadmap/1/progress.svg", "/progress.svg")


@pytest.mark.parametrize("route", [*ROUTES, "/roadmap/1/export"])
async def test_user_is_required(client: httpx.AsyncClient, route: str) -> None:
    assert_invalid(await client.get(route, params={"format": "md"}), "user_id")


@pytest.mark.parametrize("route", ROUTES)
async def test_bad_days(client: httpx.AsyncClient, route: str) -> None:
    """The answer names what is allowed, and does not repeat what was sent."""
    for zone in ("canary-5417", "../UTC", "America", "", "Europe/Berlin\0"):
        answer = await client.get(route, params=USER | {"tz": zone})
        assert_invalid(answer, "tz")
        assert zone == "" or "Europe/Berlin or UTC" in answer.json()["errors"][0]["message"]
    for rollover in ("7", "-1", "x"):
        assert_invalid(await client.get(route, params=USER | {"rollover": rollover}), "rollover")


async def test_bad_choices(client: httpx.AsyncClient) -> None:
    for route, parameter, allowed in (
        ("/roadmap/1/progress.svg", "view", ("year", "weeks", "burnup")),
        ("/progress.svg", "theme", ("light", "dark")),
        ("/roadmap/1/export", "format", ("ics", "csv", "md")),
        ("/roadmaps", "include", ("progress",)),
    ):
        answer = await client.get(route, params=USER | {parameter: "canary-5417"})
        assert_invalid(answer, parameter)
        message = answer.json()["errors"][0]["message"]
        assert all(f"'{name}'" in message for name in allowed)
    zone = await client.post("/task/update", json={"task_id": "x", "completed": True, "tz": "Mars"})
    assert_invalid(zone, "tz")


async def test_others_see_nothing(client: httpx.AsyncClient, path: str) -> None:
    for route in (f"{path}/progress", f"{path}/progress.svg", f"{path}/export?format=md"):
        separator = "&" if "?" in route else "?"
        answer = await client.get(f"{route}{separator}user_id={BEN}")
        assert (answer.status_code, answer.json()["title"]) == (404, "Roadmap not found")
