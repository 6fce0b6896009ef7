"""The service as in production under load, while its processes are killed around it.

The real PostgreSQL and PostgREST, Gunicorn with two workers as the Procfile starts it, the
stand-in for the model, a line that loses half of the answers, and readers that look on.
"""

import asyncio
import contextlib
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx

from tests.support.bought import Interruption, account, note_handovers
from tests.support.crash_report import CrashPlan, CrashReport
from tests.support.data_plane import DataPlane, Postgres, running_data_plane, running_postgres
from tests.support.followers import Deletions, Followers
from tests.support.keyed_load import KeyedLoad, beside, under_load
from tests.support.lossy_proxy import LossyProxy
from tests.support.onlookers import DatabaseLook, Readers, until_swept
from tests.support.service import Service, model_variables, running_service
from tests.support.standin import OpenRouterStandIn, Pace
from tests.support.workers import ChosenKills, Point, Workers

SETTINGS = {
    "WEB_CONCURRENCY": "2",
    # Short, so that little time goes by in waiting; long enough for a busy machine to renew it.
    "GENERATION_LEASE_SECONDS": "5",
    "SWEEP_INTERVAL_SECONDS": "1",
    "STORE_TIMEOUT_SECONDS": "10",
}
PACE = Pace(first_token=0.1, slow_first_token=1.0)
LATE_SHARE = 0.3
"""The share of calls answered late, so that random kills find weeks of which some days are kept."""
LOST_SHARE = 0.5
READERS = 2
EVER = 1_000_000.0
LARGE_SHARE = 0.5
OUTAGE_SECONDS = 1.0
STOP_SECONDS = 1.5 + float(SETTINGS["GENERATION_LEASE_SECONDS"])
"""A worker that is stopped for so long has lost its leases when it goes on."""
RECOVERY_SECONDS = 45.0


async def crash(plan: CrashPlan, say: Callable[[str], object]) -> CrashReport:
    """Let everything happen that is planned, and return what came of it."""
    with (
        OpenRouterStandIn(pace=PACE) as standin,
        _production(standin) as (postgres, plane, service),
    ):
        workers = Workers(service.process.pid, service.port, standin.port)
        with LossyProxy(service.port, lost_share=LOST_SHARE) as line:
            load = KeyedLoad(line.url, plan.learners)
            readers, look = Readers(service.url, load), DatabaseLook(plane.database)
            followers = Followers(service.url, line.url, load)
            deletions = Deletions(service.url, followers)
            report = CrashReport(plan, load, readers, look, followers, deletions)
            async with (
                beside(
                    look.look_on(),
                    followers.follow_all(),
                    deletions.delete_on(),
                    *(readers.read_on() for _ in range(READERS)),
                ),
                under_load(load),
            ):
                run = _Run(report, workers, service.url, say)
                standin.script.spoil(LATE_SHARE, ["slow_first_token"])
                await run.kill_at_random()
                standin.script.reset()
                await run.kill_at_chosen_moments(plane)
                await run.stop_workers()
                report.postgres_recoveries = await run.interrupt(
                    plan.postgres_stops,
                    "stops of PostgreSQL",
                    postgres.stop_at_once,
                    postgres.start,
                )
                report.postgrest_recoveries = await run.interrupt(
                    plan.postgrest_kills,
                    "kills of PostgREST",
                    plane.postgrest.kill,
                    plane.postgrest.start,
                )
                say("no more kills")
            report.swept_after = await until_swept(plane.database)
            await followers.finish()
        followers.compare_with(_stored_ends(plane))
        await readers.read_everything()
        await asyncio.to_thread(look.look, EVER)
        report.answers, report.lost_answers = line.relayed, line.lost
        report.roadmaps_per_key = _roadmaps_per_key(plane, load)
        report.bought = account(
            plane.database,
            standin.calls.all(),
            [*workers.deaths, *workers.stops, *run.outages],
        )
        report.log = service.log
    report.seconds = time.monotonic() - run.began
    return report


