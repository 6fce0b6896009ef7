"""Runs a thousand generations on a model that spoils every fifth completion.

`make chaos-generate` runs it (some minutes). The spoilt completions are spread evenly over every
fault that passes: bad ends, thinking, odd envelopes and shapes, errors with and without a clock.
Nearly every generation must end with a complete and valid roadmap, and any other with the right
problem document and nothing stored.

Faults that last come afterwards: each must end in its own problem, within a few calls.
"""

import argparse
import asyncio
import logging
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from src.domain.plan import PlanRequest
from tests.support.dialect_trial import MAX_CALLS_TO_A_PROBLEM, plan_repeatedly, seed_database
from tests.support.learners import roadmap_request
from tests.support.plans import roadmap_violations
from tests.support.service import free_port, running_process, running_standin, uvicorn_command
from tests.support.standin.dialects import DIALECTS, Dialect
from tests.support.standin.script import EVERY_MISBEHAVIOUR
from tests.support.verdict import conclude

GENERATIONS = 1_000
CONCURRENCY = 12
MAX_WEEKS = 16
"""So many completions are needed for every fault to occur often enough."""
SPOILT_SHARE = 0.2
MIN_TIMES = 50
MIN_COMPLETE_SHARE = 0.995
PROBLEM_STATUSES = {502, 503, 504}

PASSING = sorted(EVERY_MISBEHAVIOUR.keys() - {"status_429_forever"})
"""A wait of an hour is no fault that passes within a generation."""

LASTING = [dialect for dialect in DIALECTS.values() if dialect.problem]
"""The key, the credits, the model's name, the filter, the context, the address, the day's limit."""
GENERATIONS_PER_LASTING_FAULT = 5


def request_of(number: int) -> dict[str, Any]:
    """Return the request of learner `number`; each learner requests one roadmap."""
    chance = random.Random(number)
    return roadmap_request(
        user_id=str(UUID(int=number, version=4)),
        duration_weeks=chance.randint(1, MAX_WEEKS),
        daily_hours=chance.choice([0.5, 1, 2, 4, 8]),
        level=chance.choice(["beginner", "intermediate", "advanced"]),
    )


async def generate_and_verify(client: httpx.AsyncClient, number: int) -> str:
    """Generate one roadmap and return the outcome in a few words."""
    body = request_of(number)
    request = PlanRequest.model_validate({k: v for k, v in body.items() if k != "user_id"})
    response = await client.post("/generate_roadmap", json=body)
    listed = (await client.get("/roadmaps", params={"user_id": body["user_id"]})).json()
    if response.status_code == httpx.codes.OK:
        if listed != [response.json()]:
            return "WRONG: returned but not listed"
        tasks = (await client.get(f"/roadmap/{listed[0]['roadmap_id']}")).json()["tasks"]
        violations = roadmap_violations(request, tasks)
        return f"WRONG: {violations[0]}" if violations else "complete"
    if listed:
        return "WRONG: a problem, but stored"
    if (
        response.status_code in PROBLEM_STATUSES
        and response.headers["content-type"] == "application/problem+json"
        and response.json()["status"] == response.status_code
    ):
        return f"problem {response.json()['type'].rpartition(':')[2]}"
    return f"WRONG: status {response.status_code}"


@asynccontextmanager
async def service_on_spoilt_answers() -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """Run the service on a model that spoils its answers; yield a client and the control's URL."""
    port = free_port()
    with running_standin("--tokens-per-second", "0") as origin:
        variables = {
            "OPENAI_API_KEY": "stand-in",
            "OPENAI_BASE_URL": f"{origin}/api/v1",
            "MODEL_IDLE_TIMEOUT_SECONDS": "1.5",
            "MODEL_CALL_TIMEOUT_SECONDS": "10",
            "MODEL_RETRY_WAIT_SECONDS": "0.1",
            "ANSWER_TIMEOUT_SECONDS": "600",
            "LOG_LEVEL": "ERROR",
        }
        with (
            tempfile.TemporaryDirectory() as directory,
            running_process(uvicorn_command(port), port, Path(directory), variables) as service,
        ):
            async with httpx.AsyncClient(base_url=service.url, timeout=700) as client:
                script = {
                    "spoil": {"share": SPOILT_SHARE, "names": PASSING, "seed": 1},
                    "pace": {"slow_first_token": 1.0, "drip": 0.2},
                }
                control = f"{origin}/_control"
                (await client.post(f"{control}/script", json=script)).raise_for_status()
                yield client, control


