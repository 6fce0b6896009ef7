"""Measures the dashboard, compared with the requests that the deployed frontend sends for its own.

`make bench-progress` runs it. A learner has 30 roadmaps of 52 weeks. The control is what the
frontend does: it lists the roadmaps, and reads all tasks of each. Nothing is compressed.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import psutil

from src.dao.sqlite.store import SqliteStore
from tests.support.learners import ANA
from tests.support.plans import stored, year_roadmap
from tests.support.reads import list_tasks
from tests.support.service import free_port, running_process, uvicorn_command
from tests.support.verdict import conclude

ROADMAPS = 30
REPETITIONS = 15
COMPLETED_TASKS = 40
"""Of each roadmap."""

LEAST_GAIN = 10
"""The dashboard takes so many times less time, and fewer bytes, than the control."""
MOST_TIMES_WEEKS = 4
"""The progress of a roadmap takes at most so many times as long as its weeks."""
MOST_HEALTH_SECONDS = 1.0
"""While pandas is imported: a load balancer waits for longer."""
KEEP_ALIVE = ("--timeout-keep-alive", "60")
"""httpx closes idle connections after 5 seconds. uvicorn must not, as it does by default.

On a slow machine it would close one on which a request is on its way.
"""
USER = {"user_id": ANA}


@dataclass
class Cost:
    """What one way to answer costs: seconds, of which the server computes some, and bytes."""

    seconds: float
    cpu_seconds: float
    size: int


async def fill(path: Path) -> None:
    """Give Ana her roadmaps, each begun."""
    store = await SqliteStore.open(path)
    try:
        for _ in range(ROADMAPS):
            roadmap = await stored(store, year_roadmap(UUID(ANA)))
            tasks = await list_tasks(store, roadmap.roadmap_id, week_number=1)
            for task in tasks[:COMPLETED_TASKS]:
                await store.set_task_completed(task.id, completed=True, time_zone="Europe/Berlin")
    finally:
        await store.close()


async def read(client: httpx.AsyncClient, path: str) -> httpx.Response:
    return (await client.get(path, params=USER)).raise_for_status()


async def draw_as_the_frontend(client: httpx.AsyncClient) -> int:
    """Send the frontend's 31 requests, the later 30 at once; return how many bytes come back."""
    listed = await read(client, "/roadmaps")
    paths = [f"/roadmap/{roadmap['roadmap_id']}" for roadmap in listed.json()]
    answers = await asyncio.gather(*(read(client, path) for path in paths))
    # A page cannot draw what it has not parsed.
    tasks = [answer.json()["tasks"] for answer in answers]
    assert len(tasks) == ROADMAPS  # noqa: S101  or it measures something else
    return len(listed.content) + sum(len(answer.content) for answer in answers)


async def draw_in_one_request(client: httpx.AsyncClient) -> int:
    answer = await read(client, "/progress")
    assert len(answer.json()["roadmaps"]) == ROADMAPS  # noqa: S101  the same
    return len(answer.content)


async def costs_of(process: psutil.Process, *draws: Callable[[], Awaitable[int]]) -> list[Cost]:
    """Draw in each way several times, and return the medians.

    The ways take turns, so that a machine that becomes slower meanwhile is so for all of them.
    """
    seconds: list[list[float]] = [[] for _ in draws]
    cpu_seconds: list[list[float]] = [[] for _ in draws]
    sizes = [0 for _ in draws]
    for _ in range(REPETITIONS):
        for way, draw in enumerate(draws):
            started, computed = time.perf_counter(), sum(process.cpu_times()[:2])
            sizes[way] = await draw()
            seconds[way].append(time.perf_counter() - started)
            cpu_seconds[way].append(sum(process.cpu_times()[:2]) - computed)
    return [
        Cost(statistics.median(wall), statistics.median(cpu), size)
        for wall, cpu, size in zip(seconds, cpu_seconds, sizes, strict=True)
    ]


async def size_of(client: httpx.AsyncClient, path: str) -> int:
    return len((await read(client, path)).content)


