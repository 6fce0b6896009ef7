"""Measures reads and ticks against PostgREST alone for the same rows, and on SQLite.

`make bench-reads` runs it, for about five minutes. The database has 1,000,000 tasks; two Gunicorn
workers serve 32 connections, in turn with PostgREST, on the same cores. Machines differ, so the
ratio to PostgREST counts; on SQLite, which has no such control, the rate, beside its ratio to
`/health` of the same run. Where others use the machine, too, the ratio of the CPU that an answer
takes says more than that of the throughput.
"""

# ruff: noqa: S608  every part of the statements is ours

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.load import Comparison, Request, compare, cpu_per_answer, put_under_load
from benchmarks.rows import (
    WEEKS,
    fill_postgres,
    fill_sqlite,
    roadmaps_for,
    user_of,
)
from benchmarks.servers import Plane, cpu_reader, running_plane, running_workers
from src.dao.sqlite.store import SqliteStore
from tests.support.tokens import AuthServer, TokenMint
from tests.support.verdict import conclude

TASKS = 1_000_000
SQLITE_TASKS = 200_000
MIN_RATIO, MAX_P99_RATIO = 0.5, 3.0
GOAL_RATIO, GOAL_P99_RATIO = 0.6, 2.0
SQLITE_RATES = {"weeks": 1_500, "roadmap": 300}
"""Answers a second at least, of two workers; the ratio to `/health` tells machines apart."""

HEALTH = [Request("/health")]
SAMPLE = 500
"""How many roadmaps, spread over the database, are asked for in turn."""


@dataclass(frozen=True)
class Route:
    """One operation: what the service is asked, and what PostgREST alone is asked."""

    name: str
    mine: Sequence[Request]
    control: Sequence[Request]


