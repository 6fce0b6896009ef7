"""Measures what a larger database and more processes change: reads, their plans, and limits.

`make bench-scale` runs it, for about three minutes. The same requests meet databases of 10,000,
100,000 and 1,000,000 tasks in turn; only their ratios count. Then four Gunicorn masters of two
workers share one database. At last: start, memory and idling.
"""

# ruff: noqa: S608  every part of the statements is ours

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg

from benchmarks.footprint import measure_footprint
from benchmarks.load import put_under_load
from benchmarks.reads import read_routes
from benchmarks.rows import fill_postgres, roadmaps_for, user_of
from benchmarks.servers import Plane, running_plane, running_workers
from tests.support.learners import roadmap_request
from tests.support.verdict import conclude

SIZES = (10_000, 100_000, 1_000_000)
MAX_P50_RATIO = 1.3
ROUNDS = 7
SECONDS = 0.7
MASTERS = 4
LEARNERS = 4
PER_HOUR = 10
TRIES = 3 * PER_HOUR
SAME_KEY = 24
"""How many requests with one idempotency key are sent at once. Those that meet the first one in
another process get 409: it is still running."""


async def measure_reads(planes: dict[int, Plane]) -> list[str]:
    """Compare the median latency of each read between databases, alternating."""
    faults = []
    with ExitStack() as stack:
        urls = {
            size: stack.enter_context(running_workers(plane.variables, workers=1)).url
            for size, plane in planes.items()
        }
        routes = {size: read_routes(plane.key, size) for size, plane in planes.items()}
        for number, route in enumerate(routes[SIZES[0]]):
            medians: dict[int, list[float]] = {size: [] for size in SIZES}
            for _ in range(ROUNDS):
                for size in SIZES:
                    requests = routes[size][number].mine
                    load = await put_under_load(urls[size], requests, SECONDS, connections=1)
                    medians[size].append(load.quantile(0.5))
            smallest = medians[SIZES[0]]
            line = f"{route.name:<10}"
            for size in SIZES:
                pairs = zip(medians[size], smallest, strict=True)
                ratio = median(mine / first for mine, first in pairs)
                line += f"{size:>11,}: {median(medians[size]) * 1e3:>5.1f} ms{ratio:>6.2f}x"
                if ratio > MAX_P50_RATIO:
                    faults.append(f"{route.name} with {size:,} tasks has {ratio:.2f}x the p50")
            print(line, flush=True)
    return faults


def explain_reads(plane: Plane, size: int) -> list[str]:
    """Return the reads that scan a table in PostgreSQL, as their functions run there."""
    roadmap = roadmaps_for(size) // 2
    notices: list[str] = []
    with psycopg.connect(plane.database.uri(), autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        connection.execute("load 'auto_explain'")
        for setting in ("log_nested_statements = on", "log_min_duration = 0", "log_format = json"):
            connection.execute(f"set auto_explain.{setting}".encode())
        connection.execute("set client_min_messages = log")
        connection.execute("set role service_role")
        for call in (
            f"read_weeks({roadmap})",
            f"read_week({roadmap}, 3)",
            f"read_tasks({roadmap})",
            f"list_roadmaps('{user_of(roadmap)}')",
            f"set_task_completed('{uuid4()}', true)",
        ):
            connection.execute(f"select * from public.{call}".encode())
    plans = [json.loads(text[text.index("{") :]) for text in notices if '"Query Text"' in text]
    nodes = [node for plan in plans for node in nodes_in(plan["Plan"])]
    scans = [node for node in nodes if node["Node Type"] == "Seq Scan"]
    used = Counter(node["Index Name"] for node in nodes if "Index Name" in node)
    print(f"indexes used at {size:,} tasks: {', '.join(sorted(used))}")
    faults = [f"PostgreSQL scans {node['Relation Name']}" for node in scans]
    return faults if used else ["no plan shows an index"]


def nodes_in(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes_in(child)


async def measure_limits(plane: Plane) -> list[str]:
    """Ask four masters at once for more roadmaps than each learner may have."""
    plane.database.empty()
    limits = {"GENERATIONS_PER_HOUR": str(PER_HOUR)}
    faults = []
    with ExitStack() as stack:
        urls = [
            stack.enter_context(running_workers(plane.variables | limits)).url
            for _ in range(MASTERS)
        ]
        learners = [uuid4() for _ in range(LEARNERS)]
        async with httpx.AsyncClient(timeout=120) as client:

            async def ask(number: int, learner: UUID, goal: str, key: str) -> int:
                body = roadmap_request(user_id=str(learner), goal=goal, duration_weeks=1)
                url = f"{urls[number % MASTERS]}/generate_roadmap"
                headers = {"Idempotency-Key": key}
                return (await client.post(url, json=body, headers=headers)).status_code

            asked = [
                ask(number, learner, f"Learn Rust, part {number}", str(uuid4()))
                for number in range(TRIES)
                for learner in learners
            ]
            statuses = Counter(await asyncio.gather(*asked))
            print(f"{TRIES} requests of {LEARNERS} learners, {PER_HOUR} an hour: {dict(statuses)}")
            one, key = uuid4(), str(uuid4())
            repeated = [ask(number, one, "Learn Go", key) for number in range(SAME_KEY)]
            same = Counter(await asyncio.gather(*repeated))
            print(f"{SAME_KEY} requests with one key: {dict(same)}")
    allowed = LEARNERS * PER_HOUR
    if statuses != {200: allowed, 429: LEARNERS * TRIES - allowed}:
        faults.append(f"{dict(statuses)} instead of {allowed} roadmaps and 429 for all others")
    counted = plane.database.query("select user_id, count(*) from roadmaps group by user_id")
    counts = dict(counted)
    if any(counts.get(learner) != PER_HOUR for learner in learners):
        faults.append("a learner has more or fewer roadmaps than the limit")
    if set(same) - {200, 409} or counts.get(one) != 1:
        faults.append(f"one key made {counts.get(one)} roadmaps, with {dict(same)}")
    twice = plane.database.query(
        "select from roadmap_tasks group by roadmap_id, week_number, day_number, position"
        " having count(*) > 1"
    )
    if twice:
        faults.append(f"{len(twice)} tasks were made twice")
    return faults


async def main() -> int:
    """Print what was measured, then the verdict, which is also the exit status."""
    with ExitStack() as stack:
        planes = {}
        for size in SIZES:
            planes[size] = stack.enter_context(running_plane())
            fill_postgres(planes[size].database, size)
        faults = await measure_reads(planes)
        faults += explain_reads(planes[SIZES[-1]], SIZES[-1])
        faults += await measure_limits(planes[SIZES[0]])
        faults += measure_footprint(planes[SIZES[0]])
    return conclude(faults)


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
