"""Several workers on one SQLite file, killed while they write."""

import asyncio
import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.crash import UNBOUNDED
from tests.support.keyed_load import KeyedLoad, beside, under_load
from tests.support.lossy_proxy import LossyProxy
from tests.support.onlookers import Readers
from tests.support.service import free_port, gunicorn_command, running_process
from tests.support.workers import Workers

KILLS = 60
WORKERS = 4


async def tick_off(url: str, load: KeyedLoad, statuses: Counter[int]) -> None:
    """Complete tasks of roadmaps that are there, without end."""
    chance = random.Random(5)
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        while True:
            done = [wish.answer for wish in load.wishes[-20:] if wish.answer]
            try:
                if done:
                    path = f"/roadmap/{chance.choice(done)['roadmap_id']}"
                    tasks = (await client.get(path)).json()["tasks"]
                    update = {"task_id": chance.choice(tasks)["id"], "completed": True}
                    answer = await client.post("/task/update", json=update)
                    statuses[answer.status_code] += 1
            except httpx.TransportError:
                pass  # Its worker was killed.
            await asyncio.sleep(0.02)


@pytest.mark.alone
@pytest.mark.timeout(180)
async def test_four_writers_are_killed_on_one_file(tmp_path: Path) -> None:
    """Sixty kills leave a sound file with one whole roadmap per key, and no lock is ever told."""
    port = free_port()
    variables = {
        "WEB_CONCURRENCY": str(WORKERS),
        "GENERATION_LEASE_SECONDS": "2",
        "SWEEP_INTERVAL_SECONDS": "1",
        **UNBOUNDED,
    }
    with running_process(gunicorn_command(), port, tmp_path, variables) as service:
        workers = Workers(service.process.pid, urlsplit(service.url).port or 0)
        line = LossyProxy(port, lost_share=0.5)
        chance = random.Random(1)
        ticked: Counter[int] = Counter()
        async with line.running():
            load = KeyedLoad(line.url, learners=8)
            readers = Readers(service.url, load)
            async with (
                beside(readers.read_on(), tick_off(service.url, load, ticked)),
                under_load(load),
            ):
                while len(workers.deaths) < KILLS:
                    await asyncio.sleep(chance.expovariate(1 / 0.3))
                    await asyncio.to_thread(workers.kill_any, chance)
        await readers.read_everything()
        log = service.log

    with closing(sqlite3.connect(tmp_path / "momentum.db")) as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert connection.execute("pragma foreign_key_check").fetchall() == []
        roadmaps = dict(
            connection.execute("select description, count(*) from roadmaps group by 1").fetchall()
        )
    assert {wish.goal: 1 for wish in load.wishes} == roadmaps
    assert load.resolved == len(load.wishes) > 50
    assert not +load.faults, load.faults
    assert not [name for name in load.statuses if name.startswith("5")], load.statuses
    assert set(ticked) == {200}, ticked
    assert not readers.partial | readers.gone
    assert set(readers.unread) <= {"ReadError", "RemoteProtocolError"}, readers.unread
    assert "locked" not in log
    assert "Traceback" not in log
    errors = [line for line in log.splitlines() if " ERROR " in line]
    assert all("SIGKILL" in line for line in errors), errors
