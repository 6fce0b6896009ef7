"""Dates over HTTP: schedules, their preconditions, undo, and moving by hand."""

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from src.dao import Store
from src.services.progress.computing import Computing
from src.services.progress.days import Reader, zone_of
from src.services.progress.scheduling import Precondition, ScheduleRequest, SchedulingService
from tests.api.bad_inputs import assert_invalid, assert_problem
from tests.api.progress.conftest import Tasks, complete
from tests.support.learners import ANA, BEN

DAY = timedelta(days=1)
USER = {"user_id": ANA}


def today() -> date:
    return datetime.now(UTC).date()


def days_from_now(days: int) -> str:
    return (today() + days * DAY).isoformat()


def new_schedule(**changes: object) -> dict[str, Any]:
    return USER | {"strategy": "shift", "from": days_from_now(7)} | changes


async def apply(
    client: httpx.AsyncClient, path: str, body: dict[str, Any], etag: str = "*"
) -> httpx.Response:
    return await client.post(
        f"{path}/schedule", json=body | {"dry_run": False}, headers={"If-Match": etag}
    )


async def test_dry_run_changes_nothing(client: httpx.AsyncClient, path: str, tasks: Tasks) -> None:
    """It says what would change; asked again, it says the same."""
    before = await tasks()
    first = await client.post(f"{path}/schedule", json=new_schedule())
    again = await client.post(f"{path}/schedule", json=new_schedule())
    assert first.status_code == 200
    assert (first.content, first.headers["etag"]) == (again.content, again.headers["etag"])
    assert await tasks() == before
    answer = first.json()
    assert answer["dry_run"] is True
    assert answer["roadmap_id"] == before[0]["roadmap_id"]
    assert [move["task_id"] for move in answer["moves"]] == [task["id"] for task in before]
    assert answer["moves"][0] == {
        "task_id": before[0]["id"],
        "from": days_from_now(0),
        "to": days_from_now(7),
    }
    assert answer["end"] == {"before": days_from_now(13), "after": days_from_now(20)}
    # Today is the tightest day of both: filled before, and free after.
    assert answer["cushion_minutes"] == {"before": 0, "after": 120}


async def test_schedule_is_applied_once(client: httpx.AsyncClient, path: str, tasks: Tasks) -> None:
    """A repetition of the request gets the same bytes, and another request has to look first."""
    etag = (await client.post(f"{path}/schedule", json=new_schedule())).headers["etag"]
    first = await apply(client, path, new_schedule(), etag)
    assert first.status_code == 200
    assert first.headers["etag"] != etag
    moves = first.json()["moves"]
    assert {task["id"]: task["due_date"] for task in await tasks()} == {
        move["task_id"]: move["to"] for move in moves
    }
    repeated = await apply(client, path, new_schedule(), etag)
    assert (repeated.content, repeated.headers["etag"]) == (first.content, first.headers["etag"])
    other = await apply(client, path, new_schedule(strategy="spread", end=days_from_now(60)), etag)
    assert_problem(other, 412)
    assert other.json()["type"].endswith(":schedule-changed")
    assert other.headers["etag"] == first.headers["etag"]
    following = await apply(client, path, new_schedule(), other.headers["etag"])
    assert following.json()["moves"] == []


async def test_etag_is_needed_to_apply(client: httpx.AsyncClient, path: str) -> None:
    body = new_schedule(dry_run=False)
    without = await client.post(f"{path}/schedule", json=body)
    assert_problem(without, 428)
    assert without.json()["type"].endswith(":precondition-required")
    etag = (await client.post(f"{path}/schedule", json=new_schedule())).headers["etag"]
    for wrong in ('"1"', f"W/{etag}", etag.strip('"'), "x", '"1.x"', '"2.0"'):
        assert (await apply(client, path, body, wrong)).status_code == 412, wrong
    assert (await apply(client, path, body, f'"a", {etag}')).status_code == 200


