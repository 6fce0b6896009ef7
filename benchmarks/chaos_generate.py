"""Runs a thousand generations on a model that spoils every fifth completion.

`make chaos-generate` runs it. The spoilt completions are spread evenly over every misbehaviour of
the stand-in. Each generation must end with a complete and valid roadmap, or with the right problem
document and nothing stored.
"""

import asyncio
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from src.domain.plan import PlanRequest
from tests.support.learners import roadmap_request
from tests.support.plans import roadmap_violations
from tests.support.service import free_port, running_process, running_standin, uvicorn_command
from tests.support.standin.misbehaviours import MISBEHAVIOURS
from tests.support.verdict import conclude

GENERATIONS = 1_000
CONCURRENCY = 12
SPOILT_SHARE = 0.2
MIN_COMPLETE_SHARE = 0.99
PROBLEM_STATUSES = {502, 503, 504}


def request_of(number: int) -> dict[str, Any]:
    """Return the request of learner `number`; each learner requests one roadmap."""
    chance = random.Random(number)
    return roadmap_request(
        user_id=str(UUID(int=number, version=4)),
        duration_weeks=chance.randint(1, 4),
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


async def main() -> int:
    """Print the counts, then the verdict, which is also the exit status."""
    port = free_port()
    with running_standin("--tokens-per-second", "0") as origin:
        variables = {
            "OPENAI_API_KEY": "stand-in",
            "OPENAI_BASE_URL": f"{origin}/api/v1",
            "MODEL_IDLE_TIMEOUT_SECONDS": "1.5",
            "MODEL_CALL_TIMEOUT_SECONDS": "10",
            "MODEL_RETRY_WAIT_SECONDS": "0.1",
            "LOG_LEVEL": "ERROR",
        }
        with (
            tempfile.TemporaryDirectory() as directory,
            running_process(uvicorn_command(port), port, Path(directory), variables) as service,
        ):
            async with httpx.AsyncClient(base_url=service.url, timeout=300) as client:
                script = {
                    "spoil": {"share": SPOILT_SHARE, "names": sorted(MISBEHAVIOURS), "seed": 1},
                    "pace": {"slow_first_token": 1.0, "drip": 0.2},
                }
                control = f"{origin}/_control"
                (await client.post(f"{control}/script", json=script)).raise_for_status()
                slots = asyncio.Semaphore(CONCURRENCY)

                async def generate_next(number: int) -> str:
                    async with slots:
                        return await generate_and_verify(client, number)

                started = time.monotonic()
                outcomes = Counter(await asyncio.gather(*map(generate_next, range(GENERATIONS))))
                elapsed = time.monotonic() - started
                calls = (await client.get(f"{control}/calls")).json()

    names = Counter(call["misbehaviour"] for call in calls["calls"] if call["misbehaviour"])
    spoilt = sum(names.values())
    print(
        f"{GENERATIONS} generations in {elapsed:.0f} s, {len(calls['calls'])} completions, {spoilt}"
        f" of them spoilt in {len(names)} ways (each {min(names.values())} to"
        f" {max(names.values())} times)"
    )
    for outcome, count in outcomes.most_common():
        print(f"{count:>6}  {outcome}")
    faults = [f"{count} {outcome}" for outcome, count in outcomes.items() if "WRONG" in outcome]
    if outcomes["complete"] < MIN_COMPLETE_SHARE * GENERATIONS:
        faults.append(f"only {outcomes['complete']} of {GENERATIONS} complete")
    if len(names) < 25:
        faults.append(f"only {len(names)} misbehaviours")
    return conclude(faults)


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
