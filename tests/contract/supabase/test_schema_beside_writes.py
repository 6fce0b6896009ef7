"""`src/dao/schema.sql` while the service works on the same database."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest

from src.dao import Store
from src.domain.generation import Failure, Lease, ProgressReport
from src.domain.plan import ModelUsage
from src.domain.quotas import NewQuestion, Requester
from tests.contract.supabase.test_schema import catalog_of
from tests.support.data_plane import SCHEMA, Database, DataPlane, Postgres, open_store
from tests.support.plans import UNBOUNDED, begun, new_roadmap, parts_of, roadmap_of
from tests.support.reads import list_tasks, list_weeks
from tests.support.waiting import wait_until

ROUNDS = 12
LEARNERS = 6
USAGE = ModelUsage(model="offline")


async def generate_tick_and_delete(store: Store) -> None:
    """Do what a learner does with a roadmap, from its generation to its end."""
    plan = await begun(store, new_roadmap(weeks=1))
    lease = Lease(lease_id=plan.lease_id, seconds=60)
    report = ProgressReport(first_number=1, parts=parts_of(plan), weeks_done=1, usage=USAGE)
    await store.generations.record_progress(lease, report)
    roadmap = roadmap_of(await store.add_roadmap(plan))
    tasks = await list_tasks(store, roadmap.roadmap_id)
    await asyncio.gather(
        list_weeks(store, roadmap.roadmap_id),
        *(store.set_task_completed(task.id, completed=True) for task in tasks[:3]),
    )
    await store.delete_roadmap(roadmap.roadmap_id, plan.user_id)


async def ask(store: Store) -> None:
    requester = Requester(user_id=uuid4(), client_key="somewhere")
    question = NewQuestion(requester=requester, reserved_dollars=0.1)
    await store.questions.begin(question, UNBOUNDED)
    await store.questions.finish(question.question_id, USAGE, cost_known=True)


async def sweep(store: Store) -> None:
    await store.generations.sweep(Failure(problem="swept"))


async def test_schema_and_live_requests_do_not_deadlock(data_plane: DataPlane) -> None:
    """Every run succeeds, and so does every request meanwhile, of readers and writers."""
    finished = asyncio.Event()

    async def live(store: Store, number: int) -> int:
        rounds = 0
        while not finished.is_set():
            await generate_tick_and_delete(store)
            await (ask if number % 2 else sweep)(store)
            rounds += 1
        return rounds

    async with open_store(data_plane.url, data_plane.service_key) as store:
        lives = [asyncio.create_task(live(store, number)) for number in range(LEARNERS)]
        try:
            for _ in range(ROUNDS):
                await asyncio.to_thread(data_plane.database.run_file, SCHEMA)
        finally:
            finished.set()
            outcomes = await asyncio.gather(*lives, return_exceptions=True)
    assert all(isinstance(rounds, int) and rounds for rounds in outcomes), outcomes
    # The store repeats requests whose answer is an error, so their statuses have to tell.
    assert {exchange.status for exchange in data_plane.proxy.exchanges} <= {200, 201, 204}


@pytest.fixture
def database(postgres: Postgres) -> Iterator[Database]:
    """Offer a database with an older schema: that of the product without one of its indexes."""
    with postgres.database() as database:
        database.run_file(SCHEMA)
        database.execute("drop index rules_goal_keyword")
        yield database


def test_every_relation_is_locked_first(database: Database) -> None:
    """So that nobody forgets a new table there."""
    first_block = SCHEMA.read_text().partition("end $$;")[0]
    relations = database.query(
        "select relname from pg_class"
        " where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v')"
    )
    assert len(relations) >= 12
    assert [name for (name,) in relations if f"'{name}'" not in first_block] == []


@pytest.mark.parametrize("relation", ["goals", "roadmap_weeks"])
def test_schema_gives_up_on_a_lock_that_is_held(database: Database, relation: str) -> None:
    """It says so, has changed nothing, and succeeds once the lock is released."""
    before = catalog_of(database)
    with psycopg.connect(database.uri()) as other:
        other.execute(f"select from {relation}".encode())
        with pytest.raises(RuntimeError, match=r"could not lock \w+ within 5s") as caught:
            database.run_file(SCHEMA)
    assert "Nothing has changed. Apply schema.sql again." in str(caught.value)
    assert catalog_of(database) == before
    database.run_file(SCHEMA)
    assert "rules_goal_keyword" in str(catalog_of(database)["indexes"])


@pytest.mark.parametrize(
    ("busy", "write"),
    [
        ("goals", "delete from roadmaps where roadmap_id = 1"),
        ("roadmaps", "update roadmap_tasks set completed = true"),
    ],
)
def test_schema_holds_no_lock_while_it_waits(database: Database, busy: str, write: str) -> None:
    """Until it gets the table that it waits for, the others can be read and written.

    That holds for a table of a view, too: who locks a view locks its tables one after another.
    """
    locks = "select from pg_locks where mode = 'AccessExclusiveLock' and"
    waits = f"{locks} not granted and relation = '{busy}'::regclass"
    with (
        psycopg.connect(database.uri()) as other,
        ThreadPoolExecutor() as threads,
    ):
        other.execute(f"select from {busy}".encode())
        run = threads.submit(database.run_file, SCHEMA)
        # Longer than its short waits: now it has released the rest and waits for this table.
        for _ in range(3):
            wait_until(lambda: bool(database.query(waits)))
            time.sleep(0.05)
        assert database.query(f"{locks} granted") == []
        database.execute(
            f"set lock_timeout = '100ms'; {write}; update generations set weeks_done = 1"  # noqa: S608  ours
        )
        assert not run.done()
        other.rollback()
        run.result()