def read_routes(key: str, tasks: int = TASKS, mint: TokenMint | None = None) -> list[Route]:
    """Return the four reads; with a mint, each request has an access token of its owner."""
    count = roadmaps_for(tasks)
    ids = [1 + number * (count - 1) // SAMPLE for number in range(SAMPLE)]
    tokens: dict[str, str] = {}

    def mine(path: str, roadmap_id: int) -> Request:
        if mint is None:
            return Request(path)
        user = user_of(roadmap_id)
        token = tokens.get(user) or tokens.setdefault(user, mint.es256(user))
        return Request(path, headers={"Authorization": f"Bearer {token}"})

    def rpc(function: str, **parameters: object) -> Request:
        return Request(f"/rpc/{function}", parameters, {"Authorization": f"Bearer {key}"})

    def week(roadmap_id: int) -> int:
        return 1 + roadmap_id % WEEKS

    return [
        Route(
            "weeks",
            [mine(f"/roadmap/{each}/weeks", each) for each in ids],
            [rpc("read_weeks", p_roadmap_id=each) for each in ids],
        ),
        Route(
            "week",
            [mine(f"/roadmap/{each}/week/{week(each)}", each) for each in ids],
            [rpc("read_week", p_roadmap_id=each, p_week_number=week(each)) for each in ids],
        ),
        Route(
            "roadmap",
            [mine(f"/roadmap/{each}", each) for each in ids],
            [rpc("read_tasks", p_roadmap_id=each) for each in ids],
        ),
        Route(
            "list",
            [mine(f"/roadmaps?user_id={user_of(each)}", each) for each in ids],
            [rpc("list_roadmaps", p_user_id=user_of(each)) for each in ids],
        ),
    ]


def update_route(plane: Plane) -> Route:
    """Return ticks: each task of the sample in turn."""
    rows = plane.database.query(
        f"select id from roadmap_tasks tablesample system (1) limit {SAMPLE}"
    )
    tasks = [(str(task), number % 2 == 0) for number, (task,) in enumerate(rows)]
    return Route(
        "task/update",
        [Request("/task/update", {"task_id": task, "completed": done}) for task, done in tasks],
        [
            Request(
                "/rpc/set_task_completed",
                {"p_task_id": task, "p_completed": done},
                {"Authorization": f"Bearer {plane.key}"},
            )
            for task, done in tasks
        ],
    )


def report(name: str, comparison: Comparison) -> None:
    ratios = " ".join(f"{ratio:.2f}" for ratio in comparison.ratios)
    mine, control = (
        median(load.rate for load in loads) for loads in (comparison.mine, comparison.control)
    )
    p99 = median(load.quantile(0.99) for load in comparison.mine)
    print(
        f"{name:<22}{mine:>8.0f}/s{control:>8.0f}/s{comparison.ratio:>7.2f}   ({ratios})"
        f"   p99 {p99 * 1_000:>5.0f} ms{comparison.p99_ratio:>6.1f}x",
    )
    for whose, loads in (("service", comparison.mine), ("control", comparison.control)):
        spent = cpu_per_answer(loads)
        shares = ", ".join(f"{each} {seconds * 1e6:.0f}" for each, seconds in spent.items())
        print(f"  {whose}: {sum(spent.values()) * 1e6:>5.0f} us of CPU an answer: {shares}")
    print(f"  by CPU {comparison.cpu_ratio:.2f}", flush=True)


def judge(name: str, comparison: Comparison) -> list[str]:
    """Return what falls short of PostgREST."""
    faults = []
    if comparison.failures:
        faults.append(f"{name}: {comparison.failures} requests failed")
    if comparison.ratio < MIN_RATIO:
        faults.append(f"{name} makes {comparison.ratio:.2f}x PostgREST, not {MIN_RATIO}x")
    if comparison.p99_ratio > MAX_P99_RATIO:
        faults.append(f"{name} has {comparison.p99_ratio:.1f}x PostgREST's p99")
    return faults


async def measure_postgrest(seconds: float, rounds: int, only: str, tasks: int) -> list[str]:
    """Compare each route with PostgREST."""
    faults = []
    with AuthServer() as auth, running_plane() as plane:
        fill_postgres(plane.database, tasks)
        routes = [*read_routes(plane.key, tasks), update_route(plane)]
        routes += [
            Route(f"{route.name}, token", route.mine, route.control)
            for route in read_routes(plane.key, tasks, auth.mint)
        ]
        with running_workers(plane.variables | {"SUPABASE_URL": auth.url}) as service:
            programs = {"workers": service.process.pid} | plane.programs()
            read_cpu = cpu_reader(programs)
            print(f"{'':<22}{'service':>10}{'PostgREST':>10}{'ratio':>7}")
            for route in routes:
                if only in route.name:
                    mine, control = (service.url, route.mine), (plane.url, route.control)
                    comparison = await compare(mine, control, seconds, rounds, read_cpu)
                    report(route.name, comparison)
                    faults += judge(route.name, comparison)
            health = await put_under_load(service.url, HEALTH, seconds, read_cpu)
            spent = cpu_per_answer([health])
            print(f"/health: {health.rate:.0f}/s, workers {spent['workers'] * 1e6:.0f} us")
    return faults


async def measure_sqlite(seconds: float, rounds: int, only: str) -> list[str]:
    """Compare each read with /health, which shows what the machine and the load make at most."""
    faults = []
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "momentum.db"
        await (await SqliteStore.open(path)).close()
        fill_sqlite(path, SQLITE_TASKS)
        with running_workers({"SQLITE_PATH": str(path)}) as service:
            read_cpu = cpu_reader({"workers": service.process.pid})
            print(f"\n{'':<22}{'SQLite':>10}{'/health':>10}{'ratio':>7}")
            for route in read_routes("", SQLITE_TASKS):
                if only not in route.name:
                    continue
                mine, control = (service.url, route.mine), (service.url, HEALTH)
                comparison = await compare(mine, control, seconds, rounds, read_cpu)
                report(route.name, comparison)
                rate = median(load.rate for load in comparison.mine)
                if rate < (wanted := SQLITE_RATES.get(route.name, 0)):
                    faults.append(f"{route.name} on SQLite makes {rate:.0f}/s, not {wanted}/s")
                if comparison.failures:
                    faults.append(f"{route.name} on SQLite: {comparison.failures} failed")
    return faults


async def main() -> int:
    """Print the tables, then the verdict, which is also the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=3.0, help="of each load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--store", choices=["postgrest", "sqlite", "both"], default="both")
    parser.add_argument("--only", default="", help="a part of the name of a route")
    parser.add_argument("--tasks", type=int, default=TASKS, help="in PostgreSQL")
    options = parser.parse_args()
    faults = []
    if options.store != "sqlite":
        faults += await measure_postgrest(
            options.seconds, options.rounds, options.only, options.tasks
        )
    if options.store != "postgrest":
        faults += await measure_sqlite(options.seconds, options.rounds, options.only)
    return conclude(faults)


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
