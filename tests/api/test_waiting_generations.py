"""Generations over HTTP whose model's provider asks for a pause."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from src.domain.errors import ModelUnavailableError
from src.services.generation.recovery import GenerationRecovery
from src.settings import Settings
from tests.api.replicas import GatedPlanner, Start, events_in
from tests.support.backends import Backend, count
from tests.support.learners import ANA, REQUEST
from tests.support.settings import isolated_settings

PATH = "/generate_roadmap"
KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
STREAM = {"Accept": "text/event-stream"}
RESPOND_ASYNC = {"Prefer": "respond-async"}
PAUSE_SECONDS = 3600
SOME_PARTS = 12
ALL_PARTS = 1 + 2 * 8
"""The outline, and each week with its seven days."""


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Offer settings under which sweeps come often."""
    return isolated_settings(monkeypatch, sweep_interval_seconds=0.2, generations_at_once=1)


def paused_planner(parts: int = SOME_PARTS, pause: float = PAUSE_SECONDS) -> GatedPlanner:
    """Return a planner whose provider asks for a pause after so many parts."""
    planner = GatedPlanner(parts, ModelUnavailableError("429", pause))
    planner.gate.set()
    return planner


def end_wait(backend: Backend) -> None:
    past = "2026-01-01T00:00:00.000000+00:00"
    backend.execute(f"update generations set resume_at = '{past}', lease_until = '{past}'")  # noqa: S608  ours


def assert_says_when(answer: httpx.Response, location: str | None = None) -> str:
    """Check an answer that sends the client away until the pause is over; return `Location`."""
    assert answer.status_code == 503, answer.text
    problem = answer.json()
    assert problem["type"] == "urn:momentum-ai:problem:generation-waiting"
    assert PAUSE_SECONDS - 60 <= int(answer.headers["retry-after"]) <= PAUSE_SECONDS
    assert_is_in_an_hour(problem["resume_at"])
    assert "60 minutes" in problem["detail"]
    found: str = answer.headers["location"]
    assert found.startswith("/generations/")
    assert location in {None, found}
    return found


def assert_is_in_an_hour(resume_at: str) -> None:
    pause = datetime.fromisoformat(resume_at) - datetime.now(UTC)
    assert timedelta(seconds=PAUSE_SECONDS - 60) < pause <= timedelta(seconds=PAUSE_SECONDS)


@pytest.mark.parametrize("headers", [{}, KEY])
async def test_answer_says_when_and_where_it_continues(
    start: Start, backend: Backend, headers: dict[str, str]
) -> None:
    """The same request meets it, however it is sent, and neither begins nor counts another one."""
    one, other = await start(paused_planner()), await start()
    location = assert_says_when(await one.client.post(PATH, json=REQUEST, headers=headers))
    for on in (one, other):
        for more in ({}, STREAM, RESPOND_ASYNC):
            again = await on.client.post(PATH, json=REQUEST, headers=headers | more)
            assert_says_when(again, location)
        status = await on.status(location)
        assert (status["state"], status["problem"], status["finished_at"]) == (
            "waiting",
            None,
            None,
        )
        assert_is_in_an_hour(status["resume_at"])
    assert count(backend, "generations") == 1
    assert count(backend, "generation_events") == SOME_PARTS
    assert one.state.runs.get(UUID(location[-36:])) is None
    assert await one.roadmaps(ANA) == []


async def test_key_of_a_waiting_generation_stands_for_one_request(start: Start) -> None:
    """Under it nothing else is generated."""
    on = await start(paused_planner())
    await on.client.post(PATH, json=REQUEST, headers=KEY)
    reused = await on.client.post(PATH, json=REQUEST | {"goal": "Learn Go"}, headers=KEY)
    assert reused.status_code == 422
    assert reused.json()["type"].endswith(":idempotency-key-reused")


async def test_it_counts_among_those_at_once(start: Start) -> None:
    """It continues without another request, so another one has to wait for it."""
    on = await start(paused_planner())
    location = assert_says_when(await on.client.post(PATH, json=REQUEST))
    other = REQUEST | {"goal": "Learn Go"}
    refused = await on.client.post(PATH, json=other)
    assert (refused.status_code, refused.json()["type"][-14:]) == (429, ":limit-reached")
    assert (await on.client.delete(location)).status_code == 200
    assert_says_when(await on.client.post(PATH, json=other))


