"""Measures the time and cost of a roadmap, compared with one long completion as the control.

`make bench-generate` runs it. The model is the stand-in, with 0.5 s to the first token, 50 tokens/s
per stream and a limit of 16,384 output tokens, as gpt-4o-mini has. The control requests the whole
plan from the same stand-in at once.
"""

import asyncio
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import openai
import psutil

from src.llm.openrouter import prompts
from tests.support.learners import roadmap_request
from tests.support.service import free_port, running_process, running_standin, uvicorn_command
from tests.support.verdict import conclude

FIRST_TOKEN_SECONDS = 0.5
TOKENS_PER_SECOND = 50
PROMPT_DOLLARS = 0.15e-6
COMPLETION_DOLLARS = 0.60e-6
"""gpt-4o-mini's prices per token."""

PLANS = (
    (4, "intermediate", 2),
    (12, "intermediate", 2),
    (26, "intermediate", 2),
    (52, "advanced", 8),
)
CROWD_SIZE = 50
CROWD_WEEKS = 4

WHOLE_PLAN_RULES = """\
Plan every week of the plan: seven days each, each with `tasks_per_day` tasks, sentences of 8 to 25
words. effort: light, medium or deep. category: reading, coding, revision or practice.
Shape: {"weeks":[{"week":1,"goal":"","focus":["",""],"days":[{"day":1,"tasks":[
{"text":"","effort":"","category":"","minutes":5}]}]}]}
"""


@dataclass
class Outcome:
    """Seconds to the first day and to the complete plan, None if it failed, and its cost."""

    complete: float | None
    first_day: float | None
    dollars: float


def plan_request(weeks: int, level: str, hours: float) -> dict[str, Any]:
    return roadmap_request(duration_weeks=weeks, level=level, daily_hours=hours)


async def measure_service(client: httpx.AsyncClient, body: dict[str, Any]) -> Outcome:
    """Generate a roadmap and measure it on the event stream."""
    started = time.monotonic()
    first_day = None
    event = ""
    async with client.stream(
        "POST", "/generate_roadmap", json=body, headers={"Accept": "text/event-stream"}
    ) as response:
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
                if event == "day" and first_day is None:
                    first_day = time.monotonic() - started
            elif name == "data" and event == "saved":
                figures = json.loads(value)["generation"]
                dollars = (
                    figures["prompt_tokens"] * PROMPT_DOLLARS
                    + figures["completion_tokens"] * COMPLETION_DOLLARS
                )
                return Outcome(time.monotonic() - started, first_day, dollars)
            elif name == "data" and event == "problem":
                print("problem:", value)
    return Outcome(None, first_day, 0)


async def measure_control(model: openai.AsyncOpenAI, body: dict[str, Any]) -> Outcome:
    """Request the whole plan in one completion, as a simple service would."""
    facts = {"kind": "plan"} | {name: body[name] for name in body if name != "user_id"}
    started = time.monotonic()
    text, dollars = "", 0.0
    stream = await model.chat.completions.create(
        model="openai/gpt-4o-mini",
        messages=[
            {"role": "system", "content": prompts.PLANNER_RULES + WHOLE_PLAN_RULES},
            {"role": "user", "content": json.dumps(facts)},
        ],
        stream=True,
        stream_options={"include_usage": True},
        max_tokens=16_384,
    )
    async for chunk in stream:
        text += "".join(choice.delta.content or "" for choice in chunk.choices)
        if chunk.usage:
            dollars = (
                chunk.usage.prompt_tokens * PROMPT_DOLLARS
                + chunk.usage.completion_tokens * COMPLETION_DOLLARS
            )
    elapsed = time.monotonic() - started
    try:
        whole = len(json.loads(text)["weeks"]) == body["duration_weeks"]
    except ValueError:
        whole = False
    # Its first day cannot be read before the completion ends.
    return Outcome(elapsed, elapsed, dollars) if whole else Outcome(None, None, dollars)


