"""The numbers of events are those of the store, whichever instance sends them."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from src.domain.errors import ModelOutputError
from src.domain.generation import Lease
from src.domain.quotas import Requester
from src.services.generation.polling import POLL_SECONDS
from src.settings import Settings
from tests.api.replicas import GatedPlanner, Replica, Start, events_in
from tests.support.backends import Backend
from tests.support.learners import ANA, REQUEST
from tests.support.settings import isolated_settings
from tests.support.waiting import PATIENCE_SECONDS, until, until_true

PARTS = 1 + 2 * 8
"""The outline, and each week with its seven days."""
LONG_AGO = "2026-01-01T00:00:00.000000+00:00"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Offer settings under which other instances find a free generation soon."""
    return isolated_settings(monkeypatch, sweep_interval_seconds=0.2)


async def begin(on: Replica, **changes: object) -> str:
    answer = await on.client.post(
        "/generate_roadmap", json=REQUEST | changes, headers={"Prefer": "respond-async"}
    )
    assert answer.status_code == 202, answer.text
    location: str = answer.headers["location"]
    return location


async def until_recorded(on: Replica, location: str, count: int) -> None:
    """Wait until so many parts are on record."""

    async def are_recorded() -> bool:
        return len(await on.store.generations.list_parts(UUID(location[-36:]))) >= count

    await until(are_recorded)


async def until_waited(on: Replica, followers: int = 1) -> None:
    """Wait until so many requests there follow another instance."""
    await until_true(lambda: on.state.follower.polls.followers == followers)


def assert_counts_from_1(events: list[dict[str, Any]], last: str = "saved") -> None:
    assert [event["id"] for event in events] == [str(n) for n in range(1, len(events) + 1)]
    assert events[-1]["event"] == last


async def delete_roadmap(on: Replica) -> None:
    (roadmap,) = await on.roadmaps(ANA)
    answer = await on.client.delete(f"/roadmap/{roadmap['roadmap_id']}", params={"user_id": ANA})
    assert answer.status_code == 200


