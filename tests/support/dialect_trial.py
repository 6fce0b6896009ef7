"""Tries the service on a server that speaks a dialect: a roadmap and a question, twice."""

import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from api import create_app
from src.domain.plan import PlanRequest
from tests.support.learners import ANA, roadmap_request
from tests.support.plans import roadmap_violations
from tests.support.settings import isolated_settings
from tests.support.standin.dialects import Dialect, DialectStandIn
from tests.support.standin.dialects.dialect import WORKS
from tests.support.standin.speech import DRAFT

MAX_FURTHER_CALLS = 3
"""On first contact, beside a client that was configured by hand. None afterwards."""

MAX_CALLS_TO_A_PROBLEM = 4

TRACES_OF_THINKING = (DRAFT, "<think>", "</think>", "<|channel|>")


@dataclass(frozen=True)
class Contact:
    """One roadmap and one question: their outcomes in a few words, and the calls they took."""

    roadmap: str
    roadmap_calls: int
    question: str
    question_calls: int

    @property
    def calls(self) -> int:
        return self.roadmap_calls + self.question_calls

    @property
    def outcomes(self) -> tuple[str, str]:
        return self.roadmap, self.question


@dataclass(frozen=True)
class Trial:
    """What came of a dialect."""

    dialect: Dialect
    first: Contact
    second: Contact
    third: Contact | None
    """Only on a server that limits the calls at once: the second may be the first to find out."""
    seconds: float

    @property
    def last(self) -> Contact:
        return self.third or self.second

    def further_calls(self, plain_calls: int) -> int:
        """Return how many calls it took to find the dialect out."""
        found_out = self.first.calls - self.calls_by_hand(plain_calls)
        return found_out + (self.second.calls - plain_calls if self.third else 0)

    def calls_by_hand(self, plain_calls: int) -> int:
        """Return the calls of a first contact by a client that is configured for this server.

        `plain_calls` are those on an obedient server; errors that pass cost one more each.
        """
        return plain_calls + self.dialect.passing_errors

    def faults(self, plain_calls: int) -> list[str]:
        """Return what is not as it should be, empty if all is."""
        found = [
            f"{name} of the {place} contact: {outcome} instead of {expected}"
            for place, contact in (("first", self.first), ("last", self.last))
            for name, outcome, expected in zip(
                ("roadmap", "question"), contact.outcomes, self.dialect.expected, strict=True
            )
            if outcome != expected
        ]
        if found:
            return found
        if self.dialect.problem:
            most = max(
                *(contact.roadmap_calls for contact in (self.first, self.last)),
                *(contact.question_calls for contact in (self.first, self.last)),
            )
            return [f"{most} calls to a problem"] if most > MAX_CALLS_TO_A_PROBLEM else []
        further = self.further_calls(plain_calls)
        if further > MAX_FURTHER_CALLS:
            found.append(f"{further} calls more on first contact")
        later = self.last.calls - plain_calls
        if later > 0:
            found.append(f"{later} calls more afterwards")
        return found


async def plan_repeatedly(
    dialect: Dialect, seed: Path, directory: Path, times: int
) -> list[tuple[str, int]]:
    """Plan so many roadmaps of one week in one service; return each outcome and its calls."""
    outcomes = []
    async with service_on(dialect, seed, directory) as (client, standin):
        for number in range(times):
            before = len(standin.calls.all())
            outcome = await _plan(client, f"Learn skill number {number}", weeks=1)
            outcomes.append((outcome, len(standin.calls.all()) - before))
    return outcomes


async def try_dialect(dialect: Dialect, seed: Path, directory: Path, weeks: int) -> Trial:
    """Plan two roadmaps of so many weeks, and ask two questions, on a server that is new.

    `seed` is a database with a roadmap of Ana's (see `seed_database`), to ask about.
    """
    started = time.monotonic()
    async with service_on(dialect, seed, directory) as (client, standin):
        first = await _contact(client, standin, "Learn Python", weeks)
        second = await _contact(client, standin, "Learn the violin", weeks)
        third = None
        if dialect.limits_calls_at_once:
            third = await _contact(client, standin, "Learn to draw", weeks)
    return Trial(dialect, first, second, third, time.monotonic() - started)


