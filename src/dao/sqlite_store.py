"""The embedded store: one SQLite file, written in transactions, off the event loop."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self, TypeVar
from uuid import UUID, uuid4

import stamina

from src.errors import (
    RoadmapNotFoundError,
    StoreConflictError,
    StoreUnavailableError,
    TaskNotFoundError,
)
from src.models import NewRoadmap, Roadmap, Task, WeekTotals

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
"""

BUSY_TIMEOUT_SECONDS = 5.0
"""How long a statement waits for another process's write before it fails."""

THREADS = 4
"""Each has a connection of its own; SQLite itself lets many read and one write."""

T = TypeVar("T")


class SqliteStore:
    """Keeps the promises of `src.dao.Store` by transaction.

    A statement that has begun runs to its end even if its caller is cancelled, so a roadmap is
    written whole or not at all.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sqlite")
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open the file, making it and its tables where they are missing.

        Raises:
            StoreUnavailableError: the file cannot be opened, or is no database.
        """
        store = cls(path)
        try:
            # Several processes may open a new file at once, and the change to WAL does not wait
            # for its lock as other statements do.
            async for attempt in stamina.retry_context(
                on=StoreUnavailableError, attempts=10, timeout=5, wait_initial=0.05, wait_max=0.5
            ):
                with attempt:
                    await store._run(_create_schema)
        except BaseException:
            await store.close()
            raise
        return store

    async def add_roadmap(self, roadmap: NewRoadmap) -> Roadmap:
        return await self._run(lambda connection: _add_roadmap(connection, roadmap))

    async def list_roadmaps(self, user_id: UUID) -> list[Roadmap]:
        rows = await self._run(
            lambda connection: connection.execute(
                "select * from roadmaps where user_id = ?"
                " order by created_at desc, roadmap_id desc",
                (str(user_id),),
            ).fetchall()
        )
        return [Roadmap.model_validate(dict(row)) for row in rows]

    async def get_roadmap(self, roadmap_id: int, user_id: UUID | None = None) -> Roadmap:
        return await self._run(lambda connection: _get_roadmap(connection, roadmap_id, user_id))

    async def list_tasks(
        self, roadmap_id: int, user_id: UUID | None = None, *, week_number: int | None = None
    ) -> list[Task]:
        rows = await self._rows_of(
            roadmap_id,
            user_id,
            "select * from roadmap_tasks where roadmap_id = :roadmap_id"
            " and (:week_number is null or week_number = :week_number)"
            " order by week_number, day_number, position",
            week_number=week_number,
        )
        return [Task.model_validate(dict(row)) for row in rows]

    async def list_weeks(self, roadmap_id: int, user_id: UUID | None = None) -> list[WeekTotals]:
        rows = await self._rows_of(
            roadmap_id,
            user_id,
            "select week_number, min(weekly_goal) as weekly_goal,"
            " count(*) as total_tasks, sum(completed) as completed_tasks"
            " from roadmap_tasks where roadmap_id = :roadmap_id"
            " group by week_number order by week_number",
        )
        return [WeekTotals.model_validate(dict(row)) for row in rows]

    async def set_task_completed(
        self, task_id: str, *, completed: bool, user_id: UUID | None = None
    ) -> None:
        try:
            task = str(UUID(task_id))
        except ValueError:
            raise TaskNotFoundError from None

        def update(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "update roadmap_tasks set completed = :completed,"
                " completed_at = case when :completed then coalesce(completed_at, :now) end"
                " where id = :id and (:user_id is null or roadmap_id in"
                " (select roadmap_id from roadmaps where user_id = :user_id))",
                {
                    "id": task,
                    "completed": completed,
                    "now": _now(),
                    "user_id": user_id and str(user_id),
                },
            ).rowcount

        if not await self._run(update):
            raise TaskNotFoundError

    async def delete_roadmap(self, roadmap_id: int, user_id: UUID) -> None:
        deleted = await self._run(
            lambda connection: (
                connection.execute(
                    "delete from roadmaps where roadmap_id = ? and user_id = ?",
                    (roadmap_id, str(user_id)),
                ).rowcount
            )
        )
        if not deleted:
            raise RoadmapNotFoundError(roadmap_id)

    async def sweep_unpublished(self, older_than: timedelta) -> int:  # noqa: ARG002  see below
        return 0  # A transaction that did not commit leaves nothing behind.

    async def close(self) -> None:
        # What has begun ends first; each statement is bounded by the busy timeout.
        await asyncio.to_thread(self._threads.shutdown)
        for connection in self._connections:
            connection.close()

    async def _rows_of(
        self, roadmap_id: int, user_id: UUID | None, sql: str, **parameters: object
    ) -> list[sqlite3.Row]:
        """Select from a roadmap that must exist; both reads see one state of the database."""

        def read(connection: sqlite3.Connection) -> list[sqlite3.Row]:
            with _transaction(connection, "deferred"):
                _get_roadmap(connection, roadmap_id, user_id)
                return connection.execute(sql, {"roadmap_id": roadmap_id, **parameters}).fetchall()

        return await self._run(read)

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run work on a thread that has a connection, with SQLite's errors translated."""

        def on_thread() -> T:
            with _translated_errors():
                return work(self._connection())

        return await asyncio.get_running_loop().run_in_executor(self._threads, on_thread)

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
            connection.execute("pragma foreign_keys = on")
            self._local.connection = connection
        return connection


def _create_schema(connection: sqlite3.Connection) -> None:
    connection.execute("pragma journal_mode = wal")  # kept in the file, for every connection
    connection.executescript(SCHEMA)


def _add_roadmap(connection: sqlite3.Connection, roadmap: NewRoadmap) -> Roadmap:
    now = _now()
    with _transaction(connection, "immediate"):
        row = connection.execute(
            "insert into roadmaps"
            " (user_id, description, level, duration_weeks, daily_hours, created_at)"
            " values (?, ?, ?, ?, ?, ?) returning *",
            (
                str(roadmap.user_id),
                roadmap.request.goal,
                roadmap.request.level,
                roadmap.request.duration_weeks,
                roadmap.request.daily_hours,
                now,
            ),
        ).fetchone()
        connection.executemany(
            "insert into roadmap_tasks (id, roadmap_id, week_number, weekly_goal, day_number,"
            " position, task_text, effort, category, created_at)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    str(uuid4()),
                    row["roadmap_id"],
                    week.week_number,
                    week.goal,
                    day.day_number,
                    position,
                    task.text,
                    task.effort,
                    task.category,
                    now,
                )
                for week in roadmap.weeks
                for day in week.days
                for position, task in enumerate(day.tasks, start=1)
            ),
        )
    return Roadmap.model_validate(dict(row))


def _get_roadmap(connection: sqlite3.Connection, roadmap_id: int, user_id: UUID | None) -> Roadmap:
    row = connection.execute(
        "select * from roadmaps where roadmap_id = :roadmap_id"
        " and (:user_id is null or user_id = :user_id)",
        {"roadmap_id": roadmap_id, "user_id": user_id and str(user_id)},
    ).fetchone()
    if row is None:
        raise RoadmapNotFoundError(roadmap_id)
    return Roadmap.model_validate(dict(row))


@contextmanager
def _transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
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


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
