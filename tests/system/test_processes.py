"""The service as processes, started as people and the platform start it."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from src.dao.sqlite.store import SqliteStore
from src.server.worker import LAME_DUCK_SECONDS
from tests.support.data_plane import DataPlane
from tests.support.learners import ANA, roadmap_request
from tests.support.plans import new_roadmap, stored
from tests.support.service import (
    ROOT,
    STOP_SECONDS,
    Server,
    failed_start,
    model_variables,
    running_service,
)
from tests.support.standin import OpenRouterStandIn, Pace
from tests.support.waiting import wait_until

ORIGIN = "http://localhost:3000"
ONE_WORKER = {"WEB_CONCURRENCY": "1"}
REQUEST = roadmap_request(goal="Learn the cello-canary by heart", duration_weeks=12)


def drive_every_endpoint(url: str) -> None:
    """Use the whole contract once, from generation to deletion."""
    with httpx.Client(base_url=url, timeout=30) as client:
        roadmap = client.post("/generate_roadmap", json=REQUEST).raise_for_status().json()
        path = f"/roadmap/{roadmap['roadmap_id']}"
        assert client.get("/roadmaps", params={"user_id": ANA}).json() == [roadmap]
        tasks = client.get(path).json()["tasks"]
        update = {"task_id": tasks[0]["id"], "completed": True}
        assert client.post("/task/update", json=update).json() == {"success": True}
        weeks = client.get(f"{path}/weeks").json()
        assert [week["completed_tasks"] for week in weeks] == [1] + [0] * 11
        assert client.get(f"{path}/week/1").json()["days"]["1"][0]["completed"] is True
        question = {
            "user_id": ANA,
            "roadmap_id": roadmap["roadmap_id"],
            "input_data": "What of the fugue-canary?",
        }
        assert client.post("/ask-assistant", json=question).json()["response"]
        assert client.delete(path, params={"user_id": ANA}).json() == {"success": True}
        assert client.get("/roadmaps", params={"user_id": ANA}).json() == []


def assert_clean_log(log: str) -> None:
    """Check that a log has no error and nothing of a learner: no id and no words."""
    assert "Traceback" not in log
    assert "ERROR" not in log
    assert "/generate_roadmap 200" in log
    for canary in (ANA, "cello-canary", "fugue-canary"):
        assert canary not in log


def example_variables() -> dict[str, str]:
    """Return what a copy of `.env.example` sets, which are placeholders."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert set(example) == {"SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY", "OPENAI_API_KEY"}
    return example


@pytest.mark.parametrize(
    ("server", "variables"), [("uvicorn", example_variables()), ("gunicorn", ONE_WORKER)]
)
def test_whole_contract_on_the_embedded_store(
    server: Server, variables: dict[str, str], tmp_path: Path
) -> None:
    """With nothing configured every endpoint works, and what was written survives a restart."""
    with running_service(server, tmp_path, variables) as service:
        drive_every_endpoint(service.url)
        made = httpx.post(f"{service.url}/generate_roadmap", json=REQUEST, timeout=30).json()
        assert service.stop() in {0, -signal.SIGTERM}  # uvicorn passes the signal on at its end
        assert_clean_log(service.log)
    with running_service(server, tmp_path, variables) as service:
        listed = httpx.get(f"{service.url}/roadmaps", params={"user_id": ANA}).json()
        assert listed == [made]


def test_whole_contract_on_supabase(
    data_plane: DataPlane, standin: OpenRouterStandIn, tmp_path: Path
) -> None:
    """In production, with two workers, Supabase and a model, every endpoint works."""
    production = {"RAILWAY_ENVIRONMENT": "production", "WEB_CONCURRENCY": "2"}
    variables = data_plane.variables | model_variables(standin) | production
    with running_service("gunicorn", tmp_path, variables) as service:
        drive_every_endpoint(service.url)
        assert service.stop() == 0
        assert_clean_log(service.log)
        assert data_plane.service_key not in service.log
        assert standin.api_key not in service.log
        lines = service.log.splitlines()
        assert all(line.startswith('{"message": ') for line in lines), lines
    assert data_plane.query("select count(*) from roadmaps") == [(0,)]


@contextmanager
def asking(url: str) -> Iterator["Future[httpx.Response]"]:
    """Ask for a roadmap on a thread, from a browser's page."""
    with ThreadPoolExecutor() as threads:
        yield threads.submit(
            lambda: httpx.post(
                f"{url}/generate_roadmap", json=REQUEST, headers={"Origin": ORIGIN}, timeout=60
            )
        )


