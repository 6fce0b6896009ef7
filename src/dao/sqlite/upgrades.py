"""Upgrades a file to the current schema, by numbered steps in one transaction.

`pragma user_version` counts the steps that a file has had. To change the schema, edit `schema.sql`
for new files and append a step here that makes the same change to existing files.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from src.domain.errors import StoreUnavailableError

SCHEMA_PATH = Path(__file__).with_name("schema.sql")

_SMALLEST_CHECKSUM = 1_000
"""Releases before 0.2 stored a checksum of their schema instead, and these are far larger."""


def upgrade(connection: sqlite3.Connection) -> None:
    """Create or upgrade the tables of a file. Several processes may do so at once.

    Raises:
        StoreUnavailableError: a newer release has upgraded the file.
        sqlite3.Error: the file cannot be changed, and stays as it was.
    """
    if _steps_done(connection) == len(_STEPS):
        return
    with transaction(connection, "immediate"):
        done = _steps_done(connection)
        if done > len(_STEPS):
            raise StoreUnavailableError("the file was written by a newer release")
        if _columns(connection, "generations"):
            for step in _STEPS[done:]:
                step(connection)
        for statement in _statements(SCHEMA_PATH.read_text()):
            connection.execute(statement)
        connection.execute(f"pragma user_version = {len(_STEPS)}")


@contextmanager
def transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    """Run the block in one transaction, whose kind is `deferred` or `immediate`."""
    connection.execute(f"begin {kind}")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        # SQLite may have rolled back already, for example on a full disk.
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def _steps_done(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("pragma user_version").fetchone()[0]
    return 0 if version >= _SMALLEST_CHECKSUM else version


def _add_call_and_holder_columns(connection: sqlite3.Connection) -> None:
    """Add the columns that files from before release 0.1 lack."""
    _add_column(connection, "generations", "priced_calls integer not null default 0")
    _add_column(connection, "generations", "changed_hands integer not null default 0")
    _add_column(connection, "questions", "priced_calls integer not null default 0")


def _add_cost_known(connection: sqlite3.Connection) -> None:
    """Store whether a cost is known. Release 0.1 derived this from the names of its classes."""
    _add_column(connection, "generations", "cost_known integer")
    _add_column(connection, "questions", "cost_known integer")
    connection.execute(
        "update generations set cost_known = case when calls = 0 and not changed_hands"
        " then coalesce(problem, '') not in"
        " ('GenerationCancelledError', 'GenerationAbandonedError', 'ModelTooSlowError')"
        " else problem is null and not changed_hands and priced_calls >= calls end"
        " where finished_at is not null and cost_known is null"
    )
    connection.execute(
        "update questions set cost_known = priced_calls >= calls"
        " where finished_at is not null and cost_known is null"
    )


def _drop_repeated_request_indexes(connection: sqlite3.Connection) -> None:
    """Drop indexes of release 0.1: one query now finds the generation that a request repeats."""
    connection.execute("drop index if exists generations_key")
    connection.execute("drop index if exists generations_twin")


def _add_resume_at(connection: sqlite3.Connection) -> None:
    """Let generations wait for the model's provider."""
    _add_column(connection, "generations", "resume_at text")


def _add_estimated_minutes(connection: sqlite3.Connection) -> None:
    """Let a task say how long it takes."""
    _add_column(connection, "roadmap_tasks", "estimated_minutes integer")


def _add_end_number(connection: sqlite3.Connection) -> None:
    """Store the number of each generation's last event; it stays null in those that have ended."""
    _add_column(connection, "generations", "end_number integer")


def _add_dates(connection: sqlite3.Connection) -> None:
    """Let tasks have dates, and completions a time zone."""
    _add_column(connection, "roadmap_tasks", "completed_tz text")
    _add_column(connection, "roadmap_tasks", "due_date text")
    _add_column(connection, "roadmap_tasks", "moved_by_hand integer not null default 0")
    _add_column(connection, "roadmap_tasks", "date_changes integer not null default 0")


def _add_progress_index(_: sqlite3.Connection) -> None:
    """Have the schema applied, which adds the index `roadmap_tasks_progress`."""


_STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _add_call_and_holder_columns,
    _add_cost_known,
    _drop_repeated_request_indexes,
    _add_resume_at,
    _add_estimated_minutes,
    _add_end_number,
    _add_dates,
    _add_progress_index,
)


def _add_column(connection: sqlite3.Connection, table: str, declaration: str) -> None:
    """Add a column unless it exists: an older release may have reset the file's version."""
    if declaration.split(maxsplit=1)[0] not in _columns(connection, table):
        connection.execute(f"alter table {table} add column {declaration}")


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in connection.execute(f"pragma table_info({table})")}


def _statements(script: str) -> Iterator[str]:
    """Yield a script's statements, since `executescript` would commit the open transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
