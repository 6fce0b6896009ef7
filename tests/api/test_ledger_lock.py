"""A lock on the ledger that something holds: what begins is refused, everything else is served."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from uuid import uuid4

import httpx
import psycopg
import pytest

from src.dao import open_store
from src.dao.supabase.client import LEDGER_CONNECTIONS
from tests.api.replicas import Replica, replica
from tests.support.backends import count
from tests.support.data_plane import BUSY_SESSIONS, DataPlane
from tests.support.learners import ANA, REQUEST
from tests.support.settings import isolated_settings
from tests.support.waiting import until_true

LOCKS = {
    "of the ledger": "select pg_advisory_xact_lock(hashtext('momentum-ai: the ledger'))",
    # As `alter table` holds it: here no read needs that table.
    "of a table": "lock table questions in access exclusive mode",
}
WAITING = "select from pg_locks where not granted"
JUST_USED = """
select pid from pg_stat_activity where datname = current_database()
    and usename = 'authenticator' and state_change > now() - interval '5 seconds'
"""
CONNECTED = "select pid from pg_stat_activity where usename = 'authenticator'"
BEGINS = 30
ROUNDS = 5


@pytest.fixture
async def on(monkeypatch: pytest.MonkeyPatch, data_plane: DataPlane) -> AsyncIterator[Replica]:
    settings = isolated_settings(
        monkeypatch,
        supabase_url=data_plane.url,
        supabase_service_role_key=data_plane.service_key,
    )
    async with replica(settings, await open_store(settings)) as on:
        yield on


@contextmanager
def locked(plane: DataPlane, statement: str) -> Iterator[None]:
    """Hold a lock in a transaction that does not end."""
    with closing(psycopg.connect(plane.database.uri())) as other:
        other.execute(statement.encode())
        yield


def begin(on: Replica, number: int, roadmap_id: int) -> "asyncio.Task[httpx.Response]":
    """Ask for a roadmap or, every third time, ask the assistant."""
    user, body = str(uuid4()), {"roadmap_id": roadmap_id, "input_data": "Why?"}
    if number % 3:
        request = on.client.post("/generate_roadmap", json=REQUEST | {"user_id": user})
    else:
        request = on.client.post("/ask-assistant", json=body | {"user_id": ANA})
    return asyncio.create_task(request)


@pytest.mark.parametrize("lock", LOCKS)
async def test_lock_on_the_ledger_stops_begins_alone(
    on: Replica, data_plane: DataPlane, lock: str
) -> None:
    """Thirty begins get 503 and a time to wait. Reads and ticks are answered before them.

    Nothing of what was refused is stored, then or later.
    """
    created = (await on.client.post("/generate_roadmap", json=REQUEST)).json()
    path = f"/roadmap/{created['roadmap_id']}"
    (task, *_) = (await on.client.get(path)).json()["tasks"]
    update = {"task_id": task["id"], "completed": True}
    with locked(data_plane, LOCKS[lock]):
        begins = [begin(on, number, created["roadmap_id"]) for number in range(BEGINS)]
        await until_true(lambda: bool(data_plane.query(WAITING)))
        for _ in range(ROUNDS):
            assert await on.roadmaps(ANA) == [created]
            assert (await on.client.get(f"{path}/weeks")).status_code == httpx.codes.OK
            assert (await on.client.post("/task/update", json=update)).status_code == httpx.codes.OK
            assert len(data_plane.query(WAITING)) <= LEDGER_CONNECTIONS
        assert not all(task.done() for task in begins)
        answers = await asyncio.gather(*begins)
        assert [answer.status_code for answer in answers] == [503] * BEGINS
        assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
    await until_true(lambda: data_plane.proxy.is_idle and not data_plane.query(BUSY_SESSIONS))
    assert (count(data_plane, "generations"), count(data_plane, "questions")) == (1, 0)
    assert (await begin(on, 1, created["roadmap_id"])).status_code == httpx.codes.OK
    assert (await begin(on, 0, created["roadmap_id"])).status_code == httpx.codes.OK


async def test_refused_begin_leaves_postgrest_its_connections(
    on: Replica, data_plane: DataPlane
) -> None:
    """Any 503 of its own makes PostgREST close them and read the schema again."""
    assert await on.roadmaps(ANA) == []
    before = set(data_plane.query(JUST_USED))
    assert before
    with locked(data_plane, LOCKS["of the ledger"]):
        answer = await begin(on, 1, 0)
    assert answer.json()["type"].endswith("database-overloaded")
    assert before <= set(data_plane.query(CONNECTED))
