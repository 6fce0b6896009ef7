"""Either database, seen through stores and from outside, in SQL that both databases speak."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

from src.dao import Store
from src.dao.sqlite.store import SqliteStore
from tests.support.data_plane import DataPlane


class SqliteBackend:
    """An SQLite file, with what a `DataPlane` has for a look behind the stores on it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def open(self) -> Store:
        return await SqliteStore.open(self._path)

    def execute(self, sql: str) -> None:
        self.query(sql)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            return connection.execute(sql).fetchall()


Backend: TypeAlias = SqliteBackend | DataPlane


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of an SQLite file, like another process that hangs."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin exclusive")
        yield
        other.execute("rollback")


def count(database: Backend, table: str) -> int:
    number: int = database.query(f"select count(*) from {table}")[0][0]  # noqa: S608  own name
    return number


def expire_lease(backend: Backend, lease_id: UUID) -> None:
    """Let a lease have ended long ago, as that of a process that has died."""
    backend.execute(
        "update generations set lease_until = '2026-01-01T00:00:00.000000+00:00'"  # noqa: S608  ours
        f" where lease_id = '{lease_id}'"
    )
