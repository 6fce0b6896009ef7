"""Roadmaps to take along: files, and calendars at secret addresses."""

import csv
import io
import logging
import time

import httpx
import pytest
from icalendar import Calendar

from src.domain.schedule import FEED_POLLS_PER_HOUR
from tests.api.bad_inputs import assert_invalid, assert_problem
from tests.api.progress.conftest import Tasks, complete
from tests.api.replicas import Running
from tests.support.backends import Backend
from tests.support.learners import ANA, BEN

USER = {"user_id": ANA}


async def test_calendar(client: httpx.AsyncClient, path: str, tasks: Tasks) -> None:
    """It has every task once, under a name that programs keep."""
    answer = await client.get(f"{path}/export", params=USER | {"format": "ics", "alarm": 18})
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    name = path.removeprefix("/roadmap/")
    assert answer.headers["content-disposition"] == f'attachment; filename="roadmap-{name}.ics"'
    events = Calendar.from_ical(answer.content).walk("VEVENT")
    planned = await tasks()
    assert [str(event["uid"]) for event in events] == [
        f"task-{task['id']}@momentum-ai" for task in planned
    ]
    assert all(event.walk("VALARM") for event in events)


async def test_table_and_list(client: httpx.AsyncClient, path: str, tasks: Tasks) -> None:
    planned = await tasks()
    await complete(client, planned[0])
    table = await client.get(f"{path}/export", params=USER | {"format": "csv"})
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"), newline="")))
    assert [row["task"] for row in rows] == [task["task_text"] for task in planned]
    check_list = await client.get(f"{path}/export", params=USER | {"format": "md"})
    assert check_list.headers["content-type"] == "text/markdown; charset=utf-8"
    assert check_list.text.count("\n- [ ] ") == len(planned) - 1
    assert check_list.text.count("\n- [x] ") == 1


async def feed_of(client: httpx.AsyncClient, path: str, **values: object) -> str:
    answer = await client.post(f"{path}/calendar-feed", json=USER | values)
    assert answer.status_code == 200, answer.text
    address: str = answer.json()["path"]
    return address


async def test_feed_is_read_by_its_secret(
    client: httpx.AsyncClient, path: str, tasks: Tasks
) -> None:
    """Nothing else is needed. Another secret replaces it, and revoking ends it at once."""
    first = await feed_of(client, path)
    answer = await client.get(first)
    assert answer.status_code == 200
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT1H" in answer.content
    assert len(Calendar.from_ical(answer.content).walk("VEVENT")) == len(await tasks())
    assert answer.headers["cache-control"] == "private, no-cache"
    unchanged = await client.get(first, headers={"If-None-Match": answer.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    second = await feed_of(client, path, alarm=7, tz="Asia/Tokyo")
    assert_problem(await client.get(first), 404)
    assert b"VALARM" in (await client.get(second)).content
    for _ in range(2):
        revoked = await client.delete(f"{path}/calendar-feed", params=USER)
        assert (revoked.status_code, revoked.json()) == (200, {"success": True})
    gone = await client.get(second)
    assert gone.json()["type"].endswith(":calendar-not-found")
    assert gone.headers["cache-control"] == "no-store"


async def test_feed_ends_with_its_roadmap(client: httpx.AsyncClient, path: str) -> None:
    address = await feed_of(client, path)
    await client.delete(path, params=USER)
    assert (await client.get(address)).status_code == 404


async def test_feed_in_a_zone_that_is_not_known_any_more(
    client: httpx.AsyncClient, path: str, backend: Backend
) -> None:
    """It was created by a machine with other time zones; here its days are those of UTC."""
    address = await feed_of(client, path, tz="Asia/Tokyo")
    backend.execute("update calendar_feeds set time_zone = 'Mars/Olympus'")
    assert (await client.get(address)).status_code == 200


async def test_feed_has_a_limit(client: httpx.AsyncClient, path: str, backend: Backend) -> None:
    """An answer that has not changed counts, too: the last poll of this hour is one."""
    address = await feed_of(client, path)
    polls = [time.time() - ago for ago in range(FEED_POLLS_PER_HOUR - 1, 0, -1)]
    backend.execute(f"update calendar_feeds set polls = '{polls}'")  # noqa: S608  ours
    answer = await client.get(address, headers={"If-None-Match": "*"})
    assert answer.status_code == 304
    refused = await client.get(address)
    assert_problem(refused, 429)
    assert 0 < int(refused.headers["retry-after"]) <= 3_600


async def test_feed_needs_no_token_where_tokens_are_required(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    """Its secret is in no log line and in no problem."""
    caplog.set_level(logging.DEBUG, logger="src")
    async with running(auth_mode="required", supabase_jwt_secret="s" * 32) as on:
        answer = await on.client.get("/calendar/canary-5417.ics")
        assert_problem(answer, 404)
        assert (await on.client.get("/progress", params=USER)).status_code == 401
    assert "GET /calendar/{token}.ics 404" in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.parametrize("token", ["x", "%00", "%ff", "a%2Fb", "x" * 5_000, "..", "ü"])
async def test_unknown_secrets(client: httpx.AsyncClient, token: str) -> None:
    answer = await client.get(f"/calendar/{token}.ics")
    assert_problem(answer, 404)


async def test_bad_fields(client: httpx.AsyncClient) -> None:
    feed = "/roadmap/1/calendar-feed"
    for field, value in (("tz", "canary-5417"), ("rollover", 7), ("alarm", 24), ("user_id", "x")):
        assert_invalid(await client.post(feed, json=USER | {field: value}), field)
    for alarm in ("24", "-1", "x"):
        params = USER | {"format": "ics", "alarm": alarm}
        assert_invalid(await client.get("/roadmap/1/export", params=params), "alarm")


async def test_others_take_nothing(client: httpx.AsyncClient, path: str) -> None:
    """Nobody else creates, replaces or revokes a feed."""
    address = await feed_of(client, path)
    ben = {"user_id": BEN}
    assert (await client.post(f"{path}/calendar-feed", json=ben)).status_code == 404
    assert (await client.delete(f"{path}/calendar-feed", params=ben)).status_code == 404
    assert (await client.get(address)).status_code == 200
