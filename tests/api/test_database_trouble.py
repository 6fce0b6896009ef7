"""An SQLite file that is locked, read-only or full: a 503, and nothing is lost."""

import asyncio
import os
import resource
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from src.dao import Generations
from src.dao.sqlite import file as sqlite_file
from src.dao.sqlite.generations import SqliteGenerations
from src.dao.sqlite.store import SqliteStore
from src.domain.generation import Failure, SweepResult
from src.services.generation import recording
from src.services.generation import run as generation_run
from src.settings import Settings
from tests.api.replicas import GatedPlanner, Replica, replica, request_to_gate
from tests.support.backends import SqliteBackend, count, locked
from tests.support.learners import ANA, REQUEST
from tests.support.settings import isolated_settings
from tests.support.waiting import PATIENCE_SECONDS, until, until_true

PATH = "/generate_roadmap"
KEY = {"Idempotency-Key": "k"}
NOBODY = 65_534
PARTS = 1 + 2 * 8
"""The outline, and each week with its seven days."""


@pytest.fixture
def directory() -> Iterator[Path]:
    """Offer a directory that every user may write to."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o777)
        yield directory


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Offer settings with a short lease and a short wait for locks."""
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT_SECONDS", 0.1)
    return isolated_settings(
        monkeypatch, generation_lease_seconds=1, sweep_interval_seconds=3600, drain_seconds=0
    )


@asynccontextmanager
async def running(
    settings: Settings, directory: Path, planner: GatedPlanner | None = None
) -> AsyncIterator[Replica]:
    store = await SqliteStore.open(directory / "momentum.db")
    async with replica(settings, store, planner) as on:
        yield on


@contextmanager
def full(directory: Path) -> Iterator[None]:
    """Let no file of this process grow beyond the size of the database."""
    # A little more than the log has now, so that a transaction fails in the middle.
    limit = max(path.stat().st_size for path in directory.iterdir()) + 8 * 1024
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def read_only(directory: Path) -> Iterator[None]:
    """Make the files read-only, even for root."""
    files = list(directory.iterdir())
    user = os.geteuid()
    for path in files:
        path.chmod(0o444)
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        for path in files:
            if path.exists():
                path.chmod(0o644)


def assert_unavailable(answer: httpx.Response) -> None:
    """Assert that an answer is a 503 that reveals nothing about the file."""
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "urn:momentum-ai:problem:database-unavailable"
    assert answer.headers["retry-after"] == "5"
    assert "momentum.db" not in answer.text
    assert "sqlite" not in answer.text.lower()


async def content_of(on: Replica) -> list[Any]:
    """Return Ana's roadmaps, and the tasks of each."""
    roadmaps = await on.roadmaps(ANA)
    paths = [f"/roadmap/{roadmap['roadmap_id']}" for roadmap in roadmaps]
    return [roadmaps, *[(await on.client.get(path)).json() for path in paths]]


async def assert_writes_fail_and_reads_do_not(on: Replica, content: list[Any]) -> None:
    """Assert that every write is a 503, and that every read still works."""
    roadmap = content[0][0]
    task = content[1]["tasks"][0]
    update = {"task_id": task["id"], "completed": True}
    path = f"/roadmap/{roadmap['roadmap_id']}"
    assert_unavailable(await on.client.post(PATH, json=REQUEST | {"goal": "Go"}, headers=KEY))
    assert_unavailable(await on.client.post("/task/update", json=update))
    assert_unavailable(await on.client.delete(path, params={"user_id": ANA}))
    assert (await on.client.get("/health")).status_code == 200
    assert await content_of(on) == content


async def generate_at_last(on: Replica, body: dict[str, Any]) -> httpx.Response:
    """Repeat a request until the lease has expired that could not be released."""

    async def ask() -> httpx.Response | None:
        answer = await on.client.post(PATH, json=body, headers=KEY)
        return None if answer.status_code == httpx.codes.CONFLICT else answer

    created = await until(ask)
    assert created is not None
    assert created.status_code == httpx.codes.OK, created.text
    return created


async def assert_serves_again(on: Replica, content: list[Any]) -> None:
    """Assert that nothing was lost, and that the failed request now works, once."""
    assert await content_of(on) == content
    created = await on.client.post(PATH, json=REQUEST | {"goal": "Go"}, headers=KEY)
    assert created.status_code == 200, created.text
    assert await on.roadmaps(ANA) == [created.json(), *content[0]]


