"""A roadmap as a table for spreadsheets."""

from collections.abc import Iterable
from dataclasses import asdict

import pandas as pd

from src.services.progress.exports import ExportedTask

COLUMNS = {
    "week_number": "week",
    "weekly_goal": "weekly_goal",
    "day_number": "day",
    "due": "due_date",
    "text": "task",
    "minutes": "estimated_minutes",
    "effort": "effort",
    "category": "category",
    "completed_at": "completed_at",
}

FORMULA_SIGNS = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001  full-width signs, for Japanese Excel
"""What makes a spreadsheet calculate a cell (OWASP, CSV Injection)."""


def to_csv(tasks: Iterable[ExportedTask]) -> bytes:
    """Return a row for each task, as CSV (RFC 4180) in UTF-8.

    It begins with a byte order mark, without which Excel takes it for another encoding. A text that
    a spreadsheet would calculate gets an apostrophe in front, which spreadsheets do not show.
    """
    rows = [asdict(task) for task in tasks]
    for row in rows:
        row["completed_at"] = row["completed_at"] and row["completed_at"].isoformat()
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).rename(columns=COLUMNS)
    frame["estimated_minutes"] = frame["estimated_minutes"].astype("Int64")  # whole, or empty
    for column in ("weekly_goal", "task", "effort", "category"):
        frame[column] = [_inert(text) for text in frame[column]]
    return frame.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig")


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text