async def measure_crowd(
    client: httpx.AsyncClient, process: psutil.Process
) -> tuple[int, float, float, int]:
    """Generate many roadmaps at once; return how many complete, seconds, /health p99, memory."""
    waits: list[float] = []
    most_memory = 0

    async def watch_health() -> None:
        nonlocal most_memory
        async with httpx.AsyncClient(base_url=client.base_url) as watcher:
            while True:
                started = time.monotonic()
                (await watcher.get("/health")).raise_for_status()
                waits.append(time.monotonic() - started)
                most_memory = max(most_memory, process.memory_info().rss)
                await asyncio.sleep(0.02)

    watch = asyncio.create_task(watch_health())
    started = time.monotonic()
    body = plan_request(CROWD_WEEKS, "intermediate", 2)
    # Of as many learners: one alone may follow ten generations at once.
    bodies = [body | {"user_id": str(uuid4())} for _ in range(CROWD_SIZE)]
    outcomes = await asyncio.gather(*(measure_service(client, each) for each in bodies))
    elapsed = time.monotonic() - started
    watch.cancel()
    waits.sort()
    done = sum(outcome.complete is not None for outcome in outcomes)
    return done, elapsed, waits[int(len(waits) * 0.99)], most_memory


def show(seconds: float | None) -> str:
    return "fails" if seconds is None else f"{seconds:.1f} s"


async def main() -> int:
    """Print the table, then the verdict, which is also the exit status."""
    faults: list[str] = []
    port = free_port()
    pace = {"--first-token": FIRST_TOKEN_SECONDS, "--tokens-per-second": TOKENS_PER_SECOND}
    # In its own process, so that it does not share a core with the service.
    with running_standin(*(str(word) for option in pace.items() for word in option)) as origin:
        model_url = f"{origin}/api/v1"
        variables = {
            "OPENAI_API_KEY": "stand-in",
            "OPENAI_BASE_URL": model_url,
            "LOG_LEVEL": "WARNING",
        }
        with (
            tempfile.TemporaryDirectory() as directory,
            running_process(uvicorn_command(port), port, Path(directory), variables) as service,
        ):
            process = psutil.Process(service.process.pid)  # type: ignore[no-untyped-call]
            limits = httpx.Limits(max_connections=None)
            model = openai.AsyncOpenAI(base_url=model_url, api_key="stand-in", timeout=600)
            async with (
                httpx.AsyncClient(base_url=service.url, timeout=300, limits=limits) as client,
                model,
            ):
                bodies = [plan_request(*plan) for plan in PLANS]
                # The controls mostly sleep on single streams, so they can run at the same time.
                controls = [asyncio.create_task(measure_control(model, body)) for body in bodies]
                outcomes = [await measure_service(client, body) for body in bodies]
                done, elapsed, health, memory = await measure_crowd(client, process)
                control_outcomes = [await task for task in controls]

    print(
        f"{'weeks':>5} {'level':<13}{'first day':>10}{'complete':>10}{'control':>10}"
        f"{'sooner':>8}{'cost':>10}{'x control':>10}"
    )
    for (weeks, level, _), mine, other in zip(PLANS, outcomes, control_outcomes, strict=True):
        sooner = other.complete / mine.complete if other.complete and mine.complete else None
        ratio = mine.dollars / other.dollars if other.complete else None
        print(
            f"{weeks:>5} {level:<13}{show(mine.first_day):>10}{show(mine.complete):>10}"
            f"{show(other.complete):>10}{f'{sooner:.1f}x' if sooner else '-':>8}"
            f"{f'${mine.dollars:.4f}':>10}{f'{ratio:.2f}' if ratio else '-':>10}"
        )
        if mine.complete is None:
            faults.append(f"{weeks} weeks do not complete")
        if weeks == 12 and (mine.first_day is None or mine.first_day > 5):
            faults.append(f"the first day of {weeks} weeks takes {show(mine.first_day)}")
        if weeks == 12 and (sooner is None or sooner < 8):
            faults.append(f"12 weeks are {sooner or 0:.1f}x sooner, not 8x")
        if ratio and ratio > 1.25:
            faults.append(f"{weeks} weeks cost {ratio:.2f}x the control")
        if weeks == 52 and (mine.complete is None or mine.complete > 90):
            faults.append(f"52 weeks take {show(mine.complete)}")
        if weeks == 52 and other.complete is not None:
            faults.append("the control does not fail at 52 weeks")
    print(
        f"{CROWD_SIZE} generations of {CROWD_WEEKS} weeks at once: {done} complete in"
        f" {elapsed:.1f} s, /health p99 {health * 1000:.0f} ms,"
        f" memory {memory / 2**20:.0f} MiB at most"
    )
    if done < CROWD_SIZE:
        faults.append(f"{CROWD_SIZE - done} of {CROWD_SIZE} generations at once fail")
    if health > 0.1:
        faults.append(f"/health takes {health * 1000:.0f} ms (p99)")
    return conclude(faults)


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