def hold_reads(on: Replica, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let no poll there read until the function that is returned is called."""
    read, may_read = on.store.generations.read, asyncio.Event()

    async def read_late(*asked: Any) -> object:  # noqa: ANN401  whatever the store takes
        await may_read.wait()
        return await read(*asked)

    monkeypatch.setattr(on.store.generations, "read", read_late)
    return may_read.set


async def test_instance_that_slept_sends_what_others_stored(
    start: Start, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had sent an outline when another one took over; its follower gets the other's events."""
    one = await start(planner := GatedPlanner(1))

    async def claim_nothing(_: Lease) -> None:
        """Sleep."""

    monkeypatch.setattr(one.store.generations, "claim", claim_nothing)
    location = await begin(one)
    followed = asyncio.create_task(one.events(location))
    await planner.at_the_gate()
    await until_recorded(one, location, 1)
    backend.execute(f"update generations set lease_until = '{LONG_AGO}'")  # noqa: S608  ours
    other = await start()
    await other.until(location, state="succeeded")
    planner.gate.set()
    events = await followed
    assert len(events) == PARTS + 1
    assert_counts_from_1(events)
    assert events == await other.events(location) == await one.events(location)
    for on in (one, other):
        assert await on.events(location, 2) == events[2:]


async def test_cancellation_elsewhere_is_numbered_as_stored(start: Start) -> None:
    """A part that was planned and not stored by then takes no number."""
    one, other = await start(planner := GatedPlanner(4)), await start()
    location = await begin(one)
    followed = [asyncio.create_task(on.events(location)) for on in (one, other)]
    await planner.at_the_gate()
    await until_recorded(one, location, 4)
    assert (await other.client.delete(location)).status_code == 200
    planner.gate.set()
    first, second = [await each for each in followed]
    assert_counts_from_1(first, "problem")
    assert len(first) == 5
    ids = [(event["event"], event["id"]) for event in first]
    assert [(event["event"], event["id"]) for event in second] == ids


async def test_follower_of_a_deleted_roadmap_gets_a_problem(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a number, after the events that came before; asking again is a 404."""
    one, other = await start(planner := GatedPlanner(4)), await start()
    location = await begin(one)
    await until_recorded(one, location, 4)
    followed = asyncio.create_task(other.events(location))
    await until_waited(other)
    let_read = hold_reads(other, monkeypatch)
    await asyncio.sleep(0.1)
    planner.gate.set()
    await one.until(location, state="succeeded")
    await delete_roadmap(one)
    let_read()
    *parts, end = await followed
    assert [event["id"] for event in parts] == ["1", "2", "3", "4"]
    assert (end["event"], "id" in end) == ("problem", False)
    assert end["data"]["type"].endswith(":generation-not-found")
    for on in (one, other):
        for after in (0, 4, PARTS, PARTS + 1):
            headers = {"Last-Event-ID": str(after)}
            again = await on.client.get(f"{location}/events", headers=headers)
            assert again.status_code == 404, again.text
        assert (await on.status(location))["state"] == "succeeded"


async def test_events_are_not_found_a_day_after_the_end(start: Start, backend: Backend) -> None:
    """They are deleted then, so a stream could only send an end without them."""
    one, failing = await start(), GatedPlanner(4, ModelOutputError("no plan"))
    failing.gate.set()
    other = await start(failing)
    saved, failed = await begin(one), await begin(other, goal="Learn Go")
    for location, state in ((saved, "succeeded"), (failed, "failed")):
        await one.until(location, state=state)
    backend.execute(f"update generations set finished_at = '{LONG_AGO}'")  # noqa: S608  ours
    await one.until(saved, roadmap=None)
    for location in (saved, failed):
        answer = await one.client.get(f"{location}/events")
        assert answer.status_code == 404, answer.text


async def test_number_beyond_the_last_event(start: Start) -> None:
    """Nothing comes after it, here or elsewhere: an empty stream, and 204 after the end."""
    one, other = await start(planner := GatedPlanner(4)), await start()
    location = await begin(one)
    followed = [asyncio.create_task(on.events(location, 300)) for on in (one, other)]
    await until_waited(other)
    planner.gate.set()
    assert [await each for each in followed] == [[], []]
    for on in (one, other):
        for after in (PARTS + 1, 300):
            headers = {"Last-Event-ID": str(after)}
            answer = await on.client.get(f"{location}/events", headers=headers)
            assert (answer.status_code, answer.content) == (204, b"")
        assert (await on.events(location, PARTS))[-1]["id"] == str(PARTS + 1)


async def test_generation_of_an_older_release_is_replayed(start: Start, backend: Backend) -> None:
    """It has no stored end: its end follows the last part."""
    on = await start()
    location = await begin(on)
    await on.until(location, state="succeeded")
    events = await on.events(location)
    backend.execute("update generations set end_number = null")
    assert await on.events(location) == events
    assert await on.events(location, PARTS) == events[-1:]
    headers = {"Last-Event-ID": str(PARTS + 1)}
    assert (await on.client.get(f"{location}/events", headers=headers)).status_code == 204
    await delete_roadmap(on)
    assert (await on.client.get(f"{location}/events")).status_code == 404


def counted_reads(on: Replica, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list that gets an entry for each read of a generation by an instance."""
    read, reads = on.store.generations.read, list[object]()

    async def count(*asked: Any) -> object:  # noqa: ANN401  whatever the store takes
        reads.append(asked)
        return await read(*asked)

    monkeypatch.setattr(on.store.generations, "read", count)
    return reads


@pytest.mark.long(4)
async def test_many_followers_are_one_poll(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams and requests that wait share it; it ends with the last of them."""
    one, other = await start(planner := GatedPlanner(4)), await start()
    location = await begin(one)
    await until_recorded(one, location, 4)
    followed = [asyncio.create_task(other.events(location, after)) for after in range(8)]
    waiting = asyncio.create_task(other.client.post("/generate_roadmap", json=REQUEST))
    await until_waited(other, 9)
    reads = counted_reads(other, monkeypatch)
    await asyncio.sleep(4 * POLL_SECONDS)
    assert 1 <= len(reads) <= 5
    planner.gate.set()
    whole, *others = [await each for each in followed]
    assert_counts_from_1(whole)
    assert [events == whole[after:] for after, events in enumerate(others, start=1)] == [True] * 7
    assert (await waiting).status_code == 200
    reads.clear()
    await asyncio.sleep(2 * POLL_SECONDS)
    assert reads == []


async def test_poll_ends_when_all_have_left(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that disconnects gives its place free, and the last one stops the poll."""
    one, other = await start(GatedPlanner(4)), await start()
    location = await begin(one)
    followed = [asyncio.create_task(other.events(location)) for _ in range(3)]
    await until_waited(other, 3)
    for each in followed:
        each.cancel()
    await asyncio.wait(followed)
    await until_waited(other, 0)
    reads = counted_reads(other, monkeypatch)
    await asyncio.sleep(2 * POLL_SECONDS)
    assert reads == []
    assert other.state.follower.places.taken == 0


@pytest.mark.parametrize("place", ["here", "elsewhere"])
async def test_one_client_cannot_take_all_places(start: Start, place: str) -> None:
    """Of 100 streams on one generation it gets a few; other addresses are served."""
    one, other = await start(planner := GatedPlanner(4)), await start()
    location = await begin(one)
    await until_recorded(one, location, 4)
    on = one if place == "here" else other
    streams = [asyncio.create_task(on.client.get(f"{location}/events")) for _ in range(100)]
    most = 10
    open_streams = most + (place == "here")  # where it runs, it has a place of its own
    await until_true(lambda: sum(stream.done() for stream in streams) == 100 - open_streams)
    refused = [stream.result() for stream in streams if stream.done()]
    assert {answer.status_code for answer in refused} == {429}
    answer = refused[0]
    assert answer.json()["type"].endswith(":limit-reached")
    assert answer.headers["retry-after"] == "10"
    assert answer.headers["ratelimit-policy"] == (
        f'"followers-at-once";q={most};qu="concurrent-requests"'
    )
    transport = httpx.ASGITransport(on.app, client=("192.0.2.7", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as neighbour:
        stream = asyncio.create_task(neighbour.get(f"{location}/events"))
        await until_true(lambda: on.state.follower.places.taken == most + 1)
        planner.gate.set()
        async with asyncio.timeout(PATIENCE_SECONDS):
            answers = [await stream, *[await each for each in streams]]
    whole = [answer for answer in answers if answer.status_code == 200]
    assert len(whole) == open_streams + 1
    for answer in whole:
        assert_counts_from_1(events_in(answer.text))
    assert on.state.follower.places.taken == 0


async def test_place_of_a_stream_that_nobody_reads_is_given_back(start: Start) -> None:
    """A client may have left before the response began."""
    one, other = await start(GatedPlanner(4)), await start()
    location = await begin(one)
    requester = Requester(user_id=UUID(ANA), client_key="somewhere")
    follower = other.state.follower
    events = await follower.follow(UUID(location[-36:]), requester)
    assert follower.places.taken == 1
    del events
    await until_true(lambda: follower.places.taken == 0)