async def test_locked_file(settings: Settings, directory: Path) -> None:
    """While another process holds the lock, only writes fail."""
    async with running(settings, directory) as on:
        await on.client.post(PATH, json=REQUEST)
        content = await content_of(on)
        with locked(directory / "momentum.db"):
            await assert_writes_fail_and_reads_do_not(on, content)
        await assert_serves_again(on, content)


@pytest.mark.long(2)
async def test_read_only_file(settings: Settings, directory: Path) -> None:
    """The service starts, and serves reads."""
    async with running(settings, directory) as on:
        await on.client.post(PATH, json=REQUEST)
        content = await content_of(on)
    with read_only(directory):
        async with running(settings, directory) as on:
            await assert_writes_fail_and_reads_do_not(on, content)
    async with running(settings, directory) as on:
        await assert_serves_again(on, content)


async def test_full_disk(settings: Settings, directory: Path) -> None:
    """A roadmap that does not fit is not stored at all; it works once there is room."""
    body = REQUEST | {"goal": "Go", "duration_weeks": 52, "daily_hours": 8, "level": "advanced"}
    async with running(settings, directory) as on:
        await on.client.post(PATH, json=REQUEST)
        content = await content_of(on)
        with full(directory):
            assert_unavailable(await on.client.post(PATH, json=body, headers=KEY))
            assert await content_of(on) == content
        created = await generate_at_last(on, body)
        assert await on.roadmaps(ANA) == [created.json(), *content[0]]
    with closing(sqlite3.connect(directory / "momentum.db")) as database:
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]


async def test_trouble_in_mid_generation(settings: Settings, directory: Path) -> None:
    """The planned parts are kept, and the retry plans only the rest."""
    planner = GatedPlanner(12)
    async with running(settings, directory, planner) as on:
        waiting = await request_to_gate(on, planner, headers=KEY)
        location = (await on.client.post(PATH, json=REQUEST, headers=KEY)).headers["location"]
        await on.until(location, weeks_done=1)
        with locked(directory / "momentum.db"):
            planner.gate.set()
            answer = await waiting
            assert_unavailable(answer)
            assert answer.headers["location"] == location
            assert "may still be finished" in answer.json()["detail"]
            assert await on.roadmaps(ANA) == []
            assert (await on.status(location))["state"] == "running"
        created = await generate_at_last(on, REQUEST)
        assert len(planner.known[1]) >= 9
        assert await on.roadmaps(ANA) == [created.json()]