async def health_during(client: httpx.AsyncClient, work: Awaitable[object]) -> list[float]:
    """Ask for /health every 5 ms while something is worked on; return the seconds, sorted."""
    waits: list[float] = []

    async def watch() -> None:
        while True:
            started = time.perf_counter()
            (await client.get("/health")).raise_for_status()
            waits.append(time.perf_counter() - started)
            await asyncio.sleep(0.005)

    watching = asyncio.create_task(watch())
    try:
        await work
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    return sorted(waits)


def p99(waits: list[float]) -> float:
    return waits[int(len(waits) * 0.99)]


async def measure(client: httpx.AsyncClient, process: psutil.Process) -> list[str]:
    """Print the figures, and return what falls short."""
    await read(client, "/roadmap/1/weeks")  # the first request prepares all routes
    memory_before = process.memory_info().rss
    idle = p99(await health_during(client, asyncio.sleep(1)))
    # One roadmap: nearly all that happens is that pandas is imported.
    importing = p99(await health_during(client, read(client, "/roadmap/1/progress")))
    memory_after = process.memory_info().rss
    frontend, dashboard, weeks, progress = await costs_of(
        process,
        lambda: draw_as_the_frontend(client),
        lambda: draw_in_one_request(client),
        lambda: size_of(client, "/roadmap/1/weeks"),
        lambda: size_of(client, "/roadmap/1/progress"),
    )
    busy = p99(await health_during(client, costs_of(process, lambda: draw_in_one_request(client))))

    faster, smaller = frontend.seconds / dashboard.seconds, frontend.size / dashboard.size
    times_weeks = progress.seconds / weeks.seconds
    print(f"{'':<36}{'time':>10}{'CPU':>10}{'bytes':>12}")
    for name, cost in (
        (f"the frontend's {ROADMAPS + 1} requests", frontend),
        ("GET /progress", dashboard),
        ("GET /roadmap/1/weeks", weeks),
        ("GET /roadmap/1/progress", progress),
    ):
        seconds, cpu_seconds = cost.seconds * 1000, cost.cpu_seconds * 1000
        print(f"{name:<36}{seconds:>7.1f} ms{cpu_seconds:>7.0f} ms{cost.size:>12,}")
    print(f"the dashboard is {faster:.1f}x faster and {smaller:.0f}x smaller")
    print(f"a roadmap's progress takes {times_weeks:.1f}x the time of its weeks")
    print(
        f"/health p99: {idle * 1000:.0f} ms idle, {importing * 1000:.0f} ms while pandas is"
        f" imported, {busy * 1000:.0f} ms beside dashboards"
    )
    print(
        f"memory: {memory_before / 2**20:.0f} MiB before the first progress,"
        f" {memory_after / 2**20:.0f} MiB after"
    )
    return [
        fault
        for fault, is_fault in (
            (f"the dashboard is {faster:.1f}x faster, not {LEAST_GAIN}x", faster < LEAST_GAIN),
            (f"the dashboard is {smaller:.1f}x smaller, not {LEAST_GAIN}x", smaller < LEAST_GAIN),
            (f"progress takes {times_weeks:.1f}x weeks", times_weeks > MOST_TIMES_WEEKS),
            (f"/health takes {importing * 1000:.0f} ms (p99)", importing > MOST_HEALTH_SECONDS),
        )
        if is_fault
    ]


async def main() -> int:
    """Print the figures, then the verdict, which is also the exit status."""
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        await fill(path / "momentum.db")
        command, variables = [*uvicorn_command(port), *KEEP_ALIVE], {"LOG_LEVEL": "WARNING"}
        with running_process(command, port, path, variables) as service:
            process = psutil.Process(service.process.pid)  # type: ignore[no-untyped-call]
            headers = {"Accept-Encoding": "identity"}
            async with httpx.AsyncClient(
                base_url=service.url, timeout=120, headers=headers
            ) as client:
                return conclude(await measure(client, process))


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
