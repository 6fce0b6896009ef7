"""On a crowded ledger PostgreSQL looks the limits up in indexes: every request waits for that."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from src.domain.quotas import EntryKind, quota_policies
from src.settings import Settings
from tests.support.data_plane import DataPlane
from tests.support.settings import isolated_settings

ROWS = 50_000
"""Of each kind: a hundred days of one every three minutes, half of them from one address."""

CROWDED = "crowded"
PER_DAY = 24 * 60 // 3
BUDGETS = 2
"""The service's, and the share of an address."""

COMMON = (
    "user_id, client, reserved_dollars, calls, priced_calls, cost_dollars, started_at, finished_at"
)
VALUES = f"""
    ('00000000-0000-0000-0000-' || lpad((n % 500)::text, 12, '0'))::uuid,
    case when n % 2 = 0 then '{CROWDED}' else 'c' || n % 1000 end,
    0.01, 1, 1, 0.001, now() - n * interval '3 minutes', now()
"""
SESSION = {"log_nested_statements": "on", "log_min_duration": "0"}
SESSION |= {"log_format": "json", "log_analyze": "on"}

MANY_TIMES = 8
"""Beyond five PostgreSQL may settle on one plan for all."""


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    return isolated_settings(monkeypatch, openai_api_key="key")


@pytest.fixture
def crowded(data_plane: DataPlane) -> Iterator[DataPlane]:
    numbers = f"from generate_series(1, {ROWS}) as n"
    data_plane.execute(
        f"insert into questions (question_id, {COMMON})"
        f" select gen_random_uuid(), {VALUES} {numbers}"
    )
    data_plane.execute(
        f"insert into generations (generation_id, {COMMON}, fingerprint, weeks_total, lease_id,"
        f" lease_until) select gen_random_uuid(), {VALUES}, 'f' || n, 1, gen_random_uuid(), now()"
        f" {numbers}"
    )
    data_plane.execute("analyze")
    yield data_plane
    data_plane.reset()


@pytest.mark.parametrize("kind", ["generation", "question"])
def test_limits_read_no_more_than_they_count(
    crowded: DataPlane, settings: Settings, kind: EntryKind
) -> None:
    """Every query of the function, as it runs there, uses an index and discards few rows."""
    notices: list[str] = []
    bounds = quota_policies(settings, kind)
    with psycopg.connect(crowded.database.uri(), autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
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
    plans = [json.loads(text[text.index("{") :]) for text in notices if '"Query Text"' in text]
    lookups = [plan for plan in plans if "public.ledger" in plan["Query Text"]]
    assert len(lookups) == MANY_TIMES * (len(bounds.limits) + BUDGETS)
    for plan in lookups:
        for node in nodes_in(plan["Plan"]):
            place = f"{node}\n{plan['Query Text']}"
            assert "Seq Scan" not in node["Node Type"], place
            assert node.get("Rows Removed by Filter", 0) < PER_DAY, place
            assert node["Actual Rows"] < 4 * PER_DAY, place


def nodes_in(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes_in(child)