@pytest.mark.long(6)
async def test_trouble_that_passes_in_time(
    settings: Settings, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the lease lasts the parts wait for the database, and the client notices nothing."""
    monkeypatch.setattr(recording, "TRIES_PER_RENEWAL", 50)
    settings = settings.model_copy(update={"generation_lease_seconds": 20})
    planner = GatedPlanner(12)
    async with running(settings, directory, planner) as on:
        waiting = await request_to_gate(on, planner, headers=KEY)
        with locked(directory / "momentum.db"):
            planner.gate.set()
            await until_true(lambda: len(planner.made) == PARTS)
            await asyncio.sleep(3)
            assert not waiting.done()
        answer = await waiting
        assert answer.status_code == 200, answer.text
        assert len(planner.known) == 1
        assert await on.roadmaps(ANA) == [answer.json()]


@pytest.mark.long(4)
async def test_drain_keeps_the_last_parts(
    settings: Settings, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts that could not be written before the drain are written in it."""
    monkeypatch.setattr(generation_run, "RELEASE_SECONDS", PATIENCE_SECONDS)
    settings = settings.model_copy(update={"generation_lease_seconds": 60})
    planner, taking = GatedPlanner(4), GatedPlanner(PARTS)
    async with running(settings, directory, planner) as on:
        waiting = await request_to_gate(on, planner, headers=KEY)
        with locked(directory / "momentum.db"):
            planner.gate.set()
            await until_true(lambda: len(planner.made) == PARTS)
            leaving = asyncio.create_task(on.leave(0))
            await asyncio.sleep(0.2)
        await leaving
        assert (await waiting).status_code == 503
    async with running(settings, directory, taking) as on:
        created = await generate_at_last(on, REQUEST)
        assert [list(known) for known in taking.known] == [planner.made]
        assert await on.roadmaps(ANA) == [created.json()]


@pytest.mark.long(2)
async def test_drain_does_not_wait_for_a_database_that_hangs(
    settings: Settings, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client gets its answer while the lock is still held."""
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT_SECONDS", 2 * PATIENCE_SECONDS)
    planner = GatedPlanner(4)
    async with running(settings, directory, planner) as on:
        waiting = await request_to_gate(on, planner, headers=KEY)
        with locked(directory / "momentum.db"):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await on.leave(0)
                answer = await waiting
        assert (answer.status_code, answer.headers["location"][:13]) == (503, "/generations/")
        assert answer.json()["type"].endswith(":generation-handed-over")


@pytest.mark.long(2)
@pytest.mark.parametrize("step", ["begin", "claim"])
async def test_drain_does_not_wait_for_work_that_has_not_begun(
    settings: Settings, directory: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request or a sweep that waits for the lock is given up when the time is over."""
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT_SECONDS", 2 * PATIENCE_SECONDS)
    monkeypatch.setattr(SqliteGenerations, "sweep", find_nothing)  # goes straight on to the claim
    async with running(settings, directory) as on:
        has_begun = note_call(monkeypatch, on.store.generations, step)
        with locked(directory / "momentum.db"):
            requesting = asyncio.create_task(on.client.post(PATH, json=REQUEST))
            sweeping = asyncio.create_task(on.state.recovery.sweep())
            await has_begun.wait()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await on.leave(0)
                answer = await requesting
                await asyncio.wait({sweeping})
        assert answer.status_code in {503, 504}
        assert "retry-after" in answer.headers


@pytest.mark.long(2)
async def test_drain_stops_a_run_that_has_lost_its_lease(
    settings: Settings, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if this process works on the generation again, and the first run does not know yet."""
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT_SECONDS", 2 * PATIENCE_SECONDS)
    settings = settings.model_copy(update={"generation_lease_seconds": 600})
    planner = GatedPlanner(4)
    async with running(settings, directory, planner) as on:
        waiting = await request_to_gate(on, planner, headers=KEY)
        backend = SqliteBackend(directory / "momentum.db")
        await until_true(lambda: count(backend, "generation_events") == len(planner.made))
        backend.execute("update generations set lease_until = '2026-01-01'")
        await on.state.recovery.sweep()
        await until_true(lambda: planner.running == 2)
        with locked(directory / "momentum.db"):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await on.leave(0)
                answer = await waiting
        assert answer.json()["type"].endswith(":generation-handed-over")


async def find_nothing(_: SqliteGenerations, _failure: Failure) -> SweepResult:
    return SweepResult(roadmaps=0, generations=0)


def note_call(patch: pytest.MonkeyPatch, generations: Generations, step: str) -> asyncio.Event:
    """Return what is set once a step is called."""
    called, original = asyncio.Event(), getattr(generations, step)

    async def call(*args: object) -> object:
        called.set()
        return await original(*args)

    patch.setattr(generations, step, call)
    return called


@pytest.mark.parametrize("end", ["release", "cancel"])
async def test_second_end_while_the_database_is_busy(
    settings: Settings, directory: Path, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second end, before the lease could be released, still answers the client."""
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT_SECONDS", 5)
    planner = GatedPlanner(4)
    async with running(settings, directory, planner) as on:
        waiting = await request_to_gate(on, planner, headers=KEY)
        location = (await on.client.post(PATH, json=REQUEST, headers=KEY)).headers["location"]
        followed = asyncio.create_task(on.events(location))
        with locked(directory / "momentum.db"):
            leaving = asyncio.create_task(on.leave(0))
            await asyncio.sleep(0.2)
            assert not waiting.done()
            if end == "release":
                ending: asyncio.Task[object] = asyncio.create_task(on.state.runs.close())
            else:
                ending = asyncio.create_task(on.client.delete(location))
            await asyncio.sleep(0.1)
        await asyncio.gather(ending, leaving)
        answer = await waiting
        assert answer.status_code in {503, 409}, answer.text
        assert answer.headers["location"] == location
        assert (await followed)[-1]["event"] == "problem"
