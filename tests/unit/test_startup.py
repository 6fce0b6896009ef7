"""What the operator reads at start."""

import logging
from pathlib import Path

import pytest

from src.startup import log_start
from tests.support.settings import isolated_settings

SUPABASE = {"supabase_url": "https://abc.supabase.example", "supabase_service_role_key": "s3cret"}
IN_SUPABASE = "roadmaps are stored in Supabase at abc.supabase.example"


@pytest.mark.parametrize(
    ("values", "level", "line"),
    [
        (
            {"openai_api_key": "s3cret", "auth_mode": "required", **SUPABASE},
            logging.INFO,
            f"plans come from openai/gpt-4o-mini at openrouter.ai, {IN_SUPABASE}",
        ),
        (
            {
                "openai_api_key": "s3cret",
                "openai_base_url": "http://me:s3cret@127.0.0.1:11434/v1",
                "openai_model": "llama3",
                "openai_fallback_models": ("other/one",),
                "sqlite_path": Path("some.db"),
            },
            logging.INFO,
            "from llama3 or other/one at 127.0.0.1:11434, roadmaps are stored in the file some.db",
        ),
        ({}, logging.INFO, "the offline planner, roadmaps are stored in the file momentum.db"),
        (
            {"railway_environment": "production", "auth_mode": "required", **SUPABASE},
            logging.WARNING,
            f"every learner gets the offline plan, and the assistant is offline; {IN_SUPABASE}",
        ),
    ],
)
def test_start_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    values: dict[str, object],
    level: int,
    line: str,
) -> None:
    """It names the model, its server and the store, and no secret."""
    caplog.set_level(logging.INFO)
    log_start(isolated_settings(monkeypatch, **values))
    (record,) = caplog.records
    assert record.levelno == level
    assert record.getMessage().endswith(line)
    assert "s3cret" not in record.getMessage()


def test_open_access_is_a_warning_of_its_own(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    log_start(isolated_settings(monkeypatch, **SUPABASE))
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]
    assert "AUTH_MODE" in caplog.records[1].getMessage()
