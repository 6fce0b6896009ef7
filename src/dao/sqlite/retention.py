"""How long the embedded file keeps what nobody needs any more."""

import sqlite3

from src.dao.sqlite.file import now
from src.domain.quotas import DAY_SECONDS


def delete_expired(connection: sqlite3.Connection) -> None:
    """Delete requests, parts and answers after a day, and whole records after a month."""
    ids = connection.execute(
        "update generations set request = null, roadmap = null, idempotency_key = null"
        " where request is not null and finished_at < ? returning generation_id",
        (now(-DAY_SECONDS),),
    ).fetchall()
    connection.executemany("delete from generation_events where generation_id = ?", ids)
    # Nothing counts for longer than a day; the operator can look back a month.
    a_month_ago = now(-31 * DAY_SECONDS)
    connection.execute(
        "delete from generations where started_at < ? and finished_at is not null", (a_month_ago,)
    )
    connection.execute("delete from questions where started_at < ?", (a_month_ago,))
