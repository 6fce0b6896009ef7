"""The embedded file: reads beside blocked writes."""

import asyncio
import sqlite3
import threading
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from src.dao.sqlite import file as sqlite_file
from src.dao.sqlite.file import SqliteFile
from src.domain.errors import StoreUnavailableError
from tests.support.backends import locked

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


async def note(file: SqliteFile) -> None:
    await file.write(lambda connection: connection.execute(NOTE))


async def count(file: SqliteFile) -> int:
    number: int = await file.read(lambda connection: connection.execute(COUNT).fetchone()[0])
    return number


# --- Under a lock ---------------------------------------------------------------------------------


async def test_blocked_writes_fail_soon(file: SqliteFile, path: Path) -> None:
    """However many there are, at most two wait for the lock: the others waited for their turn."""
    with locked(path):
        errors = await asyncio.gather(*(note(file) for _ in range(MANY)), return_exceptions=True)
    assert all(isinstance(error, StoreUnavailableError) for error in errors)
    reasons = Counter(map(str, errors))
    assert 1 <= reasons["database is locked"] <= 2
    assert reasons["other writes took too long"] >= MANY - 2
    await note(file)
    assert await count(file) == 1


async def test_reads_do_not_wait_for_blocked_writes(file: SqliteFile, path: Path) -> None:
    with locked(path):
        writes = [asyncio.create_task(note(file)) for _ in range(MANY)]
        await asyncio.sleep(0)
        assert await asyncio.gather(*(count(file) for _ in range(MANY))) == [0] * MANY
        assert not all(write.done() for write in writes)
        await asyncio.wait(writes)


async def test_running_write_is_completed(file: SqliteFile) -> None:
    """Even if its caller is cancelled; a write that waits for its turn is not."""
    started, gate = threading.Event(), threading.Event()

    def slowly(connection: sqlite3.Connection) -> None:
        started.set()
        gate.wait()
        connection.execute(NOTE)

    running, waiting = asyncio.create_task(file.write(slowly)), asyncio.create_task(note(file))
    await asyncio.to_thread(started.wait)
    running.cancel()
    waiting.cancel()
    await asyncio.wait({running, waiting})
    gate.set()
    await file.write(lambda connection: connection.execute("select 1"))
    assert await count(file) == 1


async def test_reads_cannot_write(file: SqliteFile) -> None:
    """So that every write goes through the one thread for writes."""
    with pytest.raises(StoreUnavailableError, match="readonly"):
        await file.read(lambda connection: connection.execute(NOTE))
