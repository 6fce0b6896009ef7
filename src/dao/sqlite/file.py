"""One SQLite file: opens it and runs work on it in transactions, off the event loop."""

import asyncio
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self, TypeAlias, TypeVar, cast

import stamina
from aiodataloader import DataLoader

from src.dao.bounded_queue import BoundedQueue
from src.dao.sqlite.upgrades import transaction, upgrade
from src.domain.errors import StoreConflictError, StoreFileLostError, StoreUnavailableError
from src.telemetry import spend

logger = logging.getLogger(__name__)

BUSY_TIMEOUT_SECONDS = 5.0
"""How long a write may wait for its turn, and then as long again for another process's lock."""

THREADS = 4
"""One thread writes, since SQLite allows one writer at a time; the others read."""

MOST_AT_ONCE = 8
"""Small reads that one thread does before others get their turn."""

T = TypeVar("T")
_Work: TypeAlias = Callable[[sqlite3.Connection], object]


class _FileGuard:
    """Notices if the open file is no longer the one at its path: what is written then is lost."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: os.stat_result | None = None
        self._is_lost = False

    def remember(self) -> None:
        """Take the file that is at the path now for the open one."""
        self._opened = self._path.stat()

    def check(self) -> None:
        """Raise `StoreFileLostError` if the file was deleted or replaced. Takes microseconds."""
        if self._opened is None:
            return
        try:
            is_lost = not os.path.samestat(self._opened, self._path.stat())
        except OSError:
            is_lost = True
        if is_lost and not self._is_lost:
            logger.error("the file %s was deleted or replaced while it was open", self._path)
        self._is_lost = is_lost
        if is_lost:
            raise StoreFileLostError("the file was deleted or replaced")


class _ThreadPool:
    """Threads with one connection each. Translates SQLite's errors."""

    def __init__(self, path: Path, guard: _FileGuard, count: int, *pragmas: str) -> None:
        self._path = path
        self._guard = guard
        self._pragmas = pragmas
        self._executor = ThreadPoolExecutor(count, thread_name_prefix="sqlite")
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def on_thread() -> T:
            with _translate_errors():
                self._guard.check()  # before a new connection would create another file
                result = work(self._connection())
                self._guard.check()  # what was written must have gone to the file at the path
                return result

        return await asyncio.get_running_loop().run_in_executor(self._executor, on_thread)

    async def close(self) -> None:
        await asyncio.to_thread(self._executor.shutdown)
        for connection in self._connections:
            connection.close()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self._path,
                timeout=BUSY_TIMEOUT_SECONDS,
                isolation_level=None,  # only `transaction` begins transactions
                check_same_thread=False,  # `close` runs on another thread, once this one has ended
            )
            self._connections.append(connection)
            connection.row_factory = sqlite3.Row
            for pragma in self._pragmas:
                connection.execute(f"pragma {pragma}")
            self._local.connection = connection
        return connection


class SqliteFile:
    """Runs work on threads of its own, so that reads never wait for writes.

    A write is refused if it has waited for its turn longer than the busy timeout. So every caller
    gets an answer within two busy timeouts, however many callers wait while the file is locked.
    Work that has started runs to its end even if its caller is cancelled.
    """

    def __init__(self, path: Path, queue_size: int) -> None:
        self._guard = _FileGuard(path)
        self._queue = BoundedQueue(THREADS + queue_size)
        self._write_queue = self._queue.half()
        self._readers = _ThreadPool(path, self._guard, THREADS - 1, "query_only = on")
        self._writer = _ThreadPool(path, self._guard, 1, "foreign_keys = on")
        self._small_reads = DataLoader[_Work, object](
            self._read_one_after_another, max_batch_size=MOST_AT_ONCE, cache=False
        )

    @classmethod
    async def open(cls, path: Path, queue_size: int) -> Self:
        """Open the file; create it and its tables if they are missing.

        At most `queue_size` pieces of clients' work wait for a thread.

        Raises:
            StoreUnavailableError: the file cannot be opened or is not a database.
        """
        file = cls(path, queue_size)
        try:
            # Several processes may open a new file at once, and the switch to WAL fails at once
            # if the file is locked, instead of waiting as other statements do.
            async for attempt in stamina.retry_context(
                on=StoreUnavailableError, attempts=10, timeout=5, wait_initial=0.05, wait_max=0.5
            ):
                with attempt:
                    await file._writer.run(_prepare)
            file._guard.remember()
        except BaseException:
            await file.close()
            raise
        return file

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run work that writes nothing, and return its result."""
        with spend("database"):
            return await self._readers.run(work)

    async def read_for_client(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Read for a client that waits, unless too many wait already (StoreOverloadedError)."""
        with self._queue.slot():
            return await self.read(work)

    async def read_small_for_client(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do the same for work of less than a millisecond.

        What is asked for at the same moment is done one after another on the same thread: under
        load, the way to a thread and back takes longer than the work.
        """
        with self._queue.slot(), spend("database"):
            return cast("T", await self._small_reads.load(work))

    async def _read_one_after_another(self, works: Sequence[_Work]) -> list[object]:
        return await self._readers.run(lambda connection: [_outcome(w, connection) for w in works])

    async def write_for_client(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Write for a client that waits, unless too many wait already (StoreOverloadedError).

        While the file is locked, writes leave half of the queue to reads.
        """
        with self._write_queue.slot():
            return await self.write(work)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run work in one transaction, and return its result once that is committed."""
        asked_at = time.monotonic()

        def in_transaction(connection: sqlite3.Connection) -> T:
            if time.monotonic() - asked_at > BUSY_TIMEOUT_SECONDS:
                raise StoreUnavailableError("other writes took too long")
            with transaction(connection, "immediate"):
                return work(connection)

        with spend("database"):
            return await self._writer.run(in_transaction)

    async def close(self) -> None:
        """Wait for running work, which the busy timeout bounds, and close the connections."""
        await self._writer.close()
        await self._readers.close()


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("pragma journal_mode = wal")  # a property of the file, for all connections
    upgrade(connection)


def _outcome(work: _Work, connection: sqlite3.Connection) -> object:
    """Return a result or an error, which `DataLoader` raises for the caller of this work alone."""
    try:
        with _translate_errors():
            return work(connection)
    except Exception as error:  # noqa: BLE001  its caller gets it
        return error


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise StoreConflictError(str(error)) from error
    except sqlite3.Error as error:
        # Locked for longer than the busy timeout, a full disk, a read-only or damaged file.
        raise StoreUnavailableError(str(error)) from error


def now(plus_seconds: float = 0) -> str:
    """Return the current time plus some seconds, in the tables' text format."""
    return (datetime.now(UTC) + timedelta(seconds=plus_seconds)).isoformat(timespec="microseconds")
