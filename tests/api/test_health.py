"""Liveness and readiness."""

import logging
import re

import httpx
import pytest
from fastapi import FastAPI

from src.app_state import state_of
from src.dao import Store
from src.domain.errors import StoreOutdatedError, StoreUnavailableError
from src.services import readiness
from tests.support.learners import ANA


async def test_ready(client: httpx.AsyncClient) -> None:
    """Both stores answer, and the offline planner plans."""
    answer = await client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "database": "ok",
        "schema": "ok",
        "planner": "offline",
    }


@pytest.mark.parametrize(
    ("error", "database", "schema"),
    [
        (StoreUnavailableError("secret"), "unavailable", "unknown"),
        (StoreOutdatedError("the schema has version 1"), "ok", "outdated"),
        (TimeoutError(), "unavailable", "unknown"),
    ],
)
async def test_not_ready(
    client: httpx.AsyncClient,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    *,
    error: Exception,
    database: str,
    schema: str,
) -> None:
    """The database and its schema are told apart, without what they said; liveness stays."""
    calls = 0

    async def fail() -> None:
        nonlocal calls
        calls += 1
        raise error

    monkeypatch.setattr(store, "check", fail)
    for _ in range(3):
        answer = await client.get("/health/ready")
        assert answer.status_code == 503
    assert (answer.json()["database"], answer.json()["schema"]) == (database, schema)
    assert "secret" not in answer.text
    assert calls == 1
    assert (await client.get("/health")).json() == {"status": "ok"}


async def test_result_is_used_for_a_while(
    app: FastAPI, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the database is asked again."""
    checker = state_of(app).readiness
    assert (await checker.check()).is_ready

    async def fail() -> None:
        raise StoreUnavailableError("away")

    monkeypatch.setattr(store, "check", fail)
    assert (await checker.check()).is_ready
    monkeypatch.setattr(readiness, "CHECK_SECONDS", -1)
    assert not (await checker.check()).is_ready


async def test_time_is_accounted_for(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """`Server-Timing` and the log say how long the database took, and how often it was asked."""
    with caplog.at_level(logging.INFO, "src.web.request_log"):
        answer = await client.get("/roadmaps", params={"user_id": ANA})
    timing = answer.headers["server-timing"]
    assert re.fullmatch(r'total;dur=[\d.]+, database;dur=[\d.]+;desc="1 calls"', timing)
    (record,) = (each for each in caplog.records if each.name == "src.web.request_log")
    fields = record.fields  # type: ignore[attr-defined]
    assert (fields["route"], fields["database_calls"], fields["model_calls"]) == ("/roadmaps", 1, 0)
    assert fields["duration_ms"] >= fields["database_ms"]
    assert "server-timing" in (await client.get("/health")).headers
