"""The embedded SQLite file. The doctor only reads it: a start creates and upgrades it."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from src.dao.sqlite.upgrades import upgrade
from src.doctor.findings import Finding, note, ok, wrong
from src.domain.errors import StoreUnavailableError

WAIT_SECONDS = 5.0

LITTLE_SPACE_BYTES = 50_000_000
"""About a thousand roadmaps of twelve weeks, and SQLite's write-ahead log beside them."""

MUCH_SPACE_BYTES = 10 * LITTLE_SPACE_BYTES


def check_sqlite(path: Path) -> Iterator[Finding]:
    """Yield what is wrong with the file, its folder and the disk."""
    yield note(
        "SUPABASE_URL",
        f"it is not set, so roadmaps are kept in the file {path}",
        "That suits one machine whose disk survives a deploy.",
    )
    if path.exists():
        yield _check_file(path)
    else:
        yield ok("SQLITE_PATH", f"the file does not exist yet; a start creates {path}")
    yield from _check_space(path.parent)


def _check_file(path: Path) -> Finding:
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=WAIT_SECONDS)) as file:
            version = file.execute("pragma user_version").fetchone()[0]
            file.execute("select count(*) from sqlite_master").fetchone()
        _try_upgrade(version)
    except StoreUnavailableError as error:
        return wrong("SQLITE_PATH", str(error), "Run that release, or name another file.")
    except sqlite3.OperationalError as error:
        return wrong(
            "SQLITE_PATH",
            f"SQLite cannot read the file: {error}",
            "End what has it locked, and let this user read it.",
        )
    except sqlite3.DatabaseError:
        return wrong(
            "SQLITE_PATH",
            f"{path} is no SQLite database, or is damaged",
            "Name another file, or put a backup in its place.",
        )
    return ok("SQLITE_PATH", f"{path} can be read, by SQLite {sqlite3.sqlite_version}")


def _try_upgrade(version: int) -> None:
    """Raise `StoreUnavailableError` if this release cannot upgrade a file of this version."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as empty:
        empty.execute(f"pragma user_version = {version:d}")
        upgrade(empty)


def _check_space(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free
    shown = f"{free / 1e6:,.0f} MB are free on its disk"
    if free < LITTLE_SPACE_BYTES:
        yield wrong("SQLITE_PATH", shown, "Free some space, or name a file on another disk.")
    elif free < MUCH_SPACE_BYTES:
        yield note("SQLITE_PATH", shown)
    else:
        yield ok("SQLITE_PATH", shown)
