"""A deploy over release 0.1: for a while its workers and this release's share one database."""

import io
import re
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from src.domain.plan import PlanRequest
from tests.support.data_plane import Database, DataPlane, Postgres, running_data_plane
from tests.support.learners import ANA, BEN
from tests.support.plans import roadmap_violations
from tests.support.service import (
    ROOT,
    Server,
    Service,
    failed_start,
    free_port,
    model_variables,
    running_process,
    running_service,
    uvicorn_command,
)
from tests.support.standin import OpenRouterStandIn
from tests.support.waiting import wait_until

RELEASE_0_1 = "bd3bcbc"
"""The last commit of release 0.1."""

PROTOCOL = "src.server.bounded_http:BoundedHttpProtocol"
PROTOCOL_OF_0_1 = "src.http_protocol:BoundedH11Protocol"

CEM = "11111111-1111-4111-8111-111111111111"
PATIENCE_SECONDS = 40
RESERVED_DOLLARS = 0.5
"""For each week: more than any call costs, so that no reservation equals a cost."""
KEY = {"Idempotency-Key": "keyed"}
SETTINGS = {
    "GENERATION_LEASE_SECONDS": "3",
    "SWEEP_INTERVAL_SECONDS": "1",
    "MODEL_RETRY_WAIT_SECONDS": "0.01",
    "RESERVED_DOLLARS_PER_WEEK": str(RESERVED_DOLLARS),
    "RESERVED_DOLLARS_PER_QUESTION": str(RESERVED_DOLLARS),
}


@dataclass(frozen=True)
class Written:
    """What a release wrote for one user."""

    user_id: str
    roadmap: dict[str, Any]
    failed: str
    """The path of the generation that failed."""
    cancelled: str


@dataclass(frozen=True)
class Deploy:
    """A deploy in progress: both releases serve the same database."""

    database: Database
    standin: OpenRouterStandIn
    old: Service
    new: Service
    written: list[Written]
    """By release 0.1: for Ana on its own schema, for Ben on the new one."""
    dollars_on_old_schema: list[float]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Offer release 0.1 as a directory."""
    archive = subprocess.run(
        ["git", "archive", RELEASE_0_1],  # noqa: S607  whichever git there is
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if archive.returncode:
        pytest.skip("needs the repository's history: release 0.1 is not in a source archive")
    directory = tmp_path_factory.mktemp("release_0_1")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(directory, filter="data")
    return directory


@pytest.fixture(scope="module")
def old_project(postgres: Postgres, release: Path) -> Iterator[DataPlane]:
    """Offer a project with the schema of release 0.1."""
    with postgres.database() as database, running_data_plane(database) as plane:
        database.run_file(release / "src" / "dao" / "schema.sql")
        plane.reload_schema()
        yield plane


def variables_of(plane: DataPlane, standin: OpenRouterStandIn) -> dict[str, str]:
    return plane.variables | model_variables(standin) | SETTINGS


def running_release_0_1(
    release: Path, directory: Path, variables: dict[str, str]
) -> AbstractContextManager[Service]:
    """Start release 0.1 with this environment's Python."""
    port = free_port()
    command = [PROTOCOL_OF_0_1 if word == PROTOCOL else word for word in uvicorn_command(port)]
    # Its modules come before ours: this release has no `src.http_protocol`.
    command += ["--app-dir", str(release)]
    return running_process(command, port, directory, variables)


def begin(client: httpx.Client, user_id: str, goal: str, weeks: int = 1) -> str:
    body = request_of(user_id, goal, weeks)
    answer = client.post("/generate_roadmap", json=body, headers={"Prefer": "respond-async"})
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    return answer.headers["Location"]


def request_of(user_id: str, goal: str, weeks: int = 1) -> dict[str, Any]:
    shape = {"duration_weeks": weeks, "daily_hours": 2, "level": "intermediate"}
    return {"user_id": user_id, "goal": goal, **shape}


def finished(client: httpx.Client, path: str) -> dict[str, Any]:
    def find() -> dict[str, Any] | None:
        status: dict[str, Any] = client.get(path).raise_for_status().json()
        return status if status["state"] != "running" else None

    status = wait_until(find)
    assert status is not None
    return status