async def run_spoilt_generations(generations: int) -> list[str]:
    """Run generations on faults that pass; print the counts and return the shortfalls."""
    slots = asyncio.Semaphore(CONCURRENCY)
    async with service_on_spoilt_answers() as (client, control):

        async def generate_next(number: int) -> str:
            async with slots:
                return await generate_and_verify(client, number)

        started = time.monotonic()
        outcomes = Counter(await asyncio.gather(*map(generate_next, range(generations))))
        elapsed = time.monotonic() - started
        calls = (await client.get(f"{control}/summaries")).json()
    names = Counter(call["misbehaviour"] for call in calls if call["misbehaviour"])
    print(
        f"{generations} generations in {elapsed:.0f} s, {len(calls)} completions,"
        f" {names.total()} of them spoilt in {len(names)} ways (each {min(names.values())} to"
        f" {max(names.values())} times)"
    )
    for outcome, count in outcomes.most_common():
        print(f"{count:>6}  {outcome}")
    return shortfalls_of(generations, outcomes, names)


def shortfalls_of(generations: int, outcomes: Counter[str], names: Counter[str]) -> list[str]:
    """Return in which ways the outcomes fall short; `names` counts the faults that occurred."""
    found = [f"{count} {outcome}" for outcome, count in outcomes.items() if "WRONG" in outcome]
    if outcomes["complete"] < MIN_COMPLETE_SHARE * generations:
        found.append(f"only {outcomes['complete']} of {generations} complete")
    rare = [name for name in PASSING if names[name] < MIN_TIMES * generations // GENERATIONS]
    if rare:
        found.append(f"too rare: {', '.join(rare)}")
    return found


async def run_lasting_faults() -> list[str]:
    """Run generations on faults that last; print each outcome and return the shortfalls."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        seed = await seed_database(directory)

        async def plan_on(dialect: Dialect) -> list[tuple[str, int]]:
            return await plan_repeatedly(dialect, seed, directory, GENERATIONS_PER_LASTING_FAULT)

        all_outcomes = [await plan_on(dialect) for dialect in LASTING]
    for dialect, outcomes in zip(LASTING, all_outcomes, strict=True):
        expected, _ = dialect.expected
        right = sum(code == expected for code, _ in outcomes)
        most_calls = max(calls for _, calls in outcomes)
        print(f"{right:>6}  of {len(outcomes)} {expected}: {dialect.name}, {most_calls} calls")
        if right < len(outcomes):
            others = sorted({code for code, _ in outcomes} - {expected})
            found.append(f"{dialect.name} ends in {', '.join(others)}")
        elif most_calls > MAX_CALLS_TO_A_PROBLEM:
            found.append(f"{dialect.name} takes {most_calls} calls")
    return found


def main() -> int:
    """Print the counts, then the verdict, which is also the exit status."""
    parser = argparse.ArgumentParser(description="Generations on a model that misbehaves.")
    parser.add_argument("--generations", type=int, default=GENERATIONS)
    generations = parser.parse_args().generations
    logging.disable(logging.CRITICAL)
    shortfalls = asyncio.run(run_spoilt_generations(generations))
    return conclude(shortfalls + asyncio.run(run_lasting_faults()))


if __name__ == "__main__":
    raise SystemExit(main())