async def test_stream_ends_with_when_it_continues(start: Start) -> None:
    """After all parts, with a problem without a number: that is not the end."""
    one, other = await start(paused_planner()), await start()
    answer = await one.client.post(PATH, json=REQUEST, headers=STREAM)
    assert answer.status_code == 200
    location = answer.headers["location"]
    for events in (
        events_in(answer.text),
        await one.events(location),
        await other.events(location),
    ):
        *parts, end = events
        assert [event["id"] for event in parts] == [str(n) for n in range(1, SOME_PARTS + 1)]
        assert_is_the_pause(end)
    (end,) = await other.events(location, SOME_PARTS)
    assert_is_the_pause(end)


def assert_is_the_pause(event: dict[str, Any]) -> None:
    assert event["event"] == "problem"
    assert "id" not in event
    assert event["data"]["type"].endswith(":generation-waiting")
    assert event["data"]["status"] == 503
    assert_is_in_an_hour(event["data"]["resume_at"])


async def test_any_instance_continues_it_afterwards(start: Start, backend: Backend) -> None:
    """It plans what is missing alone; the client that comes back gets the roadmap."""
    one = await start(paused := paused_planner())
    location = assert_says_when(await one.client.post(PATH, json=REQUEST, headers=KEY))
    await one.leave(0)
    other = await start(planner := GatedPlanner(ALL_PARTS))
    assert_says_when(await other.client.post(PATH, json=REQUEST, headers=KEY), location)
    assert planner.known == []
    end_wait(backend)
    done = await other.until(location, state="succeeded")
    assert [list(known) for known in planner.known] == [paused.made]
    assert len(planner.made) == ALL_PARTS - SOME_PARTS
    assert done["resume_at"] is None
    replayed = await other.client.post(PATH, json=REQUEST, headers=KEY)
    assert replayed.headers["idempotency-replayed"] == "true"
    assert await other.roadmaps(ANA) == [replayed.json()]


@pytest.mark.parametrize("headers", [{}, KEY])
async def test_same_request_continues_it_afterwards(
    start: Start, monkeypatch: pytest.MonkeyPatch, backend: Backend, headers: dict[str, str]
) -> None:
    """A learner who asks again does not wait for a sweep."""

    async def do_nothing(_: GenerationRecovery) -> None:
        pass

    monkeypatch.setattr(GenerationRecovery, "sweep", do_nothing)
    one, other = await start(paused_planner()), await start(planner := GatedPlanner(ALL_PARTS))
    location = assert_says_when(await one.client.post(PATH, json=REQUEST, headers=headers))
    end_wait(backend)
    assert (await other.status(location))["state"] == "waiting"
    answer = await other.client.post(PATH, json=REQUEST, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["location"] == location
    assert len(planner.made) == ALL_PARTS - SOME_PARTS
    assert await other.roadmaps(ANA) == [answer.json()]


async def test_it_can_be_cancelled(start: Start, backend: Backend) -> None:
    """Nobody continues it, and its key is free."""
    one = await start(paused_planner())
    location = assert_says_when(await one.client.post(PATH, json=REQUEST, headers=KEY))
    await one.leave(0)
    other = await start()
    assert (await other.client.delete(location)).json() == {"success": True}
    end_wait(backend)
    status = await other.status(location)
    assert (status["state"], status["resume_at"]) == ("cancelled", None)
    assert (await other.client.post(PATH, json=REQUEST, headers=KEY)).status_code == 200


async def test_pause_of_more_than_a_day_fails(start: Start, backend: Backend) -> None:
    """The answer is that of a model that is unavailable, and the key is free."""
    on = await start(paused_planner(pause=90_000))
    failed = await on.client.post(PATH, json=REQUEST, headers=KEY)
    assert (failed.status_code, failed.json()["type"][-18:]) == (503, ":model-unavailable")
    ((generation_id,),) = backend.query("select generation_id from generations")
    (*_, end) = await on.events(f"/generations/{generation_id}")
    assert (end["event"], end["id"]) == ("problem", str(SOME_PARTS + 1))


@pytest.mark.parametrize("pause", [None, 0])
async def test_failure_without_a_time_is_a_failure(start: Start, pause: float | None) -> None:
    """Only a provider that says when to come back is waited for."""
    planner = GatedPlanner(SOME_PARTS, ModelUnavailableError("503", pause))
    planner.gate.set()
    on = await start(planner)
    answer = await on.client.post(PATH, json=REQUEST)
    assert (answer.status_code, answer.json()["type"][-18:]) == (503, ":model-unavailable")
    assert "resume_at" not in answer.json()
