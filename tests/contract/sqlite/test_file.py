"""The embedded file: reads beside blocked writes, and a file that is deleted or replaced."""

import asyncio
import sqlite3
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from src.dao.sqlite import file as sqlite_file
from src.dao.sqlite.file import SqliteFile
from src.domain.errors import StoreFileLostError, StoreOverloadedError, StoreUnavailableError
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


async def test_small_reads_of_one_moment_have_their_own_errors(file: SqliteFile) -> None:
    """A damaged text of one learner keeps nobody else from theirs."""

    def read_damaged(connection: sqlite3.Connection) -> object:
        return connection.execute("select cast(x'ff' as text)").fetchone()[0]

    def read_sound(connection: sqlite3.Connection) -> object:
        return connection.execute(COUNT).fetchone()[0]

    reads = map(file.read_small_for_client, (read_sound, read_damaged, read_sound))
    first, damaged, last = await asyncio.gather(*reads, return_exceptions=True)
    assert (first, last) == (0, 0)
    assert isinstance(damaged, StoreUnavailableError)


async def test_blocked_writes_leave_half_of_the_queue_to_reads(
    file: SqliteFile, path: Path
) -> None:
    """Reads are served, however many writes clients wait for."""
    with locked(path):
        write = lambda connection: connection.execute(NOTE)  # noqa: E731
        writes = [asyncio.create_task(file.write_for_client(write)) for _ in range(2 * MANY)]
        await asyncio.sleep(0)
        reads = (
            file.read_for_client(lambda connection: connection.execute(COUNT).fetchone()[0])
            for _ in range(MANY // 2)
        )
        assert await asyncio.gather(*reads) == [0] * (MANY // 2)
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
    refused = sum(isinstance(outcome, StoreOverloadedError) for outcome in outcomes)
    assert refused == 2 * MANY - (MANY + sqlite_file.THREADS) // 2


# --- Deleted or replaced --------------------------------------------------------------------------


def delete(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    other = path.with_name("other.db")
    other.write_bytes(path.read_bytes())
    other.replace(path)


@pytest.mark.parametrize("lose", [delete, replace])
async def test_lost_file_is_noticed(
    file: SqliteFile,
    path: Path,
    lose: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing is acknowledged that would be gone at the next start; the log says it once."""
    kept = path.with_name("kept.db")
    kept.hardlink_to(path)
    lose(path)
    for _ in range(3):
        with pytest.raises(StoreFileLostError):
            await note(file)
        with pytest.raises(StoreFileLostError):
            await count(file)
    assert [record.message for record in caplog.records] == [
        f"the file {path} was deleted or replaced while it was open"
    ]
    exists = await asyncio.to_thread(path.exists)
    assert exists == (lose is replace)  # nobody has created another one
    kept.replace(path)  # the operator puts it back
    await note(file)
    assert await count(file) == 1


@pytest.mark.parametrize("lose", [delete, replace])
async def test_write_into_a_lost_file_fails(
    file: SqliteFile, path: Path, lose: Callable[[Path], None]
) -> None:
    """Also if it was lost after the write began."""

    def write(connection: sqlite3.Connection) -> None:
        connection.execute(NOTE)
        lose(path)

    with pytest.raises(StoreFileLostError):
        await file.write(write)
