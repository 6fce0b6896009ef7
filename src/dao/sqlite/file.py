"""One SQLite file: its schema, and work on it in transactions, off the event loop."""

import asyncio
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self, TypeVar

import stamina

from src.dao.bounded_queue import BoundedQueue
from src.domain.errors import StoreConflictError, StoreUnavailableError

SCHEMA = """
create table if not exists roadmaps (
    roadmap_id integer primary key autoincrement,
    user_id text not null,
    description text not null,
    level text not null,
    duration_weeks integer not null,
    daily_hours real not null,
    is_active integer not null default 1,
    created_at text not null
);
create index if not exists roadmaps_user_newest
    on roadmaps (user_id, created_at desc, roadmap_id desc);
create table if not exists roadmap_tasks (
    id text primary key,
    roadmap_id integer not null references roadmaps (roadmap_id) on delete cascade,
    week_number integer not null,
    weekly_goal text not null,
    day_number integer not null,
    position integer not null,
    task_text text not null,
    effort text not null,
    category text not null,
    completed integer not null default 0,
    completed_at text,
    created_at text not null
);
create unique index if not exists roadmap_tasks_in_order
    on roadmap_tasks (roadmap_id, week_number, day_number, position);
create table if not exists generations (
    generation_id text primary key,
    user_id text not null,
    client text not null,
    reserved_dollars real not null,
    fingerprint text not null,
    idempotency_key text,
    request text,
    weeks_total integer not null,
    weeks_done integer not null default 0,
    started_at text not null,
    finished_at text,
    lease_id text not null unique,
    lease_until text not null,
    resumptions integer not null default 0,
    changed_hands integer not null default 0,
    roadmap_id integer,
    roadmap text,
    problem text,
    model text not null default '',
    calls integer not null default 0,
    priced_calls integer not null default 0,
    retries integer not null default 0,
    prompt_tokens integer not null default 0,
    completion_tokens integer not null default 0,
    cost_dollars real,
    first_day_seconds real
);
create index if not exists generations_user on generations (user_id, started_at);
create index if not exists generations_client on generations (client, started_at);
create index if not exists generations_started on generations (started_at);
create index if not exists generations_unfinished
    on generations (lease_until) where finished_at is null;
create index if not exists generations_roadmap on generations (roadmap_id);
create unique index if not exists generations_key
    on generations (user_id, idempotency_key)
    where idempotency_key is not null and problem is null;
create unique index if not exists generations_twin
    on generations (user_id, fingerprint)
    where idempotency_key is null and finished_at is null;
create table if not exists generation_events (
    generation_id text not null references generations (generation_id) on delete cascade,
    number integer not null,
    kind text not null,
    part text not null,
    created_at text not null,
    primary key (generation_id, number)
) without rowid;
create table if not exists questions (
    question_id text primary key,
    user_id text not null,
    client text not null,
    reserved_dollars real not null,
    started_at text not null,
    finished_at text,
    model text not null default '',
    calls integer not null default 0,
    priced_calls integer not null default 0,
    retries integer not null default 0,
    prompt_tokens integer not null default 0,
    completion_tokens integer not null default 0,
    cost_dollars real
);
create index if not exists questions_user on questions (user_id, started_at);
create index if not exists questions_client on questions (client, started_at);
create index if not exists questions_started on questions (started_at);
drop view if exists ledger;
create view ledger as
select entry, user_id, client, started_at, finished_at,
    case
        when finished_at is not null and calls = 0 and not changed_hands
            and coalesce(problem, '') not in (
                'GenerationCancelledError', 'GenerationAbandonedError', 'ModelTooSlowError'
            )
            then 0
        when finished_at is null or problem is not null or changed_hands or priced_calls < calls
            then max(reserved_dollars, coalesce(cost_dollars, 0))
        else cost_dollars
    end as dollars
from (
    select 'generation' as entry, user_id, client, started_at, finished_at, problem, changed_hands,
        calls, priced_calls, reserved_dollars, cost_dollars
    from generations
    union all
    select 'question', user_id, client, started_at, finished_at, null, 0,
        calls, priced_calls, reserved_dollars, cost_dollars
    from questions
);
create trigger if not exists forget_generation_events after delete on roadmaps
begin
    delete from generation_events where generation_id in
        (select generation_id from generations where roadmap_id = old.roadmap_id);
end;
"""
"""Tables as in schema.sql, times as ISO 8601 text in UTC, which sorts as the times do."""

SCHEMA_VERSION = zlib.crc32(SCHEMA.encode()) & 0x7FFFFFFF
"""What a file says that has this schema: it is not written to where nothing is to change."""

LATER_COLUMNS = (
    ("generations", "priced_calls"),
    ("generations", "changed_hands"),
    ("questions", "priced_calls"),
)
"""Those that a file made by older code lacks; all are numbers that begin at 0."""