@asynccontextmanager
async def service_on(
    dialect: Dialect, seed: Path, directory: Path
) -> AsyncIterator[tuple[httpx.AsyncClient, DialectStandIn]]:
    """Run a new service on a new server that speaks this dialect, and a copy of `seed`."""
    database = directory / f"{dialect.name}.db"
    shutil.copy(seed, database)
    with DialectStandIn(dialect) as standin:
        settings = {
            "openai_api_key": standin.api_key,
            "openai_base_url": standin.base_url,
            "model_call_timeout_seconds": 20,
            "model_idle_timeout_seconds": 15,
            "model_retry_wait_seconds": 0.02,
            "answer_timeout_seconds": 60,
            "generation_timeout_seconds": 60,
        }
        async with running_service(database, settings | dict(dialect.settings)) as client:
            yield client, standin


async def seed_database(directory: Path) -> Path:
    """Return a new database in which Ana has a roadmap that was planned offline."""
    database = directory / "seed.db"
    async with running_service(database, {}) as client:
        body = roadmap_request(duration_weeks=1, goal="Learn to cook")
        (await client.post("/generate_roadmap", json=body)).raise_for_status()
    return database


@asynccontextmanager
async def running_service(
    database: Path, values: dict[str, object]
) -> AsyncIterator[httpx.AsyncClient]:
    """Run the service in this process, on a SQLite file, with these settings and no quotas."""
    with pytest.MonkeyPatch.context() as patch:
        settings = isolated_settings(
            patch,
            sqlite_path=database,
            generations_at_once=1_000,
            generations_per_hour=1_000,
            generations_per_day=1_000,
            questions_per_hour=1_000,
            **values,
        )
    app = create_app(settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api.test", timeout=120) as client,
    ):
        yield client


async def _contact(
    client: httpx.AsyncClient, standin: DialectStandIn, goal: str, weeks: int
) -> Contact:
    before = len(standin.calls.all())
    roadmap = await _plan(client, goal, weeks)
    between = len(standin.calls.all())
    question = await _ask(client)
    after = len(standin.calls.all())
    return Contact(roadmap, between - before, question, after - between)


async def _plan(client: httpx.AsyncClient, goal: str, weeks: int) -> str:
    body = roadmap_request(duration_weeks=weeks, goal=goal)
    answer = await client.post("/generate_roadmap", json=body)
    if answer.status_code != httpx.codes.OK:
        return problem_code(answer)
    tasks = (await client.get(f"/roadmap/{answer.json()['roadmap_id']}")).json()["tasks"]
    request = PlanRequest(goal=goal, duration_weeks=weeks, daily_hours=2, level="intermediate")
    if violations := roadmap_violations(request, tasks):
        return f"invalid: {violations[0]}"
    return _without_thinking(" ".join(f"{t['weekly_goal']} {t['task_text']}" for t in tasks))


async def _ask(client: httpx.AsyncClient) -> str:
    roadmaps: list[dict[str, Any]] = (await client.get("/roadmaps", params={"user_id": ANA})).json()
    question = {
        "user_id": ANA,
        "roadmap_id": roadmaps[-1]["roadmap_id"],
        "input_data": "What should I do next?",
    }
    answer = await client.post("/ask-assistant", json=question)
    if answer.status_code != httpx.codes.OK:
        return problem_code(answer)
    text: str = answer.json()["response"]
    if not text.startswith("Start with the first task") or not text.endswith("for tomorrow."):
        return "an answer that is not the model's"
    return _without_thinking(text)


def _without_thinking(text: str) -> str:
    traces = [trace for trace in TRACES_OF_THINKING if trace in text]
    return f"thinking is shown: {traces[0]}" if traces else WORKS


def problem_code(answer: httpx.Response) -> str:
    """Return the code of a problem document, or what else an answer is."""
    if answer.headers["content-type"] != "application/problem+json":
        return f"status {answer.status_code} without a problem document"
    code: str = answer.json()["type"].rpartition(":")[2]
    return code
