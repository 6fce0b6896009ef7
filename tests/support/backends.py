"""Either database, seen through stores and from outside, in SQL that both databases speak."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from src.dao import Store
from src.dao.sqlite.store import SqliteStore
from src.dao.supabase.store import SupabaseStore
from tests.support.data_plane import DataPlane


class Backend(Protocol):
    """One database, and a look behind the stores on it."""

    async def open(self) -> Store:
        """Open a store on the database."""
        ...

    def execute(self, sql: str) -> None:
        """Run a statement, from outside."""
        ...

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Return a query's rows, from outside."""
        ...


def count(database: Backend | DataPlane, table: str) -> int:
    """Return how many rows a table has."""
    number: int = database.query(f"select count(*) from {table}")[0][0]  # noqa: S608  own name
    return number


def expire_lease(backend: Backend, lease_id: UUID) -> None:
    """Let a lease have ended long ago, as that of a process that has died."""
    backend.execute(
        "update generations set lease_until = '2026-01-01T00:00:00.000000+00:00'"  # noqa: S608  ours
        f" where lease_id = '{lease_id}'"
    )


class SqliteBackend:
    """An SQLite file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def open(self) -> Store:
        return await SqliteStore.open(self._path)

    def execute(self, sql: str) -> None:
        self.query(sql)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            return connection.execute(sql).fetchall()


class SupabaseBackend:
    """A Supabase project."""

    def __init__(self, data_plane: DataPlane) -> None:
        self._data_plane = data_plane

    async def open(self) -> Store:
        return await SupabaseStore.open(self._data_plane.url, self._data_plane.service_key)

    def execute(self, sql: str) -> None:
        self._data_plane.execute(sql)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self._data_plane.query(sql)
