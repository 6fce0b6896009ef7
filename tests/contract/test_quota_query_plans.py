"""On a crowded ledger the limits are looked up in indexes: whoever begins has all others wait."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from src.dao.sqlite.ledger import refuse_over_limits
from src.dao.sqlite.store import SqliteStore
from src.domain.quotas import EntryKind, Requester, quota_policies
from src.settings import Settings
from tests.support.data_plane import DataPlane
from tests.support.settings import isolated_settings

ROWS = 50_000
"""Of each kind: a hundred days of one every three minutes, half of them from one address."""

CROWDED = "crowded"
PER_DAY = 24 * 60 // 3
BUDGETS = 2
"""The service's, and the share of an address."""

USER = "'00000000-0000-0000-0000-' || substr('00000000000' || n % 500, -12)"
CLIENT = f"case when n % 2 = 0 then '{CROWDED}' else 'c' || n % 1000 end"
COMMON = (
    "user_id, client, reserved_dollars, calls, priced_calls, cost_dollars, started_at, finished_at"
)
SQLITE_NUMBERS = (
    f"with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < {ROWS})"  # noqa: S608  own values
)
SQLITE_TIME = "strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now', '-' || (n * 3) || ' minutes')"
SESSION = {"log_nested_statements": "on", "log_min_duration": "0"}
SESSION |= {"log_format": "json", "log_analyze": "on"}

MANY_TIMES = 8
"""Beyond five PostgreSQL may settle on one plan for all."""


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    return isolated_settings(monkeypatch, openai_api_key="key")


@pytest.fixture
def crowded(data_plane: DataPlane) -> Iterator[DataPlane]:
    values = f"""
        ('00000000-0000-0000-0000-' || lpad((n % 500)::text, 12, '0'))::uuid,
        {CLIENT}, 0.01, 1, 1, 0.001, now() - n * interval '3 minutes', now()
    """
    numbers = f"from generate_series(1, {ROWS}) as n"
    data_plane.execute(
        f"insert into questions (question_id, {COMMON})"
        f" select gen_random_uuid(), {values} {numbers}"
    )
    data_plane.execute(
        f"insert into generations (generation_id, {COMMON}, fingerprint, weeks_total, lease_id,"
        f" lease_until) select gen_random_uuid(), {values}, 'f' || n, 1, gen_random_uuid(), now()"
        f" {numbers}"
    )
    data_plane.execute("analyze")
    yield data_plane
    data_plane.reset()


@pytest.mark.parametrize("kind", ["generation", "question"])
def test_postgres_reads_no_more_than_it_counts(
    crowded: DataPlane, settings: Settings, kind: EntryKind
) -> None:
    """Every query of the function, as it runs there, asks an index, and throws little away."""
    told: list[str] = []
    bounds = quota_policies(settings, kind)
    with psycopg.connect(crowded.database.uri(), autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
        connection.execute("load 'auto_explain'")
        for name, value in SESSION.items():
            connection.execute(f"set auto_explain.{name} = {value}".encode())
        connection.execute("set role service_role")
        connection.execute("set client_min_messages = log")
        for _ in range(MANY_TIMES):
            connection.execute(
                "select public.refuse_over_limits(%s, %s, %s, 0.01, %s)",
                (kind, str(uuid4()), CROWDED, bounds.model_dump_json()),
            )
    plans = [json.loads(text[text.index("{") :]) for text in told if '"Query Text"' in text]
    asked = [plan for plan in plans if "public.ledger" in plan["Query Text"]]
    assert len(asked) == MANY_TIMES * (len(bounds.limits) + BUDGETS)
    for plan in asked:
        for node in nodes_in(plan["Plan"]):
            told_of = f"{node}\n{plan['Query Text']}"
            assert "Seq Scan" not in node["Node Type"], told_of
            assert node.get("Rows Removed by Filter", 0) < PER_DAY, told_of
            assert node["Actual Rows"] < 4 * PER_DAY, told_of


@pytest.mark.parametrize("kind", ["generation", "question"])
async def test_sqlite_reads_by_index(tmp_path: Path, settings: Settings, kind: EntryKind) -> None:
    """Every query that is run asks an index of the table for what it looks for."""
    path = tmp_path / "momentum.db"
    await (await SqliteStore.open(path)).close()
    values = f"{USER}, {CLIENT}, 0.01, 1, 1, 0.001, {SQLITE_TIME}, {SQLITE_TIME}"
    numbers = "from numbers"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute(
            f"insert into questions (question_id, {COMMON}) {SQLITE_NUMBERS}"
            f" select 'q' || n, {values} {numbers}"
        )
        connection.execute(
            f"insert into generations (generation_id, {COMMON}, fingerprint, weeks_total, lease_id,"
            f" lease_until) {SQLITE_NUMBERS}"
            f" select 'g' || n, {values}, 'f' || n, 1, 'l' || n, '' {numbers}"
        )
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        requester = Requester(user_id=uuid4(), client_key=CROWDED)
        bounds = quota_policies(settings, kind)
        refuse_over_limits(connection, kind, requester, 0.01, bounds)
        connection.set_trace_callback(None)
        assert len(asked) == len(bounds.limits) + BUDGETS
        for query in asked:
            steps = [row["detail"] for row in connection.execute(f"explain query plan {query}")]
            assert any("USING" in step for step in steps)
            for step in steps:
                assert not step.startswith(("SCAN generations", "SCAN questions")), (query, steps)


def nodes_in(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes_in(child)
