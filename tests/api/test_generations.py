"""Generations over HTTP: repeated, shared, followed, cancelled, resumed and handed over."""

import asyncio
import itertools
import logging
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from src.domain.errors import (
    ModelMisconfiguredError,
    ModelOutputError,
    StoreMisconfiguredError,
    StoreUnavailableError,
)
from src.domain.generation import (
    MAX_RESUMPTIONS,
    GenerationRecord,
    Lease,
    PlannedPart,
    ProgressReport,
)
from src.domain.plan import ModelUsage
from src.llm.offline.planner import OfflinePlanner
from src.routers.bodies import GenerateRoadmap
from src.services.generation import polling
from src.services.generation.polling import POLL_SECONDS
from src.settings import Settings
from tests.api.replicas import GatedPlanner, Replica, Start, replica, request_to_gate
from tests.support.backends import Backend, expire_lease
from tests.support.learners import ANA, BEN, REQUEST
from tests.support.plans import UNBOUNDED, asked_for
from tests.support.settings import isolated_settings
from tests.support.waiting import PATIENCE_SECONDS, until, until_true

PATH = "/generate_roadmap"
KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
RESPOND_ASYNC = {"Prefer": "respond-async"}
PARTS = 1 + 2 * 8
"""The outline, and each week with its seven days."""


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Offer settings that find dead processes soon and do not take a live one for dead."""
    return isolated_settings(
        monkeypatch, generation_lease_seconds=12, sweep_interval_seconds=0.2, drain_seconds=5
    )


def problem_of(answer: httpx.Response) -> str:
    """Return the problem's code."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    kind: str = answer.json()["type"]
    return kind.removeprefix("urn:momentum-ai:problem:")


async def begin(on: Replica, **changes: object) -> str:
    """Begin a generation and return its location."""
    answer = await on.client.post(PATH, json=REQUEST | changes, headers=RESPOND_ASYNC)
    assert answer.status_code == 202, answer.text
    location: str = answer.headers["location"]
    return location


async def until_recorded(on: Replica, location: str, count: int) -> None:
    """Wait until so many parts are on record."""
    generations = on.store.generations

    async def are_recorded() -> bool:
        return len(await generations.list_parts(UUID(location[-36:]))) >= count

    await until(are_recorded)


async def until_followed(on: Replica, times: int = 1) -> None:
    """Wait until so many requests there wait for another instance."""
    await until_true(lambda: on.state.follower.polls.followers == times)


# --- Idempotency keys -------------------------------------------------------------------------


async def test_repeated_request_gets_the_first_answer(start: Start) -> None:
    """Byte for byte, from any instance, with a header that says so."""
    one, other = await start(), await start()
    first = await one.client.post(PATH, json=REQUEST, headers=KEY)
    assert first.status_code == 200
    assert "idempotency-replayed" not in first.headers
    for on, key in ((one, KEY), (other, {"Idempotency-Key": f'"{KEY["Idempotency-Key"]}"'})):
        again = await on.client.post(PATH, json=REQUEST, headers=key)
        assert (again.status_code, again.content) == (200, first.content)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.headers["location"] == first.headers["location"]
    assert await other.roadmaps(ANA) == [first.json()]


async def test_key_stands_for_one_request(start: Start) -> None:
    """Another request under it is refused; another user's same key is another key."""
    on = await start()
    first = await on.client.post(PATH, json=REQUEST, headers=KEY)
    reused = await on.client.post(PATH, json=REQUEST | {"goal": "Learn Go"}, headers=KEY)
    assert (reused.status_code, problem_of(reused)) == (422, "idempotency-key-reused")
    assert reused.headers["location"] == first.headers["location"]
    assert await on.roadmaps(ANA) == [first.json()]
    bens = await on.client.post(PATH, json=REQUEST | {"user_id": BEN, "goal": "x"}, headers=KEY)
    assert bens.status_code == 200
    assert await on.roadmaps(BEN) == [bens.json()]


async def test_running_key_says_where_to_look(start: Start) -> None:
    """A repetition while the first still runs has to wait, on any instance."""
    one, other = await start(planner := GatedPlanner(4)), await start()
    answer = await one.client.post(PATH, json=REQUEST, headers=KEY | RESPOND_ASYNC)
    location = answer.headers["location"]
    for on in (one, other):
        again = await on.client.post(PATH, json=REQUEST, headers=KEY)
        assert (again.status_code, problem_of(again)) == (409, "generation-running")
        assert again.headers["retry-after"] == "2"
        assert again.headers["location"] == location
        reused = await on.client.post(PATH, json=REQUEST | {"goal": "Learn Go"}, headers=KEY)
        assert (reused.status_code, problem_of(reused)) == (422, "idempotency-key-reused")
    planner.gate.set()
    await other.until(location, state="succeeded")
    assert len(planner.known) == 1


