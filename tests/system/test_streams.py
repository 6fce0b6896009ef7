"""Generations and answers as event streams, over a real socket."""

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from api import create_app
from tests.support.learners import ANA, roadmap_request
from tests.support.service import serving
from tests.support.settings import isolated_settings, model_settings
from tests.support.standin import OpenRouterStandIn, Pace
from tests.support.waiting import wait_until

REQUEST = roadmap_request(duration_weeks=3)
STREAM = {"Accept": "text/event-stream"}

Event = tuple[str, Any, str, float]


@pytest.fixture
def standin() -> Iterator[OpenRouterStandIn]:
    with OpenRouterStandIn(pace=Pace(first_token=0.05, tokens_per_second=600)) as standin:
        yield standin


@pytest.fixture
def url(
    standin: OpenRouterStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[str]:
    """Serve the API, with the stand-in as its model."""
    settings = isolated_settings(
        monkeypatch,
        **model_settings(standin),
        sqlite_path=tmp_path / "momentum.db",
        model_retry_wait_seconds=0.02,
    )
    with serving(create_app(settings)) as url:
        yield url


def read_events(response: httpx.Response) -> Iterator[Event]:
    """Yield each event's name, data and id, and when it arrived."""
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield (
                fields["event"],
                json.loads(fields["data"]),
                fields.get("id", ""),
                time.monotonic(),
            )
            fields = {}


def watch(url: str, body: dict[str, Any]) -> tuple[httpx.Response, list[Event]]:
    with httpx.stream("POST", url, json=body, headers=STREAM, timeout=60) as response:
        response.read() if response.status_code != httpx.codes.OK else None
        return response, list(read_events(response)) if response.is_success else []


def test_days_arrive_while_the_plan_is_made(url: str) -> None:
    """Days come before the plan is complete, the saved roadmap last, under growing ids."""
    response, events = watch(f"{url}/generate_roadmap", REQUEST)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["cache-control"] == "no-store, no-transform"
    assert response.headers["momentum-planner"] == "openrouter"
    names = [name for name, *_ in events]
    assert names.count("outline") == 1
    assert names.count("day") == 21
    assert names.count("week") == 3
    assert names[-1] == "saved"
    assert [identifier for _, _, identifier, _ in events] == [
        str(number) for number in range(1, len(events) + 1)
    ]
    assert events[-1][3] - events[names.index("day")][3] > 0.5
    days = [data for name, data, *_ in events if name == "day"]
    assert {(day["week_number"], day["day"]["day_number"]) for day in days} == {
        (week, day) for week in (1, 2, 3) for day in range(1, 8)
    }
    saved = events[-1][1]
    stored = httpx.get(f"{url}/roadmap/{saved['roadmap_id']}").json()["tasks"]
    streamed = sorted(
        (
            (day["week_number"], day["day"]["day_number"], position),
            (task["text"], task["estimated_minutes"]),
        )
        for day in days
        for position, task in enumerate(day["day"]["tasks"])
    )
    assert [(task["task_text"], task["estimated_minutes"]) for task in stored] == [
        task for _, task in streamed
    ]


def test_saved_accounts_for_the_generation(
    url: str, standin: OpenRouterStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    """The model, calls, retries, tokens, cost and times are in the event and in one log line."""
    caplog.set_level(logging.INFO, logger="src")
    standin.script.fail_when("malformed_json", kind="week", week=2, times=1)
    _, events = watch(f"{url}/generate_roadmap", REQUEST)
    figures = events[-1][1]["generation"]
    assert figures["model"] == "openai/gpt-4o-mini"
    assert figures["calls"] == len(standin.calls.all()) >= 7
    assert figures["retries"] == figures["calls"] - 7
    assert figures["prompt_tokens"] > 0
    assert figures["completion_tokens"] > 1000
    assert figures["cost_dollars"] > 0
    assert 0 < figures["first_day_seconds"] < figures["total_seconds"]
    (line,) = [r.getMessage() for r in caplog.records if "generated roadmap" in r.getMessage()]
    for name, value in figures.items():
        assert f"{name}={value!r}" in line
    assert REQUEST["goal"] not in caplog.text
    assert ANA not in caplog.text


def test_weeks_are_planned_side_by_side(url: str, standin: OpenRouterStandIn) -> None:
    """Several calls run at once, the first week's before the outline is complete."""
    standin.pace = Pace(first_token=0.05, tokens_per_second=100)  # outlasts a busy machine's pauses
    watch(f"{url}/generate_roadmap", REQUEST)
    assert standin.calls.concurrent_peak >= 4
    calls = standin.calls.all()
    outline = next(call for call in calls if call.kind == "outline")
    first_week = next(call for call in calls if call.week_number == 1)
    assert outline.ended_at is not None
    assert first_week.started_at < outline.ended_at


def test_problem_is_an_event(url: str, standin: OpenRouterStandIn) -> None:
    """A failure after the stream began is an event with the usual problem document."""
    standin.script.fail_always("status_402")
    response, events = watch(f"{url}/generate_roadmap", REQUEST)
    assert response.status_code == 200
    ((name, problem, *_),) = events
    assert name == "problem"
    assert (problem["status"], problem["title"]) == (503, "Model misconfigured")
    assert problem["request_id"] == response.headers["x-request-id"]
    assert httpx.get(f"{url}/roadmaps", params={"user_id": ANA}).json() == []


def test_roadmap_is_saved_after_a_disconnect(url: str) -> None:
    """If the client disconnects, generation continues and the roadmap is listed."""
    with httpx.stream("POST", f"{url}/generate_roadmap", json=REQUEST, headers=STREAM) as response:
        next(read_events(response))
    listed = wait_until(lambda: httpx.get(f"{url}/roadmaps", params={"user_id": ANA}).json())
    tasks = httpx.get(f"{url}/roadmap/{listed[0]['roadmap_id']}").json()["tasks"]
    assert len({(task["week_number"], task["day_number"]) for task in tasks}) == 21


def test_shutdown_cancels_what_runs(
    standin: OpenRouterStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A generation that runs when the service stops is cancelled, and so are its model calls."""
    standin.script.fail_when("silence", kind="week")
    settings = isolated_settings(
        monkeypatch, **model_settings(standin), sqlite_path=tmp_path / "momentum.db"
    )
    with serving(create_app(settings)) as url:
        watcher = threading.Thread(target=_ignore_errors, args=(f"{url}/generate_roadmap",))
        watcher.start()
        wait_until(lambda: any(call.kind == "week" for call in standin.calls.all()))
        with httpx.stream("POST", f"{url}/generate_roadmap", json=REQUEST, headers=STREAM):
            pass
    watcher.join()
    wait_until(lambda: not standin.calls.active)


def _ignore_errors(url: str) -> None:
    with suppress(httpx.HTTPError):
        watch(url, REQUEST)


def test_answer_arrives_token_by_token(url: str) -> None:
    """The tokens joined are the answer, which comes last."""
    roadmap = httpx.post(f"{url}/generate_roadmap", json=REQUEST, timeout=60).json()
    question = {"user_id": ANA, "roadmap_id": roadmap["roadmap_id"], "input_data": "What now?"}
    response, events = watch(f"{url}/ask-assistant", question)
    assert response.is_success
    *tokens, (name, answer, *_) = events
    assert {token for token, *_ in tokens} == {"token"}
    assert len(tokens) > 1
    assert name == "answer"
    assert "".join(data for _, data, *_ in tokens) == answer["response"]
    assert answer["sources"] == []
    times = [moment for *_, moment in events]
    assert all(before <= after for before, after in pairwise(times))
    response, _ = watch(f"{url}/ask-assistant", question | {"roadmap_id": 999})
    assert response.status_code == 404