@dataclass
class _Run:
    report: CrashReport
    workers: Workers
    url: str
    tell: Callable[[str], object]
    outages: list[Interruption] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    chance: random.Random = field(default_factory=partial(random.Random, 3))

    async def kill_at_random(self) -> None:
        plan, report = self.report.plan, self.report
        deadline = time.monotonic() + plan.patience
        while report.random_kills < plan.random_kills and time.monotonic() < deadline:
            await asyncio.sleep(self.chance.expovariate(1 / plan.pause))
            if await asyncio.to_thread(self.workers.kill_any, self.chance):
                report.random_kills += 1
                if report.random_kills % 25 == 0:
                    self._say(f"{report.random_kills} kills at random moments")

    async def kill_at_chosen_moments(self, plane: DataPlane) -> None:
        plan, load = self.report.plan, self.report.load
        kills = ChosenKills(self.workers, plan.chosen_kills, plan.pause)
        deadline = time.monotonic() + plan.patience
        plane.proxy.watch(kills)
        said = 0
        while kills.left and time.monotonic() < deadline:
            load.large_share = LARGE_SHARE if kills.wants(Point.LATER_TASKS) else 0
            await asyncio.sleep(0.1)
            if kills.done.total() >= said + 20:
                said = kills.done.total()
                self._say(f"{said} kills at chosen moments")
        plane.proxy.watch(None)
        load.large_share = 0
        self.report.chosen_kills = kills.done

    async def stop_workers(self) -> None:
        """Stop workers one after the other, each for longer than its leases last."""
        plan, report = self.report.plan, self.report
        deadline = time.monotonic() + plan.patience
        while report.worker_stops < plan.worker_stops and time.monotonic() < deadline:
            await asyncio.sleep(self.chance.uniform(0.5, 1.5))
            stopped = await asyncio.to_thread(self.workers.stop_any, self.chance, STOP_SECONDS)
            report.worker_stops += stopped
        self._say(f"{self.report.worker_stops} workers stopped, which went on")

    async def interrupt(
        self, times: int, name: str, stop: Callable[[], None], start: Callable[[], None]
    ) -> list[float]:
        """Stop and start something; return the seconds of each recovery, nothing without one."""
        recoveries = []
        for _ in range(times):
            await asyncio.sleep(self.chance.uniform(0.5, 2))
            at = time.time()
            await asyncio.to_thread(stop)
            await asyncio.sleep(self.chance.uniform(0.2, OUTAGE_SECONDS))
            await asyncio.to_thread(start)
            began = time.monotonic()
            if await self._until_it_reads(began + RECOVERY_SECONDS):
                recoveries.append(time.monotonic() - began)
            self.outages.append(Interruption(at, time.time()))
        self._say(f"{len(recoveries)} {name} survived")
        return recoveries

    async def _until_it_reads(self, deadline: float) -> bool:
        request = self.report.load.requests[0]
        async with httpx.AsyncClient(base_url=self.url) as client:
            while time.monotonic() < deadline:
                with contextlib.suppress(httpx.TransportError):
                    answer = await client.get("/roadmaps", params={"user_id": request.user_id})
                    if answer.is_success:
                        return True
                await asyncio.sleep(0.1)
        return False

    def _say(self, news: str) -> None:
        resolved = f"{self.report.load.resolved} of {len(self.report.load.requests)} resolved"
        self.tell(f"{time.monotonic() - self.began:>5.0f} s  {news}, {resolved}")


@contextmanager
def _production(
    standin: OpenRouterStandIn,
) -> Iterator[tuple[Postgres, DataPlane, Service]]:
    with (
        running_postgres() as postgres,
        postgres.database() as database,
        running_data_plane(database) as plane,
        tempfile.TemporaryDirectory() as directory,
    ):
        plane.apply_schema()
        note_handovers(database)
        variables = SETTINGS | plane.variables | model_variables(standin)
        with running_service("gunicorn", Path(directory), variables) as service:
            yield postgres, plane, service


def _stored_ends(plane: DataPlane) -> dict[str, int]:
    return dict(plane.query("select generation_id::text, end_number from generations"))


def _roadmaps_per_key(plane: DataPlane, load: KeyedLoad) -> Counter[int]:
    rows = plane.query(
        "select description, count(*) from roadmaps where published_at is not null group by 1"
    )
    roadmaps = dict(rows)
    return Counter(roadmaps.get(request.goal, 0) for request in load.requests)
