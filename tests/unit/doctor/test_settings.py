"""The doctor on settings of no use, and on the embedded file: each is named, and only it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.doctor import HOSTED_URL, PAGE, VERSION_PATH, Doctor, legacy_key, variables_of
from tests.support.standin import OpenRouterStandIn
from tests.support.stub_http import StubAnswer, StubServer

SERVICE_KEY = legacy_key()
SUPABASE = {"SUPABASE_URL": HOSTED_URL, "SUPABASE_SERVICE_ROLE_KEY": SERVICE_KEY}


def test_nothing_configured_is_fine(doctor: Doctor) -> None:
    """The offline service on its own file; what is not set is a note."""
    diagnosis = doctor.examine()
    assert diagnosis.wrongs == []
    assert {line.partition(":")[0] for line in diagnosis.of("note")} >= {
        "SUPABASE_URL",
        "OPENAI_API_KEY",
    }


INVALID = {
    "no key": ({"SUPABASE_URL": HOSTED_URL}, "SUPABASE_SERVICE_ROLE_KEY"),
    "no address": ({"SUPABASE_SERVICE_ROLE_KEY": SERVICE_KEY}, "SUPABASE_URL"),
    "production without a database": ({"RAILWAY_ENVIRONMENT": "production"}, "SUPABASE_URL"),
    "PostgreSQL's address": (SUPABASE | {"SUPABASE_URL": "postgresql://db.x:5432"}, "SUPABASE_URL"),
    "a key with a space": (
        SUPABASE | {"SUPABASE_SERVICE_ROLE_KEY": "sb_secret_a b"},
        "SUPABASE_SERVICE_ROLE_KEY",
    ),
    "an origin with a path": ({"CORS_ORIGINS": "https://app.example.com/login"}, "CORS_ORIGINS"),
    "tokens required, none verifiable": ({"AUTH_MODE": "required"}, "AUTH_MODE"),
    "a word for a mode": ({"AUTH_MODE": "on"}, "AUTH_MODE"),
    "a short secret": ({"SUPABASE_JWT_SECRET": "secret"}, "SUPABASE_JWT_SECRET"),
    "a database in memory": ({"SQLITE_PATH": ":memory:"}, "SQLITE_PATH"),
    "a folder that is not there": ({"SQLITE_PATH": "/nowhere/at/all.db"}, "SQLITE_PATH"),
    "a port too high": ({"PORT": "80000"}, "PORT"),
    "a model's address with a query": (
        {"OPENAI_BASE_URL": "https://openrouter.ai/api/v1?x=1"},
        "OPENAI_BASE_URL",
    ),
    "a proxy that is none": ({"ALL_PROXY": "ftp://proxy"}, "ALL_PROXY"),
    "certificates that are not there": ({"SSL_CERT_FILE": "/nowhere.pem"}, "SSL_CERT_FILE"),
}


@pytest.mark.parametrize(("variables", "named"), INVALID.values(), ids=INVALID.keys())
def test_settings_that_keep_the_service_from_starting(
    doctor: Doctor, variables: dict[str, str], named: str
) -> None:
    doctor.name_one(named, **variables)


def test_file_in_another_encoding(doctor: Doctor) -> None:
    """PowerShell's `>` writes UTF-16."""
    Path(".env").write_text("PORT=8000\n", encoding="utf-16")
    doctor.name_one(".env is not in UTF-8")


def test_names_that_nobody_reads(doctor: Doctor) -> None:
    """A key under another tool's name is a note: it may be meant for that tool."""
    Path(".env").write_text("OPENROUTER_API_KEY=abc\nOPENAI_API_KEY=your_openai_api_key\n")
    diagnosis = doctor.examine()
    notes = "\n".join(diagnosis.of("note"))
    assert "OPENROUTER_API_KEY: it is set, and the service reads OPENAI_API_KEY" in notes
    assert "OPENAI_API_KEY: its value is a placeholder" in notes
    assert diagnosis.wrongs == []


def test_damaged_file(doctor: Doctor) -> None:
    Path("momentum.db").write_text("This is no database. " * 100)
    doctor.name_one("SQLITE_PATH", "no SQLite database")


def test_file_of_a_newer_release(doctor: Doctor) -> None:
    with closing(sqlite3.connect("momentum.db")) as file:
        file.execute("pragma user_version = 900")
    before = Path("momentum.db").read_bytes()
    doctor.name_one("SQLITE_PATH", "newer release")
    assert Path("momentum.db").read_bytes() == before


def test_full_disk(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.doctor.sqlite.LITTLE_SPACE_BYTES", 2**63)
    doctor.name_one("SQLITE_PATH", "MB are free")


def test_only_local_pages_in_production(doctor: Doctor, stub: StubServer) -> None:
    stub.answers[VERSION_PATH] = StubAnswer(540, PAGE)
    diagnosis = doctor.examine(
        RAILWAY_ENVIRONMENT="production",
        CORS_ORIGINS="http://localhost:3000",
        **variables_of(stub.url),
    )
    assert [line for line in diagnosis.wrongs if line.startswith("CORS_ORIGINS")]


def test_page_without_tls_in_production_is_a_note(doctor: Doctor, stub: StubServer) -> None:
    stub.answers[VERSION_PATH] = StubAnswer(540, PAGE)
    origins = "https://app.example.com,http://old.example.com"
    diagnosis = doctor.examine(
        RAILWAY_ENVIRONMENT="production", CORS_ORIGINS=origins, **variables_of(stub.url)
    )
    assert any("http://old.example.com is not encrypted" in line for line in diagnosis.of("note"))
    assert not [line for line in diagnosis.wrongs if line.startswith("CORS_ORIGINS")]


def test_budget_that_refuses_every_request(doctor: Doctor, standin: OpenRouterStandIn) -> None:
    words = ("DAILY_BUDGET_DOLLARS", "RESERVED_DOLLARS_PER_QUESTION")
    doctor.name_one(
        *words,
        DAILY_BUDGET_DOLLARS="0.02",
        OPENAI_API_KEY=standin.api_key,
        OPENAI_BASE_URL=standin.base_url,
    )
