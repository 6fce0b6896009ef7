"""Measures writes: whole roadmaps against one insert per task, and ticks of 32 clients.

`make bench-writes` runs it, for about a minute. All of it meets the same PostgREST, so that only
ratios count.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from functools import partial
from statistics import median

import httpx

from benchmarks import without_gateway  # noqa: F401  lets stores find PostgREST at its own address
from benchmarks.load import compare
from benchmarks.reads import judge, report, update_route
from benchmarks.rows import fill_postgres
from benchmarks.servers import Plane, cpu_reader, running_plane, running_workers
from src.dao.rows import task_rows
from src.dao.supabase.store import SupabaseStore
from src.domain.plan import NewRoadmap
from tests.support.plans import begun, new_roadmap
from tests.support.verdict import conclude

ROUNDS = 5
MIN_SPEEDUP = 40
MAX_GROWTH = 8
"""What 2,184 tasks may take relative to 336; they are 6.5 times as many."""
UPDATE_TASKS = 100_000


async def seconds_of(work: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


async def store_whole(store: SupabaseStore, plan: NewRoadmap) -> float:
    """Store a roadmap as the service does; its generation begins before."""
    ready = await begun(store, plan)
    return await seconds_of(lambda: store.add_roadmap(ready))


async def insert_one_by_one(plane: Plane, plan: NewRoadmap) -> float:
    """Insert the same tasks with a request each, as a simple service would."""
    ((roadmap_id,),) = plane.database.query("select max(roadmap_id) from roadmaps")
    rows = task_rows(plan, roadmap_id)
    headers = {"Authorization": f"Bearer {plane.key}", "Prefer": "return=minimal"}
    async with httpx.AsyncClient(base_url=plane.url, headers=headers) as client:

        async def insert() -> None:
            for row in rows:
                (await client.post("/roadmap_tasks", json=row)).raise_for_status()

        return await seconds_of(insert)


async def measure_storing(plane: Plane) -> list[str]:
    """Compare whole roadmaps of two sizes with single inserts, alternating."""
    usual = partial(new_roadmap, weeks=12, tasks_per_day=4)
    largest = partial(new_roadmap, weeks=52, tasks_per_day=6)
    growths, speedups = [], []
    os.environ["POSTGREST_URL"] = plane.url  # for `without_gateway`
    store = await SupabaseStore.open(plane.url, plane.key)
    await store_whole(store, usual())  # opens the connections
    for _ in range(ROUNDS):
        short = median([await store_whole(store, usual()) for _ in range(3)])
        long = await store_whole(store, largest())
        single = await insert_one_by_one(plane, usual())
        growths.append(long / short)
        speedups.append(single / short)
        times = (f"{seconds * 1e3:,.0f} ms" for seconds in (short, long, single))
        print("336 tasks: {}, 2,184 tasks: {}, 336 one by one: {}".format(*times), flush=True)
    await store.close()
    speedup, growth = median(speedups), median(growths)
    spread = f"{min(speedups):.0f}-{max(speedups):.0f}"
    print(f"336 tasks are stored {speedup:.0f}x faster than one by one ({spread}x)")
    print(f"2,184 tasks take {growth:.1f}x the time of 336 ({min(growths):.1f}-{max(growths):.1f})")
    faults = []
    if speedup < MIN_SPEEDUP:
        faults.append(f"storing is {speedup:.0f}x faster than one by one, not {MIN_SPEEDUP}x")
    if growth > MAX_GROWTH:
        faults.append(f"2,184 tasks take {growth:.1f}x the time of 336, not {MAX_GROWTH}x")
    return faults


async def measure_updates(plane: Plane) -> list[str]:
    """Compare ticks of 32 clients with PostgREST alone."""
    plane.database.empty()
    fill_postgres(plane.database, UPDATE_TASKS)
    route = update_route(plane)
    with running_workers(plane.variables) as service:
        read_cpu = cpu_reader({"workers": service.process.pid} | plane.programs())
        mine, control = (service.url, route.mine), (plane.url, route.control)
        comparison = await compare(mine, control, seconds=3, rounds=3, read_cpu=read_cpu)
    report(route.name, comparison)
    return judge(route.name, comparison)


async def main() -> int:
    """Print what was measured, then the verdict, which is also the exit status."""
    with running_plane() as plane:
        return conclude([*await measure_storing(plane), *await measure_updates(plane)])


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
