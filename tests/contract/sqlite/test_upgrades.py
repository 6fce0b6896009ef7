"""Files of older releases: upgraded with every row, whole or not at all."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from src.dao.sqlite import upgrades
from src.dao.sqlite.store import SqliteStore
from src.domain.errors import (
    GenerationCancelledError,
    ModelMisconfiguredError,
    ModelOutputError,
    ModelTooSlowError,
    StoreUnavailableError,
)
from src.domain.generation import NewGeneration
from src.domain.plan import PlanRequest
from src.domain.quotas import Requester
from tests.support.plans import new_roadmap, stored
from tests.support.reads import list_roadmaps, list_tasks

RELEASE_0_1 = Path(__file__).with_name("release_0_1.sqlite3")
"""Written by release 0.1: a roadmap whose first task is completed, generations that ended in each
way or were left behind, and questions whose cost is known, partly known, or open."""

BEFORE_0_1 = "alter table {} drop column {};"
LATER_COLUMNS = (
    ("generations", "priced_calls"),
    ("generations", "changed_hands"),
    ("questions", "priced_calls"),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Offer a copy of a file that release 0.1 wrote."""
    return Path(shutil.copy(RELEASE_0_1, tmp_path / "momentum.db"))


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def schema_of(path: Path) -> list[list[object]]:
    """Return the columns of every table, in any order, and the SQL of all else."""
    columns = (
        'select t.name, c.name, c.type, c."notnull", c.dflt_value, c.pk'
        " from sqlite_master as t, pragma_table_info(t.name) as c where t.type = 'table'"
    )
    others = "select name, sql from sqlite_master where type <> 'table'"
    return [sorted(query(path, sql), key=str) for sql in (columns, others)]


def rows_of(path: Path, columns: dict[str, list[str]]) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: sorted(query(path, f"select {', '.join(names)} from {table}"), key=str)  # noqa: S608  own names
        for table, names in columns.items()
    }


async def open_and_close(path: Path) -> None:
    await (await SqliteStore.open(path)).close()


async def test_every_row_of_release_0_1_is_kept(path: Path) -> None:
    """Each value in each column, and what everything counts for in the budget."""
    tables = [
        name for (name,) in query(path, "select name from sqlite_master where type = 'table'")
    ]
    columns = {
        table: [row[1] for row in query(path, f"pragma table_info({table})")] for table in tables
    }
    ledger = "select entry, started_at, dollars from ledger order by started_at"
    rows, dollars = rows_of(path, columns), query(path, ledger)
    assert all(rows[table] for table in ("roadmaps", "roadmap_tasks", "generations", "questions"))
    await open_and_close(path)
    assert rows_of(path, columns) == rows
    assert query(path, ledger) == dollars


async def test_file_of_release_0_1_serves(path: Path) -> None:
    """The store reads it, and an identical request still has its fingerprint."""
    store = await SqliteStore.open(path)
    (user_id,) = {UUID(row[0]) for row in query(path, "select user_id from roadmaps")}
    (roadmap,) = await list_roadmaps(store, user_id)
    assert roadmap.description == "Learn Rust"
    tasks = await list_tasks(store, roadmap.roadmap_id)
    assert [task.completed for task in tasks][:2] == [True, False]
    assert {task.estimated_minutes for task in tasks} == {None}
    records = {
        record.request.goal: record
        for (generation_id,) in query(path, "select generation_id from generations")
        if (record := await store.generations.get(UUID(generation_id))).request
    }
    errors = {goal: type(record.error) for goal, record in records.items() if record.error}
    assert errors == {
        "Learn Go": ModelOutputError,
        "Learn C": ModelTooSlowError,
        "Learn D": ModelMisconfiguredError,
        "Learn E": GenerationCancelledError,
    }
    assert records["Learn E"].state == "cancelled"
    request = PlanRequest(goal="Learn Rust", duration_weeks=1, daily_hours=2, level="intermediate")
    requester = Requester(user_id=user_id, client_key="c")
    repeated = NewGeneration(requester=requester, request=request)
    assert repeated.fingerprint == records["Learn Rust"].fingerprint
    await stored(store, new_roadmap(user_id))
    await store.close()


@pytest.mark.parametrize("age", ["of release 0.1", "older", "back with release 0.1"])
async def test_upgraded_file_has_the_schema_of_a_new_one(
    path: Path, tmp_path: Path, age: str
) -> None:
    """Even if several processes open it at once."""
    if age == "older":
        drops = "".join(BEFORE_0_1.format(*column) for column in LATER_COLUMNS)
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(f"drop view ledger; {drops} pragma user_version = 0;")
    elif age == "back with release 0.1":
        checksum = query(path, "pragma user_version")[0][0]
        await open_and_close(path)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"pragma user_version = {checksum}")
    await asyncio.gather(*(open_and_close(path) for _ in range(8)))
    await open_and_close(tmp_path / "new.db")
    assert schema_of(path) == schema_of(tmp_path / "new.db")


async def test_upgrade_is_whole_or_not_at_all(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure at its end leaves the older file as it was."""
    before = schema_of(path)
    broken = tmp_path / "schema.sql"
    broken.write_text(f"{upgrades.SCHEMA_PATH.read_text()}\nselect nothing;\n")
    with monkeypatch.context() as patch:
        patch.setattr(upgrades, "SCHEMA_PATH", broken)
        with (
            closing(sqlite3.connect(path, isolation_level=None)) as connection,
            pytest.raises(sqlite3.OperationalError, match="nothing"),
        ):
            upgrades.upgrade(connection)
    assert schema_of(path) == before


@pytest.mark.long(5)
async def test_file_of_a_newer_release_is_refused(path: Path) -> None:
    """An older release must not write to it."""
    await open_and_close(path)
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("pragma user_version").fetchone()
        connection.execute(f"pragma user_version = {version + 1}")
    with pytest.raises(StoreUnavailableError, match="newer release"):
        await SqliteStore.open(path)
