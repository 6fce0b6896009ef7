"""The stored events of a generation: its parts as rows, and the number of its end."""

import json
import sqlite3
from collections.abc import Sequence
from uuid import UUID

from src.dao.rows import parse_stored_part
from src.dao.sqlite.file import now
from src.domain.generation import PlannedPart, StoredPart, part_kind

NUMBER_END = (
    "end_number = 1 + (select coalesce(max(number), 0) from generation_events as e"
    " where e.generation_id = generations.generation_id)"
)
"""What an update that ends a generation sets besides."""


def select_parts(
    connection: sqlite3.Connection, generation_id: UUID, after: int = 0
) -> list[StoredPart]:
    """Return the parts of a generation with larger numbers than `after`, in order."""
    rows = connection.execute(
        "select number, kind, part from generation_events"
        " where generation_id = ? and number > ? order by number",
        (str(generation_id), after),
    )
    return [parse_stored_part(row["number"], row["kind"], json.loads(row["part"])) for row in rows]


def select_last_number(connection: sqlite3.Connection, generation_id: UUID) -> int:
    """Return the number of a generation's last part; 0 if it has none."""
    number: int = connection.execute(
        "select coalesce(max(number), 0) from generation_events where generation_id = ?",
        (str(generation_id),),
    ).fetchone()[0]
    return number


def insert_parts(
    connection: sqlite3.Connection,
    generation_id: UUID,
    parts: Sequence[PlannedPart],
    first_number: int,
) -> None:
    """Add parts, unless they are there from a report whose answer was lost."""
    connection.executemany(
        "insert or ignore into generation_events values (?, ?, ?, ?, ?)",
        (
            (str(generation_id), number, part_kind(part), part.model_dump_json(), now())
            for number, part in enumerate(parts, start=first_number)
        ),
    )
