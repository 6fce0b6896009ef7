"""SQLite looks the limits up in indexes: every request waits for that."""

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from src.dao.sqlite.ledger import refuse_over_limits
from src.dao.sqlite.store import SqliteStore
from src.domain.quotas import EntryKind, Requester, quota_policies
from tests.support.settings import isolated_settings

BUDGETS = 2
"""The service's, and the share of an address."""


@pytest.mark.parametrize("kind", ["generation", "question"])
async def test_limits_are_read_by_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: EntryKind
) -> None:
    """Every query that runs uses an index of the table.

    An empty file is enough: without `analyze`, which nothing runs, SQLite plans by the schema.
    """
    path = tmp_path / "momentum.db"
    await (await SqliteStore.open(path)).close()
    bounds = quota_policies(isolated_settings(monkeypatch, openai_api_key="key"), kind)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        statistics = "select * from sqlite_master where name = 'sqlite_stat1'"
        assert connection.execute(statistics).fetchall() == []
        queries: list[str] = []
        connection.set_trace_callback(queries.append)
        requester = Requester(user_id=uuid4(), client_key="somewhere")
        refuse_over_limits(connection, kind, requester, 0.01, bounds)
        connection.set_trace_callback(None)
        assert len(queries) == len(bounds.limits) + BUDGETS
        for query in queries:
            steps = [row["detail"] for row in connection.execute(f"explain query plan {query}")]
            assert any("USING" in step for step in steps)
            for step in steps:
                assert not step.startswith(("SCAN generations", "SCAN questions")), (query, steps)