async def test_ticking_does_not_change_the_etag(
    client: httpx.AsyncClient, path: str, tasks: Tasks
) -> None:
    """Moving a task does. What is done, or was moved by hand, stays where it is."""
    first, second, third, *_ = await tasks()
    etag = (await client.post(f"{path}/schedule", json=new_schedule())).headers["etag"]
    await complete(client, first)
    answer = await client.post(f"{path}/schedule", json=new_schedule())
    assert answer.headers["etag"] == etag
    move = USER | {"task_id": second["id"], "due_date": days_from_now(30)}
    moved = await client.post("/task/move", json=move)
    assert (moved.status_code, moved.json()) == (200, second | {"due_date": days_from_now(30)})
    assert (await apply(client, path, new_schedule(), etag)).status_code == 412
    moves = (await apply(client, path, new_schedule())).json()["moves"]
    assert moves[0]["task_id"] == third["id"]
    dates = {task["id"]: task["due_date"] for task in await tasks()}
    assert dates[first["id"]] == days_from_now(0)
    assert dates[second["id"]] == days_from_now(30)


async def test_two_at_once(client: httpx.AsyncClient, path: str) -> None:
    """One wins, the other has to look again."""
    etag = (await client.post(f"{path}/schedule", json=new_schedule())).headers["etag"]
    answers = await asyncio.gather(
        *(
            apply(client, path, new_schedule(**{"from": days_from_now(days)}), etag)
            for days in (3, 4)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_the_same_twice_at_once(client: httpx.AsyncClient, path: str) -> None:
    """A double click is one schedule, and both get its answer."""
    etag = (await client.post(f"{path}/schedule", json=new_schedule())).headers["etag"]
    first, second = await asyncio.gather(
        *(apply(client, path, new_schedule(), etag) for _ in range(2))
    )
    assert (first.status_code, first.content) == (200, second.content)


async def test_shift_on_another_day_is_another_schedule(store: Store, path: str) -> None:
    """`If-Match: *` takes any dates, so that a repetition is known by its day alone."""
    computing = Computing()
    service = SchedulingService(store.schedules, computing)
    roadmap_id = int(path.removeprefix("/roadmap/"))

    async def shift(days_later: int) -> str:
        reader = Reader(datetime.now(UTC) + days_later * DAY, zone_of("UTC"))
        request = ScheduleRequest("shift", None, None, None, None, None, reader)
        sent = {"strategy": "shift"}
        any_dates = Precondition(None, "*")
        scheduled = await service.apply(UUID(ANA), roadmap_id, request, any_dates, sent)
        return scheduled.answer

    first, repeated, following = await shift(7), await shift(7), await shift(14)
    assert repeated == first
    assert json.loads(following)["moves"][0]["to"] == days_from_now(14)
    await computing.close()


async def test_settings_are_kept(client: httpx.AsyncClient, path: str) -> None:
    """What was said in one schedule is the next one's default; a dry run keeps nothing."""
    said = {"days_off": ["sunday", "2026-12-24/2026-12-31"], "minutes_per_day": 480}
    plain = new_schedule(strategy="as_planned", start=days_from_now(0))
    unsaid = (await client.post(f"{path}/schedule", json=plain)).json()["end"]["after"]
    with_said = (await client.post(f"{path}/schedule", json=plain | said)).json()["end"]["after"]
    assert with_said > unsaid
    again = (await client.post(f"{path}/schedule", json=plain)).json()["end"]["after"]
    assert again == unsaid
    await apply(client, path, plain | said)
    later = USER | {"strategy": "as_planned"}
    answer = (await client.post(f"{path}/schedule", json=later)).json()
    assert answer["moves"] == []
    assert answer["end"]["after"] == with_said


async def test_what_does_not_fit(client: httpx.AsyncClient, path: str) -> None:
    """The answer says until when it would."""
    body = new_schedule(strategy="compress", minutes_per_day=120, **{"from": days_from_now(10)})
    refused = await client.post(f"{path}/schedule", json=body)
    assert refused.status_code == 409
    problem = refused.json()
    assert problem["type"].endswith(":schedule-does-not-fit")
    assert problem["earliest_end"] in problem["detail"]
    spread = body | {"strategy": "spread", "end": problem["earliest_end"]}
    assert (await client.post(f"{path}/schedule", json=spread)).status_code == 200
    earlier = date.fromisoformat(problem["earliest_end"]) - DAY
    spread["end"] = earlier.isoformat()
    assert (await client.post(f"{path}/schedule", json=spread)).status_code == 409


async def test_undo(client: httpx.AsyncClient, path: str, tasks: Tasks) -> None:
    """The dates are as before, what is done stays done, and there is one level."""
    undo = f"{path}/schedule/undo"
    nothing = await client.post(undo, json=USER)
    assert_problem(nothing, 409)
    assert nothing.json()["type"].endswith(":nothing-to-undo")
    first, *others = await tasks()
    applied = await apply(client, path, new_schedule())
    await complete(client, first)
    undone = await client.post(undo, json=USER)
    assert (undone.status_code, undone.json()) == (200, {"success": True})
    assert undone.headers["etag"] != applied.headers["etag"]
    restored = await tasks()
    assert (restored[0]["completed"], restored[0]["due_date"]) == (True, first["due_date"])
    assert restored[1:] == others
    assert (await client.post(undo, json=USER)).status_code == 409
    await apply(client, path, new_schedule())
    await client.post("/task/move", json=USER | {"task_id": first["id"], "due_date": None})
    move = USER | {"task_id": others[0]["id"], "due_date": days_from_now(1)}
    await client.post("/task/move", json=move)
    assert (await client.post(undo, json=USER)).status_code == 409


async def test_moving_has_bounds(client: httpx.AsyncClient, path: str, tasks: Tasks) -> None:
    """From the start to three years after today; null lets go of the task."""
    assert path
    task, *_ = await tasks()
    move = USER | {"task_id": task["id"]}
    for beyond in (days_from_now(-1), days_from_now(3 * 366 + 1)):
        answer = await client.post("/task/move", json=move | {"due_date": beyond})
        assert_invalid(answer, "due_date")
        assert f"from {days_from_now(0)} to" in answer.json()["errors"][0]["message"]
    dates: tuple[str | None, ...] = (days_from_now(0), days_from_now(3 * 365), None)
    for day in dates:
        answer = await client.post("/task/move", json=move | {"due_date": day})
        assert answer.json() == task | {"due_date": day}


_DATES: tuple[object, ...] = (0, "canary-5417", "2026-13-01", "2026-01-01T00:00", True, [])
BAD_FIELDS: list[tuple[str, object]] = [
    ("strategy", "canary-5417"),
    ("strategy", None),
    *((name, day) for name in ("start", "from", "end") for day in ("1999-12-31", "2200-01-01")),
    *(("start", day) for day in _DATES),
    ("days_off", ["canary-5417"]),
    ("days_off", ["2026-12-31/2026-12-24"]),
    ("days_off", ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]),
    ("days_off", "sunday"),
    ("days_off", ["sunday"] * 101),
    *(("minutes_per_day", minutes) for minutes in (0, 4, 1441, 60.5, "60", True)),
    ("tz", "canary-5417"),
    ("rollover", 7),
    ("dry_run", "false"),
    ("user_id", "canary-5417"),
]


@pytest.mark.parametrize(("field", "value"), BAD_FIELDS)
async def test_bad_fields(client: httpx.AsyncClient, field: str, value: object) -> None:
    """The answer names the field and what is allowed, and does not repeat what was sent."""
    answer = await client.post("/roadmap/1/schedule", json=new_schedule(**{field: value}))
    assert_problem(answer, 422)
    (error,) = answer.json()["errors"]
    assert error["field"].split(".")[0] == field
    allowed = {
        "strategy": "'as_planned', 'shift', 'compress' or 'spread'",
        "tz": "such as Europe/Berlin or UTC",
        "days_off": "",
    }
    assert allowed.get(field, "") in error["message"]
    if value in ("1999-12-31", "2200-01-01"):
        assert "from 2000-01-01 to 20" in error["message"]


async def test_others_change_nothing(client: httpx.AsyncClient, path: str, tasks: Tasks) -> None:
    before = await tasks()
    ben = {"user_id": BEN}
    assert (await apply(client, path, new_schedule(**ben))).status_code == 404
    assert (await client.post(f"{path}/schedule/undo", json=ben)).status_code == 404
    move = ben | {"task_id": before[0]["id"], "due_date": days_from_now(1)}
    moved = await client.post("/task/move", json=move)
    assert (moved.status_code, moved.json()["title"]) == (404, "Task not found")
    assert (await client.post("/task/move", json=move | {"task_id": "x"})).status_code == 404
    assert await tasks() == before
