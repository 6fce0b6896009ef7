"""The embedded file: reads beside blocked writes, and files that older code made."""

import asyncio
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from src.dao.sqlite import file as sqlite_file
from src.dao.sqlite.file import SqliteFile
from src.dao.sqlite.store import SqliteStore
from src.domain.errors import StoreUnavailableError
from tests.support.plans import new_roadmap, stored

MANY = 24
BUSY_SECONDS = 1.0
CREATE = "create table noted (number integer)"
NOTE = "insert into noted values (1)"
COUNT = "select count(*) from noted"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "momentum.db"


@pytest.fixture
async def file(path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SqliteFile]:
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT_SECONDS", BUSY_SECONDS)
    file = await SqliteFile.open(path, queue_size=MANY)
    await file.write(lambda connection: connection.execute(CREATE))
    yield file
    await file.close()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file's lock, as another process may that hangs."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin exclusive")
        yield
        other.execute("rollback")


async def note(file: SqliteFile) -> None:
    await file.write(lambda connection: connection.execute(NOTE))


async def count(file: SqliteFile) -> int:
    number: int = await file.read(lambda connection: connection.execute(COUNT).fetchone()[0])
    return number


# --- Under a lock ---------------------------------------------------------------------------------


async def test_blocked_writes_are_told_soon(file: SqliteFile, path: Path) -> None:
    """However many there are, at most two wait for the lock: the others had waited for long."""
    with locked(path):
        errors = await asyncio.gather(*(note(file) for _ in range(MANY)), return_exceptions=True)
    assert all(isinstance(error, StoreUnavailableError) for error in errors)
    told = Counter(map(str, errors))
    assert 1 <= told["database is locked"] <= 2
    assert told["other writes took too long"] >= MANY - 2
    await note(file)
    assert await count(file) == 1


async def test_reads_do_not_wait_for_blocked_writes(file: SqliteFile, path: Path) -> None:
    """Reads that are asked for after them are done before them."""
    with locked(path):
        writes = [asyncio.create_task(note(file)) for _ in range(MANY)]
        await asyncio.sleep(0)
        assert await asyncio.gather(*(count(file) for _ in range(MANY))) == [0] * MANY
        assert not all(write.done() for write in writes)
        await asyncio.wait(writes)


async def test_write_that_has_begun_is_ended(file: SqliteFile) -> None:
    """Also where nobody waits for it any more; what has not begun is not."""
    started, gate = threading.Event(), threading.Event()

    def slowly(connection: sqlite3.Connection) -> None:
        started.set()
        gate.wait()
        connection.execute(NOTE)

    begun, waiting = asyncio.create_task(file.write(slowly)), asyncio.create_task(note(file))
    await asyncio.to_thread(started.wait)
    begun.cancel()
    waiting.cancel()
    await asyncio.wait({begun, waiting})
    gate.set()
    await file.write(lambda connection: connection.execute("select 1"))
    assert await count(file) == 1


async def test_reads_cannot_write(file: SqliteFile) -> None:
    """So that no write gets by the one thread that they take turns on."""
    with pytest.raises(StoreUnavailableError, match="readonly"):
        await file.read(lambda connection: connection.execute(NOTE))


# --- Made by older code ---------------------------------------------------------------------------

LATER_COLUMNS = r" *(priced_calls|changed_hands) integer not null default 0,\n"
OLDER_RULE = (
    "drop view ledger; create view ledger as select 'generation' as entry, 7.0 as dollars;\n"
)


def make_older(path: Path) -> None:
    """Make a file as an earlier version did: fewer columns, and another rule of the ledger."""
    schema = re.sub(LATER_COLUMNS, "", sqlite_file.SCHEMA)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(schema + OLDER_RULE)


def schema_of(path: Path) -> list[list[object]]:
    """Return the columns of every table, wherever in it they stand, and all else by its words."""
    columns = (
        'select t.name, c.name, c.type, c."notnull", c.dflt_value, c.pk'
        " from sqlite_master as t, pragma_table_info(t.name) as c where t.type = 'table'"
    )
    others = "select name, sql from sqlite_master where type <> 'table'"
    with closing(sqlite3.connect(path)) as connection:
        return [
            sorted(connection.execute(query).fetchall(), key=str) for query in (columns, others)
        ]


async def test_older_file_gets_the_columns_and_the_rule(path: Path, tmp_path: Path) -> None:
    """It then has what a new one has, and serves, whichever of several processes came first."""
    make_older(path)
    stores = await asyncio.gather(*(SqliteStore.open(path) for _ in range(8)))
    roadmap = await stored(stores[0], new_roadmap())
    assert [await store.get_roadmap(roadmap.roadmap_id) for store in stores] == [roadmap] * 8
    new = tmp_path / "new.db"
    for store in (*stores, await SqliteStore.open(new)):
        await store.close()
    assert schema_of(path) == schema_of(new)


async def test_upgrade_is_whole_or_not_at_all(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails at its end leaves the older file, with its ledger, as it was."""
    make_older(path)
    before = schema_of(path)
    with monkeypatch.context() as patch:
        patch.setattr(sqlite_file, "SCHEMA", f"{sqlite_file.SCHEMA}\nselect nothing;\n")
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            with pytest.raises(sqlite3.OperationalError, match="nothing"):
                sqlite_file._create_schema(connection)  # noqa: SLF001  the step that fails
    assert schema_of(path) == before