async def test_failure_frees_the_key(start: Start) -> None:
    """The next request under the key begins a new generation with its own record."""
    failing = GatedPlanner(0, ModelOutputError("no plan"))
    failing.gate.set()
    one, other = await start(failing), await start()
    failed = await one.client.post(PATH, json=REQUEST, headers=KEY)
    assert (failed.status_code, problem_of(failed)) == (502, "model-output-unusable")
    again = await other.client.post(PATH, json=REQUEST, headers=KEY)
    assert again.status_code == 200
    assert "idempotency-replayed" not in again.headers
    assert await one.roadmaps(ANA) == [again.json()]


async def test_double_click_is_one_roadmap(start: Start) -> None:
    """Identical requests without a key share one generation, on one instance or on two."""
    planners = GatedPlanner(4), GatedPlanner(4)
    one, other = await start(planners[0]), await start(planners[1])
    clicks = [
        asyncio.create_task(on.client.post(PATH, json=REQUEST)) for on in (one, other, one, other)
    ]
    reached = [asyncio.create_task(planner.at_the_gate()) for planner in planners]
    await asyncio.wait(reached, return_when=asyncio.FIRST_COMPLETED)
    await until_followed(other if planners[0].known else one, 2)
    await asyncio.sleep(0.3)  # for the fourth click, which is not counted
    for planner in planners:
        planner.gate.set()
    answers = [await click for click in clicks]
    for waiting in reached:
        waiting.cancel()
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert not any("idempotency-replayed" in answer.headers for answer in answers)
    assert await one.roadmaps(ANA) == [answers[0].json()]
    assert sum(len(planner.known) for planner in planners) == 1
    later = await one.client.post(PATH, json=REQUEST)
    assert later.json()["roadmap_id"] != answers[0].json()["roadmap_id"]


# --- Asking without waiting, and how it goes ----------------------------------------------------


async def test_asynchronous_request_gets_a_location(start: Start) -> None:
    """202 at once; then the weeks done, and at last the roadmap with its usage."""
    one, other = await start(planner := GatedPlanner(12)), await start()
    answer = await one.client.post(PATH, json=REQUEST, headers=RESPOND_ASYNC)
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    assert answer.headers["momentum-planner"] == "offline"
    location = answer.headers["location"]
    status = answer.json()
    assert location == f"/generations/{status['generation_id']}"
    assert (status["state"], status["weeks_total"]) == ("running", 2)
    running = await other.until(location, weeks_done=1)
    assert (running["state"], running["finished_at"]) == ("running", None)
    assert (running["roadmap"], running["problem"]) == (None, None)
    planner.gate.set()
    done = await other.until(location, state="succeeded")
    assert (done["weeks_done"], done["problem"]) == (2, None)
    assert done["usage"]["model"] == "offline"
    figures = done["roadmap"].pop("generation")
    assert 0 < figures["first_day_seconds"] <= figures["total_seconds"]
    assert await other.roadmaps(ANA) == [done["roadmap"]]


async def test_failure_is_on_record(start: Start) -> None:
    """The status and the events have the same problem as the answer, with a number."""
    failing = GatedPlanner(3, ModelOutputError("no plan"))
    one, other = await start(failing), await start()
    location = await begin(one)
    failing.gate.set()
    failed = await other.until(location, state="failed")
    assert failed["problem"]["type"].endswith(":model-output-unusable")
    assert failed["roadmap"] is None
    for on in (one, other):
        *parts, end = await on.events(location)
        assert [event["event"] for event in parts] == ["outline", "day", "day"]
        assert (end["event"], end["id"]) == ("problem", "4")
        assert end["data"]["type"] == failed["problem"]["type"]
    assert await one.roadmaps(ANA) == []


