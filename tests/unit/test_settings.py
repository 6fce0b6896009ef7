"""The environment, as the service reads it."""

import sqlite3
from pathlib import Path

import pytest
from pydantic import SecretStr

from src.domain.errors import SettingsError
from src.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start from no variable and no `.env`."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_nothing_configured_is_enough() -> None:
    """Every setting has a default, and none of them reaches for the network."""
    settings = load_settings()
    assert settings.supabase_url is None
    assert settings.openai_api_key is None
    assert settings.openai_base_url == "https://openrouter.ai/api/v1"
    assert settings.openai_model == "openai/gpt-4o-mini"


def test_dotenv_is_read_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `.env` beside the service configures it; a real variable overrides it."""
    (tmp_path / ".env").write_text("OPENAI_MODEL=from/file\nLOG_LEVEL=debug\nUNRELATED=1\n")
    monkeypatch.setenv("OPENAI_MODEL", "from/environment")
    settings = load_settings()
    assert (settings.openai_model, settings.log_level) == ("from/environment", "DEBUG")


@pytest.mark.parametrize(
    "value", ["", "  ", "your_openai_api_key", "YOUR-KEY", "<key>", "changeme", "..."]
)
def test_placeholder_counts_as_not_set(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """What an example file says is no key."""
    monkeypatch.setenv("OPENAI_API_KEY", value)
    assert load_settings().openai_api_key is None


def test_origins_are_split_and_trimmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trailing slash would never match what a browser sends."""
    monkeypatch.setenv("CORS_ORIGINS", "https://a.example/, http://localhost:3001 ,")
    assert load_settings().cors_origins == ("https://a.example", "http://localhost:3001")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SUPABASE_URL", "project.supabase.co"),
        ("OPENAI_BASE_URL", "ftp://x.example"),
        ("OPENAI_BASE_URL", "https://x.example:port"),
        ("OPENAI_BASE_URL", "https://x.example/v1?api-version=1"),
        ("OPENAI_API_KEY", "kéy"),
        ("SUPABASE_JWT_SECRET", "a short secret"),
        ("SUPABASE_JWT_SECRET", "-----BEGIN PUBLIC KEY----- of the project"),
        ("AUTH_MODE", "mandatory"),
        ("CORS_ORIGINS", "momentum.example"),
        ("SQLITE_PATH", "/nowhere/at/all.db"),
        ("SQLITE_PATH", ":memory:"),
        ("SQLITE_PATH", "file:momentum?mode=memory"),
        ("SQLITE_PATH", "/"),
        ("HTTPS_PROXY", "ftp://proxy.example:21"),
        ("https_proxy", "http://proxy.example:port"),
        ("ALL_PROXY", "socks://[::1"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem"),
        ("SSL_CERT_FILE", "/etc/hostname"),
        ("SSL_CERT_DIR", "/nowhere"),
        ("PORT", "port"),
        ("LOG_LEVEL", "loud"),
        ("STORE_TIMEOUT_SECONDS", "-3.5"),
        ("GENERATION_TIMEOUT_SECONDS", "nan"),
        ("RESERVED_DOLLARS_PER_WEEK", "0.0"),
        ("RESERVED_DOLLARS_PER_QUESTION", "0.0"),
    ],
)
def test_malformed_value_is_named_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """The error is one line with the variable's name; its value might be a secret."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    message = str(caught.value)
    assert name in message
    assert value not in message.replace(name, "")
    assert "\n" not in message


def test_tokens_are_not_required_where_none_can_be_verified(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Required without a project and without a secret would refuse everybody: no start."""
    monkeypatch.setenv("AUTH_MODE", "required")
    with pytest.raises(SettingsError, match=r"^AUTH_MODE: .*SUPABASE_URL or SUPABASE_JWT_SECRET"):
        load_settings()
    monkeypatch.setenv("SUPABASE_JWT_SECRET", "s" * 32)
    assert load_settings().auth_mode == "required"


@pytest.mark.parametrize(
    "given",
    [
        "http://localhost:11434/v1",
        " http://localhost:11434/v1/ ",
        "http://localhost:11434/v1/chat/completions",
        "http://localhost:11434/v1/chat/completions/",
        "http://localhost:11434/v1//",
    ],
)
def test_base_url_is_repaired(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """People paste it with blanks, or with the path that the client appends."""
    monkeypatch.setenv("OPENAI_BASE_URL", given)
    assert load_settings().openai_base_url == "http://localhost:11434/v1"


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Printing the settings, as a traceback might, shows no key."""
    for name in ("OPENAI_API_KEY", "SUPABASE_JWT_SECRET"):
        monkeypatch.setenv(name, f"canary-{'x' * 32}")
    assert "canary" not in repr(load_settings())


def test_example_file_names_every_setting() -> None:
    """Each setting but the platform's own variable stands in `.env.example`."""
    example = (Path(__file__).parents[2] / ".env.example").read_text()
    for name in Settings.model_fields.keys() - {"railway_environment"}:
        assert f"{name.upper()}=" in example


def test_quotas_of_an_address_fit_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two numbers that are fine by themselves may be too much together."""
    monkeypatch.setenv("QUESTIONS_PER_HOUR", "1000000")
    monkeypatch.setenv("LEARNERS_PER_ADDRESS", "2147")
    assert load_settings().questions_per_hour == 1_000_000
    monkeypatch.setenv("LEARNERS_PER_ADDRESS", "2148")
    with pytest.raises(SettingsError, match=r"^QUESTIONS_PER_HOUR times LEARNERS_PER_ADDRESS"):
        load_settings()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
def test_file_in_another_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    """PowerShell writes UTF-16 with `>`, and old editors Latin-1."""
    (tmp_path / ".env").write_bytes("# Schlüssel\nLOG_LEVEL=DEBUG\n".encode(encoding))
    with pytest.raises(SettingsError, match=r"^\.env is not in UTF-8"):
        load_settings()


def test_byte_order_mark_and_line_ends_of_windows(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("\ufeffLOG_LEVEL=DEBUG\r\nPORT=9000\r\n".encode())
    settings = load_settings()
    assert (settings.log_level, settings.port) == ("DEBUG", 9000)


def test_blanks_around_a_value_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPABASE_URL", " https://project.supabase.co\r\n")
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", "a-key\r")
    settings = load_settings()
    assert settings.supabase_url == "https://project.supabase.co"
    assert settings.supabase_service_role_key == SecretStr("a-key")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPS_PROXY", "proxy.example:3128"),
        ("ALL_PROXY", "socks5://127.0.0.1:1080"),
        ("NO_PROXY", "fd07::/64,[::1],.internal"),
    ],
)
def test_usual_proxies_are_accepted(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    load_settings()


def test_old_sqlite_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(SettingsError, match="SQLite"):
        load_settings()
