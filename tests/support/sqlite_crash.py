"""Four workers on one SQLite file under load, killed while they write."""

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.followers import Deletions, Followers
from tests.support.keyed_load import KeyedLoad, beside, under_load
from tests.support.lossy_proxy import LossyProxy
from tests.support.onlookers import Readers
from tests.support.service import running_service
from tests.support.workers import Workers

VARIABLES = {
    "WEB_CONCURRENCY": "4",
    "GENERATION_LEASE_SECONDS": "2",
    "SWEEP_INTERVAL_SECONDS": "1",
}
LEARNERS = 8
MEAN_PAUSE_SECONDS = 0.8


@dataclass
class SqliteCrash:
    """What happened to the service, its clients and its file."""

    database: Path
    kills: int
    load: KeyedLoad
    readers: Readers
    followers: Followers
    deletions: Deletions
    updates: Counter[int]
    """The statuses with which `POST /task/update` was answered."""
    log: str

    def faults(self) -> Iterator[str]:
        """Yield a sentence for each promise that was broken.

        Leases of two seconds may be renewed late on a busy machine: then a worker takes no more
        generations for a moment, and says so. Each key has its roadmap in the end all the same.
        """
        with closing(sqlite3.connect(self.database)) as connection:
            integrity = connection.execute("pragma integrity_check").fetchall()
            dangling = connection.execute("pragma foreign_key_check").fetchall()
            roadmaps = dict(
                connection.execute("select description, count(*) from roadmaps group by 1")
            )
            ends = dict(connection.execute("select generation_id, end_number from generations"))
        self.followers.compare_with(ends)
        load, readers = self.load, self.readers
        errors = [line for line in self.log.splitlines() if " ERROR " in line]
        checks = {
            "a sound file": integrity == [("ok",)] and not dangling,
            "one roadmap per key": (
                {goal: number for goal, number in roadmaps.items() if "Forget" not in goal}
                == {request.goal: 1 for request in load.requests}
            ),
            f"the same events for all: {+self.followers.faults}": not +self.followers.faults,
            "deletions beside the kills": self.deletions.done > 0,
            "a definite answer per key": load.resolved == len(load.requests),
            f"load beside the kills: {load.resolved}": load.resolved > self.kills / 2,
            f"no fault: {load.faults}": not +load.faults,
            f"no server error but capacity: {load.statuses}": not any(
                status[0] == "5" and status != "503 overloaded" for status in load.statuses
            ),
            f"updates answered with 200: {self.updates}": set(self.updates) == {200},
            "whole roadmaps, which stay": not readers.partial | readers.gone,
            f"every other read answered: {readers.unread}": (
                readers.unread.keys() <= {"ReadError", "RemoteProtocolError"}
            ),
            "no lock in the log": "locked" not in self.log,
            "no traceback in the log": "Traceback" not in self.log,
            f"no error but the kills and capacity: {errors}": all(
                "SIGKILL" in line or "OverloadedError" in line for line in errors
            ),
        }
        yield from (f"not kept: {name}" for name, is_kept in checks.items() if not is_kept)


async def crash_on_sqlite(directory: Path, kills: int) -> SqliteCrash:
    """Kill a random worker so many times under load, and return what came of it."""
    with running_service("gunicorn", directory, VARIABLES) as service:
        workers = Workers(service.process.pid, service.port)
        chance = random.Random(1)
        updates: Counter[int] = Counter()
        with LossyProxy(service.port, lost_share=0.5) as line:
            load = KeyedLoad(line.url, LEARNERS)
            readers = Readers(service.url, load)
            followers = Followers(service.url, line.url, load)
            deletions = Deletions(service.url, followers)
            async with (
                beside(
                    readers.read_on(),
                    followers.follow_all(),
                    deletions.delete_on(),
                    _complete_tasks(service.url, load, updates),
                ),
                under_load(load),
            ):
                while len(workers.deaths) < kills:
                    await asyncio.sleep(chance.expovariate(1 / MEAN_PAUSE_SECONDS))
                    await asyncio.to_thread(workers.kill_any, chance)
            await followers.finish()
        await readers.read_everything()
        return SqliteCrash(
            directory / "momentum.db",
            kills,
            load,
            readers,
            followers,
            deletions,
            updates,
            service.log,
        )


async def _complete_tasks(url: str, load: KeyedLoad, statuses: Counter[int]) -> None:
    """Complete tasks of the latest roadmaps, until cancelled."""
    chance = random.Random(5)
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        while True:
            roadmaps = [request.answer for request in load.requests[-20:] if request.answer]
            try:
                if roadmaps:
                    path = f"/roadmap/{chance.choice(roadmaps)['roadmap_id']}"
                    tasks = (await client.get(path)).json()["tasks"]
                    update = {"task_id": chance.choice(tasks)["id"], "completed": True}
                    answer = await client.post("/task/update", json=update)
                    statuses[answer.status_code] += 1
            except httpx.TransportError:
                pass  # Its worker was killed.
            await asyncio.sleep(0.02)