BUSY_TIMEOUT_SECONDS = 5.0
"""How long a write waits for another process's before it fails, and before that for its turn."""

THREADS = 4
"""One writes, since SQLite lets one write at a time; the others read meanwhile."""

T = TypeVar("T")


class _Threads:
    """Threads that have a connection each, with SQLite's errors translated."""

    def __init__(self, path: Path, count: int, *pragmas: str) -> None:
        self._path = path
        self._pragmas = pragmas
        self._executor = ThreadPoolExecutor(count, thread_name_prefix="sqlite")
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def on_thread() -> T:
            with _translated_errors():
                return work(self._connection())

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
                isolation_level=None,  # transactions are begun by name
                check_same_thread=False,  # `close` runs on another thread, after this one ended
            )
            self._connections.append(connection)
            connection.row_factory = sqlite3.Row
            for pragma in self._pragmas:
                connection.execute(f"pragma {pragma}")
            self._local.connection = connection
        return connection


class SqliteFile:
    """Runs work on threads of its own: reads never wait for a write.

    A write that had to wait for its turn for longer than the busy timeout is refused, so that
    whoever asks is told after two of them at the latest, however many ask while the file is locked.
    Work that has begun runs to its end even if its caller is cancelled.
    """

    def __init__(self, path: Path, queue_size: int) -> None:
        self._queue = BoundedQueue(THREADS + queue_size)
        self._readers = _Threads(path, THREADS - 1, "query_only = on")
        self._writer = _Threads(path, 1, "foreign_keys = on")

    @classmethod
    async def open(cls, path: Path, queue_size: int) -> Self:
        """Open the file, making it and its tables where they are missing.

        At most `queue_size` pieces of work that clients wait for wait themselves, for a thread.

        Raises:
            StoreUnavailableError: the file cannot be opened, or is no database.
        """
        file = cls(path, queue_size)
        try:
            # Several processes may open a new file at once, and the change to WAL does not wait
            # for its lock as other statements do.
            async for attempt in stamina.retry_context(
                on=StoreUnavailableError, attempts=10, timeout=5, wait_initial=0.05, wait_max=0.5
            ):
                with attempt:
                    await file._writer.run(_create_schema)
        except BaseException:
            await file.close()
            raise
        return file

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what work returns, which writes nothing."""
        return await self._readers.run(work)

    async def read_for_client(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do work for which a client waits: `read`, unless too many do already."""
        with self._queue.place():
            return await self.read(work)

    async def write_for_client(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do work for which a client waits: `write`, unless too many do already."""
        with self._queue.place():
            return await self.write(work)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what work returns, once all that it wrote is committed in one transaction."""
        asked_at = time.monotonic()

        def in_transaction(connection: sqlite3.Connection) -> T:
            if time.monotonic() - asked_at > BUSY_TIMEOUT_SECONDS:
                raise StoreUnavailableError("other writes took too long")
            with transaction(connection, "immediate"):
                return work(connection)

        return await self._writer.run(in_transaction)

    async def close(self) -> None:
        """End what has begun, which the busy timeout bounds, and close the connections."""
        await self._writer.close()
        await self._readers.close()


def _create_schema(connection: sqlite3.Connection) -> None:
    connection.execute("pragma journal_mode = wal")  # kept in the file, for every connection
    if connection.execute("pragma user_version").fetchone()[0] == SCHEMA_VERSION:
        return
    # One transaction: several processes may start at once.
    with transaction(connection, "immediate"):
        for table, column in LATER_COLUMNS:
            columns = {row["name"] for row in connection.execute(f"pragma table_info({table})")}
            if columns and column not in columns:
                connection.execute(
                    f"alter table {table} add column {column} integer not null default 0"
                )
        for statement in _statements(SCHEMA):
            connection.execute(statement)
        connection.execute(f"pragma user_version = {SCHEMA_VERSION}")


def _statements(script: str) -> Iterator[str]:
    """Yield a script's statements; `executescript` would commit whatever transaction is open."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextmanager
def transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    """Make what happens inside one transaction, `deferred` or `immediate`."""
    connection.execute(f"begin {kind}")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        # A full disk may already have rolled back by itself.
        if connection.in_transaction:
            connection.execute("rollback")
        raise


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise StoreConflictError(str(error)) from error
    except sqlite3.Error as error:
        # Locked for longer than the busy timeout, a full disk, a read-only or damaged file.
        raise StoreUnavailableError(str(error)) from error


def now(plus_seconds: float = 0) -> str:
    """Return the time, or the one in so many seconds, as the tables hold it."""
    return (datetime.now(UTC) + timedelta(seconds=plus_seconds)).isoformat(timespec="microseconds")