def write_everything(url: str, standin: OpenRouterStandIn, user_id: str) -> Written:
    """Generate a keyed roadmap, ask about it, let one generation fail, and cancel another."""
    with httpx.Client(base_url=url, timeout=PATIENCE_SECONDS) as client:
        answer = client.post("/generate_roadmap", json=request_of(user_id, "Learn Go"), headers=KEY)
        roadmap = answer.raise_for_status().json()
        question = {"user_id": user_id, "roadmap_id": roadmap["roadmap_id"], "input_data": "Why?"}
        client.post("/ask-assistant", json=question).raise_for_status()
        standin.script.fail_always("malformed_json")
        failed = begin(client, user_id, "Learn C")
        finished(client, failed)
        standin.script.reset()
        standin.script.fail_always("silence")
        cancelled = begin(client, user_id, "Learn D")
        wait_until(lambda: standin.calls.active)
        client.delete(cancelled).raise_for_status()
        standin.script.reset()
    return Written(user_id, roadmap, failed, cancelled)


def dollars_of(database: Database, user_id: str) -> list[float]:
    """Return what each entry of a user counts towards the budget, in the order of their starts."""
    rows = database.query(
        f"select dollars from ledger where user_id = '{user_id}' order by started_at"  # noqa: S608  a constant
    )
    return [dollars for (dollars,) in rows]


@pytest.fixture(scope="module")
def deploy(
    old_project: DataPlane, release: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deploy]:
    """Offer a deploy: the new schema while release 0.1 runs, then this release beside it."""
    with ExitStack() as stack:
        standin = stack.enter_context(OpenRouterStandIn())
        variables = variables_of(old_project, standin)
        directory = tmp_path_factory.mktemp("old")
        old = stack.enter_context(running_release_0_1(release, directory, variables))
        before = write_everything(old.url, standin, ANA)
        dollars = dollars_of(old_project.database, ANA)
        old_project.apply_schema()
        after = write_everything(old.url, standin, BEN)
        new = stack.enter_context(
            running_service("uvicorn", tmp_path_factory.mktemp("new"), variables)
        )
        yield Deploy(old_project.database, standin, old, new, [before, after], dollars)


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn"])
def test_this_release_refuses_the_old_schema(
    server: Server,
    new_project: DataPlane,
    standin: OpenRouterStandIn,
    release: Path,
    tmp_path: Path,
) -> None:
    """It ends with one line that says what to do, and no traceback."""
    new_project.database.run_file(release / "src" / "dao" / "schema.sql")
    new_project.reload_schema()
    # Gunicorn's master says it for all workers, uvicorn's workers each for themselves.
    workers = {"WEB_CONCURRENCY": "2" if server == "gunicorn" else "1"}
    log = failed_start(server, tmp_path, variables_of(new_project, standin) | workers)
    refusals = [line for line in log.splitlines() if "cannot start" in line]
    assert len(refusals) == 1, log
    assert "src/dao/schema.sql" in refusals[0]
    assert "Traceback" not in log


def test_ledger_counts_what_release_0_1_writes(deploy: Deploy) -> None:
    """The same writes count the same on both schemas, and what was there before stays as it is."""
    roadmap, question, failure, cancellation = deploy.dollars_on_old_schema
    assert 0 < question < roadmap < RESERVED_DOLLARS
    assert failure == cancellation == RESERVED_DOLLARS
    assert dollars_of(deploy.database, ANA) == deploy.dollars_on_old_schema
    assert dollars_of(deploy.database, BEN) == deploy.dollars_on_old_schema