def test_sigterm_lets_a_generation_finish(tmp_path: Path) -> None:
    """A deploy does not cut a roadmap off: the request ends, then the worker does.

    Until then it goes on reading, and says of new work when to come back.
    """
    with (
        OpenRouterStandIn(pace=Pace(first_token=2 * LAME_DUCK_SECONDS)) as standin,
        running_service("gunicorn", tmp_path, model_variables(standin) | ONE_WORKER) as service,
        asking(service.url) as request,
    ):
        wait_until(lambda: standin.calls.active)
        # As some platforms do it: to the workers, who then get it from the master, too.
        os.killpg(service.process.pid, signal.SIGTERM)
        time.sleep(1.5 * LAME_DUCK_SECONDS)
        other = REQUEST | {"goal": "Learn the viola"}
        refused = httpx.post(f"{service.url}/generate_roadmap", json=other)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        assert httpx.get(f"{service.url}/roadmaps", params={"user_id": ANA}).json() == []
        assert request.result().status_code == 200
        assert service.process.wait(STOP_SECONDS) == 0
        assert "Application shutdown complete" in service.log


def test_sigterm_ends_what_cannot_be_answered_in_time(tmp_path: Path) -> None:
    """A question that takes too long gets our own problem document, streamed or not.

    Until then requests are accepted.
    """

    async def add_roadmap() -> int:
        store = await SqliteStore.open(tmp_path / "momentum.db")
        roadmap = await stored(store, new_roadmap(UUID(ANA)))
        await store.close()
        return roadmap.roadmap_id

    roadmap_id = asyncio.run(add_roadmap())
    with (
        OpenRouterStandIn(pace=Pace(first_token=30)) as standin,
        running_service(
            "gunicorn", tmp_path, model_variables(standin) | ONE_WORKER | {"DRAIN_SECONDS": "5"}
        ) as service,
        ThreadPoolExecutor() as threads,
    ):
        question = {"user_id": ANA, "roadmap_id": roadmap_id, "input_data": "What is next?"}

        def ask(**headers: str) -> httpx.Response:
            headers["Origin"] = ORIGIN
            url = f"{service.url}/ask-assistant"
            return httpx.post(url, json=question, headers=headers, timeout=60)

        plain, watched = threads.submit(ask), threads.submit(ask, Accept="text/event-stream")
        wait_until(lambda: standin.calls.active == 2)
        service.process.terminate()
        time.sleep(1.5 * LAME_DUCK_SECONDS)
        assert httpx.get(f"{service.url}/health").status_code == 200
        assert not plain.done()
        answer = plain.result()
        assert answer.status_code == 503
        assert answer.json()["type"].endswith(":shutting-down")
        assert answer.headers["retry-after"] == "2"
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "event: problem" in watched.result().text
        assert ":shutting-down" in watched.result().text
        assert service.process.wait(STOP_SECONDS) == 0
        assert "Traceback" not in service.log


def test_sigterm_while_the_database_hangs(data_plane: DataPlane, tmp_path: Path) -> None:
    """A waiting client learns where to look, and the lifespan ends in time."""
    with OpenRouterStandIn(pace=Pace(first_token=30)) as standin:
        variables = data_plane.variables | model_variables(standin) | {"DRAIN_SECONDS": "1"}
        with (
            running_service("gunicorn", tmp_path, variables) as service,
            asking(service.url) as request,
        ):
            wait_until(lambda: standin.calls.active)
            with data_plane.postgrest.hanging():
                assert service.stop() == 0
                answer = request.result()
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert answer.json()["type"].endswith(":generation-handed-over")
            assert answer.headers["location"].startswith("/generations/")
            assert answer.headers["access-control-allow-origin"] == ORIGIN
            assert service.log.count("Application shutdown complete") == 2
            assert "Traceback" not in service.log


def test_idle_connection_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """A browser's kept-alive connection is closed at SIGTERM, not waited for."""
    with (
        running_service("gunicorn", tmp_path, ONE_WORKER) as service,
        httpx.Client(base_url=service.url) as client,
    ):
        client.get("/health")
        began = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - began < 10


PRODUCTION = {"RAILWAY_ENVIRONMENT": "production"}


@pytest.mark.parametrize(
    ("server", "variables", "reason"),
    [
        ("uvicorn", PRODUCTION, "SUPABASE_URL is missing"),
        ("gunicorn", PRODUCTION, "SUPABASE_URL is missing"),
        (
            "gunicorn",
            {"SUPABASE_URL": "https://x.example"},
            "SUPABASE_SERVICE_ROLE_KEY is missing",
        ),
        ("gunicorn", {"SUPABASE_SERVICE_ROLE_KEY": "key-canary"}, "SUPABASE_URL is missing"),
        ("uvicorn", {"STORE_TIMEOUT_SECONDS": "key-canary"}, "STORE_TIMEOUT_SECONDS: "),
    ],
)
def test_start_is_refused_with_one_line(
    server: Server, variables: dict[str, str], reason: str, tmp_path: Path
) -> None:
    """What is missing or malformed stops the start, and one line names the variable."""
    lines = failed_start(server, tmp_path, variables).strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("Momentum-AI cannot start: ")
    assert reason in lines[0]
    assert "key-canary" not in lines[0]


def test_procfile_and_railway_start_the_same() -> None:
    """Whichever of the two the platform reads, it starts the same command."""
    railway = json.loads((ROOT / "railway.json").read_text())
    assert f"web: {railway['deploy']['startCommand']}" == (ROOT / "Procfile").read_text().strip()