async def test_reading_a_failure_logs_nothing(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """It happened once, however often somebody reads it."""
    failing = GatedPlanner(0, ModelMisconfiguredError("no credits"))
    failing.gate.set()
    on = await start(failing)
    location = await begin(on)
    await on.until(location, state="failed")
    caplog.clear()
    failed = await on.status(location)
    assert failed["problem"]["type"].endswith(":model-misconfigured")
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_generation_of_nobody_or_another_is_not_found(start: Start) -> None:
    """For another user it does not exist, and it continues."""
    on = await start(planner := GatedPlanner(4))
    location = await begin(on)
    for place in (f"{location}?user_id={BEN}", f"/generations/{uuid4()}"):
        path, _, query = place.partition("?")
        for method, suffix in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
            answer = await on.client.request(method, f"{path}{suffix}?{query}")
            assert (answer.status_code, problem_of(answer)) == (404, "generation-not-found")
    assert (await on.client.get("/generations/7")).status_code == 422
    assert (await on.status(f"{location}?user_id={ANA}"))["state"] == "running"
    planner.gate.set()
    await on.until(location, state="succeeded")


# --- Cancelling ---------------------------------------------------------------------------------


@pytest.mark.long(3)
@pytest.mark.parametrize("place", ["here", "elsewhere"])
async def test_cancelled_generation_ends(start: Start, place: str) -> None:
    """The waiting request gets a problem, the planner stops, nothing is stored, the key is free."""
    one, other = await start(planner := GatedPlanner(4)), await start()
    waiting = await request_to_gate(one, planner, headers=KEY)
    again = await other.client.post(PATH, json=REQUEST, headers=KEY)
    location = again.headers["location"]
    on = one if place == "here" else other
    for _ in range(2):
        cancelled = await on.client.delete(location, params={"user_id": ANA})
        assert (cancelled.status_code, cancelled.json()) == (200, {"success": True})
        assert place == "elsewhere" or planner.running == 0  # at once
    answer = await waiting
    assert (answer.status_code, problem_of(answer)) == (409, "generation-cancelled")
    assert answer.headers["location"] == location
    assert planner.running == 0
    status = await other.status(location)
    assert status["state"] == "cancelled"
    assert status["problem"]["type"].endswith(":generation-cancelled")
    assert (await other.events(location))[-1]["event"] == "problem"
    assert await one.roadmaps(ANA) == []
    assert (await other.client.post(PATH, json=REQUEST, headers=KEY)).status_code == 200


async def test_success_cannot_be_cancelled(start: Start, backend: Backend) -> None:
    """The roadmap stays; it is deleted like any other."""
    on = await start()
    created = await on.client.post(PATH, json=REQUEST)
    answer = await on.client.delete(created.headers["location"])
    assert (answer.status_code, problem_of(answer)) == (409, "generation-succeeded")
    assert await on.roadmaps(ANA) == [created.json()]
    # Even when the record no longer has the request and the roadmap.
    backend.execute("update generations set finished_at = '2026-01-01T00:00:00.000000+00:00'")
    await on.until(created.headers["location"], roadmap=None)
    answer = await on.client.delete(created.headers["location"])
    assert (answer.status_code, problem_of(answer)) == (409, "generation-succeeded")


# --- Following ----------------------------------------------------------------------------------


async def test_all_followers_get_the_same_events(start: Start) -> None:
    """While it runs and afterwards, on any instance, from the start and from any number on."""
    one, other = await start(planner := GatedPlanner(6)), await start()
    location = await begin(one)
    followers = [
        asyncio.create_task(on.events(location, after))
        for on in (one, other)
        for after in (None, 0, 3, 9)
    ]
    await until_recorded(other, location, 6)
    planner.gate.set()
    whole, *others = [await follower for follower in followers]
    assert [event["id"] for event in whole] == [str(n) for n in range(1, PARTS + 2)]
    names = ["outline", *(["day"] * 7 + ["week"]) * 2, "saved"]
    assert [event["event"] for event in whole] == names
    (roadmap,) = await one.roadmaps(ANA)
    assert roadmap.items() <= whole[-1]["data"].items()
    for after, events in zip((0, 3, 9, 0, 0, 3, 9), others, strict=True):
        assert events == whole[after:]
    for on in (one, other):
        for after in (0, 5, PARTS):
            assert await on.events(location, after) == whole[after:]


# --- Processes that die -------------------------------------------------------------------------


async def leave_behind(backend: Backend, count: int, key: str | None = None) -> list[PlannedPart]:
    """Begin a generation like a process that dies after so many parts; return those."""
    body = GenerateRoadmap.model_validate(REQUEST)
    parts = [
        part
        async for part in OfflinePlanner().plan(body.plan_request())
        if not isinstance(part, ModelUsage)
    ][:count]
    store = await backend.open()
    lease = Lease(seconds=60)
    asked = asked_for(body.plan_request(), body.user_id, key)
    await store.generations.begin(asked, lease, UNBOUNDED)
    usage = ModelUsage(model="offline", calls=3, prompt_tokens=100)
    progress = ProgressReport(
        parts=tuple(parts), first_number=1, weeks_done=count // 9, usage=usage
    )
    await store.generations.record_progress(lease, progress)
    await store.close()
    expire_lease(backend, lease.lease_id)
    return parts


def location_in(backend: Backend) -> str:
    """Return the location of the only generation."""
    ((generation_id,),) = backend.query("select generation_id from generations")
    return f"/generations/{generation_id}"


@pytest.mark.parametrize("count", [0, 1, 5, 9, 12, PARTS])
async def test_sweep_resumes_the_generation_of_a_dead_process(
    start: Start, backend: Backend, count: int
) -> None:
    """It plans only the missing parts, and the usage of both processes is added."""
    kept = await leave_behind(backend, count)
    planner = GatedPlanner(PARTS)
    on = await start(planner)
    status = await on.until(location_in(backend), state="succeeded")
    assert [list(known) for known in planner.known] == [kept]
    assert len(planner.made) == PARTS - count
    assert status["usage"]["calls"] == 3
    events = await on.events(location_in(backend))
    assert [event["id"] for event in events] == [str(n) for n in range(1, PARTS + 2)]
    (roadmap,) = await on.roadmaps(ANA)
    tasks = (await on.client.get(f"/roadmap/{roadmap['roadmap_id']}")).json()["tasks"]
    assert {(task["week_number"], task["day_number"]) for task in tasks} == {
        (week, day) for week in (1, 2) for day in range(1, 8)
    }


@pytest.mark.parametrize("key", [None, KEY["Idempotency-Key"]])
async def test_retry_resumes_the_generation_of_a_dead_process(
    monkeypatch: pytest.MonkeyPatch, backend: Backend, key: str | None
) -> None:
    """A learner who asks again does not wait for a sweep, and gets one roadmap."""
    settings = isolated_settings(monkeypatch, sweep_interval_seconds=3600)
    planner = GatedPlanner(PARTS)
    async with replica(settings, await backend.open(), planner) as on:
        await asyncio.sleep(0.1)  # past the sweep at the start
        kept = await leave_behind(backend, 12, key)
        headers = {"Idempotency-Key": key} if key else {}
        answer = await on.client.post(PATH, json=REQUEST, headers=headers)
        assert answer.status_code == 200, answer.text
        assert [list(known) for known in planner.known] == [kept]
        assert len(planner.made) == PARTS - 12
        assert await on.roadmaps(ANA) == [answer.json()]


async def test_generation_that_no_process_survives_fails(start: Start, backend: Backend) -> None:
    """After a bounded number of resumptions it ends, its key is free, and nothing is stored."""
    key = KEY["Idempotency-Key"]
    await leave_behind(backend, 12, key)
    backend.execute(f"update generations set resumptions = {MAX_RESUMPTIONS}")  # noqa: S608  ours
    on = await start()
    location = location_in(backend)
    failed = await on.until(location, state="failed")
    assert failed["problem"]["type"].endswith(":generation-abandoned")
    assert failed["weeks_done"] == 1
    (*_, end) = await on.events(location)
    assert (end["event"], end["id"]) == ("problem", "13")
    assert await on.roadmaps(ANA) == []
    assert (await on.client.post(PATH, json=REQUEST, headers=KEY)).status_code == 200


# --- Shutting down -----------------------------------------------------------------------------


async def test_drain_lets_running_generations_finish(start: Start) -> None:
    """New requests get a 503 with `Retry-After`; earlier ones are answered as usual."""
    one, other = await start(planner := GatedPlanner(4)), await start()
    waiting = await request_to_gate(one, planner)
    leaving = asyncio.create_task(one.leave(PATIENCE_SECONDS))
    await asyncio.sleep(0)  # it begins
    for headers in ({}, KEY, RESPOND_ASYNC, {"Accept": "text/event-stream"}):
        refused = await one.client.post(PATH, json=REQUEST | {"goal": "Learn Go"}, headers=headers)
        assert (refused.status_code, problem_of(refused)) == (503, "shutting-down")
        assert refused.headers["retry-after"] == "2"
    planner.gate.set()
    answer = await waiting
    assert answer.status_code == 200
    await leaving
    assert await other.roadmaps(ANA) == [answer.json()]
    assert await one.roadmaps(ANA) == [answer.json()]  # reads are served to the end


async def test_drain_waits_for_the_generation_of_another_instance(start: Start) -> None:
    """A double click on another instance gets the roadmap, if it ends in the drain."""
    one, other = await start(planner := GatedPlanner(4)), await start()
    waiting = [asyncio.create_task(one.client.post(PATH, json=REQUEST))]
    await planner.at_the_gate()
    waiting.append(asyncio.create_task(other.client.post(PATH, json=REQUEST)))
    await until_followed(other)
    leaving = asyncio.create_task(other.leave(PATIENCE_SECONDS))
    await asyncio.sleep(2 * POLL_SECONDS)
    assert not waiting[1].done()
    planner.gate.set()
    first, second = await asyncio.gather(*waiting)
    assert (first.status_code, second.content) == (200, first.content)
    await leaving


@pytest.mark.long(2)
async def test_followers_survive_a_passing_error(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request or stream that follows another instance retries its reads."""
    one, other = await start(planner := GatedPlanner(4)), await start()
    first = await request_to_gate(one, planner)
    second = asyncio.create_task(other.client.post(PATH, json=REQUEST))
    followed = asyncio.create_task(other.events(await begin(one)))
    await until_followed(other, 2)
    generations = other.store.generations
    read, looks = generations.read, itertools.count(1)

    async def fail_at_first(*asked: Any) -> object:  # noqa: ANN401  whatever the store takes
        if next(looks) <= 3:
            raise StoreUnavailableError("it restarts")
        return await read(*asked)

    monkeypatch.setattr(generations, "read", fail_at_first)
    await asyncio.sleep(2 * POLL_SECONDS)
    planner.gate.set()
    assert (await second).content == (await first).content
    assert (await followed)[-1]["event"] == "saved"


async def test_deleted_record_ends_all_that_wait_for_it(
    start: Start, backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    """An operator may delete a user's data at any time: no request waits for ever."""
    one = await start(planner := GatedPlanner(4))
    waiting = await request_to_gate(one, planner)
    location = await begin(one)
    # It may read only after the deletion: the answer is the same then.
    followed = asyncio.create_task(one.client.get(f"{location}/events"))
    await until_recorded(one, location, 4)
    backend.execute("delete from generation_events")
    backend.execute("delete from generations")
    planner.gate.set()
    answer = await waiting
    assert (answer.status_code, problem_of(answer)) == (404, "generation-not-found")
    assert ":generation-not-found" in (await followed).text
    assert "unexpectedly" not in caplog.text


async def test_recorded_end_outweighs_the_error_that_revealed_it(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancellation elsewhere is the answer, although a write failed, too."""
    one, other = await start(planner := GatedPlanner(PARTS - 1)), await start()
    waiting = await request_to_gate(one, planner)
    location = await begin(one)
    store = one.store

    async def fail(_: object) -> None:
        assert (await other.client.delete(location)).status_code == 200
        raise StoreMisconfiguredError("there is no such function")

    monkeypatch.setattr(store, "add_roadmap", fail)
    planner.gate.set()
    answer = await waiting
    assert (answer.status_code, problem_of(answer)) == (409, "generation-cancelled")


async def test_number_of_polls_is_bounded(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who would follow one generation too many gets a 503, as a request or as a stream."""
    monkeypatch.setattr(polling, "MAX_POLLS", 1)
    one, other = await start(planner := GatedPlanner(4)), await start()
    first = await request_to_gate(one, planner)
    second = asyncio.create_task(other.client.post(PATH, json=REQUEST))
    await until_followed(other)
    location = await begin(one, goal="Learn C")
    refused = await other.client.post(PATH, json=REQUEST | {"goal": "Learn C"})
    assert (refused.status_code, problem_of(refused)) == (503, "overloaded")
    assert refused.headers["retry-after"] == "60"
    assert refused.headers["location"] == location
    (event,) = await other.events(location)
    assert event["data"]["type"].endswith(":overloaded")
    assert "id" not in event
    # A finished generation needs no poll.
    created = await other.client.post(PATH, json=REQUEST | {"goal": "Learn Go"}, headers=KEY)
    again = await other.client.post(PATH, json=REQUEST | {"goal": "Learn Go"}, headers=KEY)
    assert (again.status_code, again.content) == (200, created.content)
    planner.gate.set()
    assert (await second).content == (await first).content


async def test_drain_ends_a_read_that_hangs(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Followers get their answer with the location in time, whatever the database does."""
    one, other = await start(planner := GatedPlanner(4)), await start()
    first = await request_to_gate(one, planner)
    location = await begin(one)
    generations = other.store.generations
    read, is_hanging, looks = generations.read, asyncio.Event(), []

    async def look(*asked: Any) -> object:  # noqa: ANN401  whatever the store takes
        if is_hanging.is_set():
            looks.append(asked)
            await asyncio.Future()
        return await read(*asked)

    monkeypatch.setattr(generations, "read", look)
    second = asyncio.create_task(other.client.post(PATH, json=REQUEST))
    followed = asyncio.create_task(other.events(location))
    await until_followed(other, 2)
    is_hanging.set()
    await until_true(lambda: bool(looks))
    await other.leave(0.2)
    async with asyncio.timeout(PATIENCE_SECONDS):
        answer = await second
        (*_, end) = await followed
    assert (answer.status_code, problem_of(answer)) == (503, "generation-handed-over")
    assert answer.headers["location"] == location
    assert end["data"]["type"].endswith(":generation-handed-over")
    assert "id" not in end
    planner.gate.set()
    assert (await first).status_code == 200


async def test_sweep_takes_nothing_over_in_the_drain(
    start: Start,
    backend: Backend,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It releases at once what it claims too late, without an error in the log."""
    one = await start(planner := GatedPlanner(4))
    generations = one.store.generations
    claim, claimed = generations.claim, asyncio.Event()

    async def claim_late(lease: Lease) -> object:
        record = await claim(lease)
        if record is not None:
            claimed.set()
            await asyncio.sleep(0.5)
        return record

    monkeypatch.setattr(generations, "claim", claim_late)
    await leave_behind(backend, 12)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await claimed.wait()
    await one.leave(0)
    assert planner.known == []
    assert "could not sweep" not in caplog.text
    other = await start()
    await other.until(location_in(backend), state="succeeded")


async def test_drain_plans_nothing_that_begins_too_late(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the record is written after the drain is over, the next instance resumes it."""
    one = await start(planner := GatedPlanner(4))
    generations = one.store.generations
    begin, recorded = generations.begin, asyncio.Event()

    async def begin_late(*asked: Any) -> object:  # noqa: ANN401  whatever the store takes
        record = await begin(*asked)
        recorded.set()
        await asyncio.sleep(0.5)
        return record

    monkeypatch.setattr(generations, "begin", begin_late)
    waiting = asyncio.create_task(one.client.post(PATH, json=REQUEST, headers=KEY))
    await recorded.wait()
    await one.leave(0)
    answer = await waiting
    assert (answer.status_code, problem_of(answer)) == (503, "generation-handed-over")
    assert planner.known == []
    other = await start()
    await other.until(answer.headers["location"], state="succeeded")


async def test_drain_before_the_first_step(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drain at the very moment that a generation begins still gives an answer."""
    one = await start(GatedPlanner(4))
    runs = one.state.runs
    start_run = runs.start

    async def start_and_stop(record: GenerationRecord, lease: Lease, *, is_new: bool) -> None:
        await start_run(record, lease, is_new=is_new)
        runs.begin_drain(0)
        run = runs.get(record.generation_id)
        assert run is not None
        run.task.cancel()

    monkeypatch.setattr(runs, "start", start_and_stop)
    answer = await one.client.post(PATH, json=REQUEST)
    assert (answer.status_code, problem_of(answer)) == (503, "generation-handed-over")


async def test_drain_hands_over_what_does_not_finish(start: Start) -> None:
    """The answer has the location; another instance resumes, and no part is planned twice."""
    one = await start(ending := GatedPlanner(12))
    waiting = await request_to_gate(one, ending, headers=KEY)
    # It records the remaining parts before it releases the lease.
    handing_over = asyncio.create_task(one.leave(0.3))
    answer = await waiting
    assert (answer.status_code, problem_of(answer)) == (503, "generation-handed-over")
    assert answer.headers["retry-after"] == "5"
    await handing_over
    location = answer.headers["location"]
    assert ending.running == 0
    assert (await one.status(location))["state"] == "running"
    other = await start(taking := GatedPlanner(PARTS))
    status = await other.until(location, state="succeeded")
    assert [list(known) for known in taking.known] == [ending.made]
    assert len(ending.made) + len(taking.made) == PARTS
    roadmap: dict[str, Any] = status["roadmap"]
    roadmap.pop("generation")
    assert await other.roadmaps(ANA) == [roadmap]
    again = await other.client.post(PATH, json=REQUEST, headers=KEY)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == roadmap
