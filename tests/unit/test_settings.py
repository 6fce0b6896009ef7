"""The environment, as the service reads it."""

from pathlib import Path

import pytest

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
        ("OPENAI_API_KEY", "kéy"),
        ("SUPABASE_JWT_SECRET", "a short secret"),
        ("SUPABASE_JWT_SECRET", "-----BEGIN PUBLIC KEY----- of the project"),
        ("AUTH_MODE", "mandatory"),
        ("CORS_ORIGINS", "momentum.example"),
        ("SQLITE_PATH", "/nowhere/at/all.db"),
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