@pytest.mark.parametrize("number", [0, 1], ids=["on its schema", "on the new schema"])
def test_this_release_reads_what_release_0_1_stored(deploy: Deploy, number: int) -> None:
    """A keyed retry gets the same roadmap, and each generation says how it ended."""
    written = deploy.written[number]
    with httpx.Client(base_url=deploy.new.url, timeout=PATIENCE_SECONDS) as client:
        request = request_of(written.user_id, "Learn Go")
        replayed = client.post("/generate_roadmap", json=request, headers=KEY)
        assert replayed.status_code == httpx.codes.OK, replayed.text
        assert replayed.headers["Idempotency-Replayed"] == "true"
        assert replayed.json() == written.roadmap
        listed = client.get("/roadmaps", params={"user_id": written.user_id}).json()
        assert [row["roadmap_id"] for row in listed] == [written.roadmap["roadmap_id"]]
        failed = client.get(written.failed).json()
        cancelled = client.get(written.cancelled).json()
    assert failed["state"] == "failed"
    assert failed["problem"]["type"] == "urn:momentum-ai:problem:model-output-unusable"
    assert cancelled["state"] == "cancelled"
    assert cancelled["problem"]["type"] == "urn:momentum-ai:problem:generation-cancelled"


def test_release_0_1_serves_what_this_release_stored(deploy: Deploy) -> None:
    """A retry that an old worker answers gets the roadmap of a new one."""
    request = request_of(CEM, "Learn Zig")
    first, replayed = (
        httpx.post(
            f"{service.url}/generate_roadmap", json=request, headers=KEY, timeout=PATIENCE_SECONDS
        ).raise_for_status()
        for service in (deploy.new, deploy.old)
    )
    assert replayed.headers["Idempotency-Replayed"] == "true"
    assert replayed.json() == first.json()


@pytest.mark.parametrize("writer", ["old", "new"])
def test_both_releases_stream_the_same_events(deploy: Deploy, writer: str) -> None:
    """Whichever stored them, and whichever sends them: a client may meet both."""
    path = deploy.written[1].failed
    if writer == "new":
        with httpx.Client(base_url=deploy.new.url, timeout=PATIENCE_SECONDS) as client:
            path = begin(client, CEM, "Learn Ada")
            finished(client, path)
    streams = [
        httpx.get(f"{service.url}{path}/events", timeout=PATIENCE_SECONDS).raise_for_status().text
        for service in (deploy.old, deploy.new)
    ]
    ids = [re.findall(r"(?m)^id: (\d+)", stream) for stream in streams]
    names = [re.findall(r"(?m)^event: (\w+)", stream) for stream in streams]
    assert ids[0] == ids[1] == [str(number) for number in range(1, len(ids[0]) + 1)]
    assert names[0] == names[1]
    assert names[0][-1] == ("problem" if writer == "old" else "saved")


def test_this_release_continues_what_an_old_worker_left(deploy: Deploy) -> None:
    """It buys no recorded part again, and counts the reservation for calls that got lost."""
    database, standin = deploy.database, deploy.standin
    with httpx.Client(base_url=deploy.new.url, timeout=PATIENCE_SECONDS) as client:
        standin.reset()
        standin.script.fail_when("silence", kind="week", week=2)
        with httpx.Client(base_url=deploy.old.url) as old_client:
            left = begin(old_client, CEM, "Learn Rust", weeks=2)
        wait_until(lambda: client.get(left).json()["weeks_done"])
        deploy.old.process.kill()
        deploy.old.process.wait()
        standin.reset()
        status = finished(client, left)
        assert status["state"] == "succeeded", status
        tasks = client.get(f"/roadmap/{status['roadmap']['roadmap_id']}").json()["tasks"]
    assert {call.week_number for call in standin.calls.all()} == {2}
    # What release 0.1 planned has no minutes.
    assert {task["estimated_minutes"] for task in tasks if task["week_number"] == 1} == {None}
    assert all(task["estimated_minutes"] for task in tasks if task["week_number"] == 2)
    shape = PlanRequest.model_validate(request_of(CEM, "Learn Rust", weeks=2))
    timed = [{**task, "estimated_minutes": task["estimated_minutes"] or 5} for task in tasks]
    assert roadmap_violations(shape, timed) == []
    assert max(dollars_of(database, CEM)) == 2 * RESERVED_DOLLARS
    for service in (deploy.old, deploy.new):
        assert "Traceback" not in service.log
    assert "could not" not in deploy.new.log
    # A sweep that waits while the schema is applied meets a row that has grown; the next does not.
    assert set(re.findall(r"could not \w+", deploy.old.log)) <= {"could not sweep"}
