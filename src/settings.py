"""The settings: environment variables and `.env`, read once at startup."""

import os
import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from src.domain.errors import SettingsError
from src.domain.quotas import QuotaSettings
from src.environment import check_encoding, check_environment

_PLACEHOLDER = re.compile(r"\s*|your[_-].*|<.*>|change[_-]?me|\.\.\.", re.IGNORECASE)
_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]+", re.IGNORECASE)


class Settings(BaseSettings, QuotaSettings):
    """Every setting; its environment variable has the same name in upper case.

    `.env.example` explains each. An empty or placeholder value counts as not set.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8-sig",  # editors on Windows write a byte order mark
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    supabase_url: str | None = None
    supabase_service_role_key: SecretStr | None = None
    openai_api_key: SecretStr | None = None

    auth_mode: Literal["optional", "required"] = "optional"
    supabase_jwt_secret: SecretStr | None = None
    supabase_jwt_issuer: str | None = None

    openai_base_url: str = "https://openrouter.ai/api/v1"
    openai_model: str = Field(default="openai/gpt-4o-mini", min_length=1)
    sqlite_path: Path = Path("momentum.db")
    cors_origins: Annotated[tuple[str, ...] | None, NoDecode] = None
    cors_request_headers: Annotated[tuple[str, ...], NoDecode] = (
        "baggage",
        "sentry-trace",
        "traceparent",
    )
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(str.upper)
    ] = "INFO"

    store_timeout_seconds: float = Field(default=10, gt=0, le=60)
    openai_fallback_models: Annotated[tuple[str, ...], NoDecode] = ()
    assistant_web_search: bool = False
    model_calls_per_roadmap: int = Field(default=32, ge=1, le=200)
    model_calls_per_process: int = Field(default=64, ge=1, le=1000)
    model_call_timeout_seconds: float = Field(default=120, gt=0, le=600)
    model_idle_timeout_seconds: float = Field(default=30, gt=0, le=600)
    model_retry_wait_seconds: float = Field(default=0.5, gt=0, le=10)
    answer_timeout_seconds: float = Field(default=150, gt=0, le=600)
    generation_timeout_seconds: float = Field(default=840, gt=0, le=3600)
    generation_lease_seconds: float = Field(default=20, gt=0, le=600)
    sweep_interval_seconds: float = Field(default=15, gt=0, le=86_400)
    drain_seconds: float = Field(default=15, ge=0, le=16)

    trusted_proxy_header: str | None = Field(default=None, pattern=r"^[A-Za-z0-9-]+$")
    store_queue_size: int = Field(default=200, ge=1, le=100_000)

    port: int = Field(default=8000, ge=1, le=65_535)
    web_concurrency: int = Field(default=2, ge=1, le=64)
    railway_environment: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _drop_blanks_and_placeholders(cls, values: dict[str, object]) -> dict[str, object]:
        # Blanks and carriage returns come from copying, and from files that Windows wrote.
        stripped = {
            name: value.strip() if isinstance(value, str) else value
            for name, value in values.items()
        }
        return {
            name: value
            for name, value in stripped.items()
            if not (isinstance(value, str) and _PLACEHOLDER.fullmatch(value))
        }

    @field_validator(
        "cors_origins", "cors_request_headers", "openai_fallback_models", mode="before"
    )
    @classmethod
    def _split_list(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(item.strip() for item in value.split(",") if item.strip())
        return value

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...] | None) -> tuple[str, ...] | None:
        # Browsers send an origin without a trailing slash: with one, it would never match.
        origins = origins and tuple(origin.rstrip("/") for origin in origins)
        if not all(_ORIGIN.fullmatch(origin) for origin in origins or ()):
            raise ValueError("must be origins such as https://app.example.com, comma-separated")
        return origins

    @field_validator("cors_request_headers")
    @classmethod
    def _check_header_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[A-Za-z0-9-]+", name) for name in names):
            raise ValueError("must be names of headers, comma-separated")
        return names

    @field_validator("supabase_service_role_key", "openai_api_key", "supabase_jwt_secret")
    @classmethod
    def _check_visible_ascii(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret and not re.fullmatch(r"[!-~]+", secret.get_secret_value()):
            raise ValueError("must consist of visible ASCII characters")
        return secret

    @field_validator("supabase_jwt_secret")
    @classmethod
    def _check_secret_length(cls, secret: SecretStr | None) -> SecretStr | None:
        # At least as long as the hash of HS256 (RFC 7518, section 3.2).
        if secret and len(secret.get_secret_value()) < 32:  # noqa: PLR2004
            raise ValueError("must have at least 32 characters")
        return secret

    @field_validator("openai_base_url", mode="before")
    @classmethod
    def _repair_base_url(cls, value: object) -> object:
        # People paste the address of the endpoint, which the client appends by itself.
        if isinstance(value, str):
            return re.sub(r"(?:/+chat/completions)?/*$", "", value)
        return value

    @field_validator("openai_base_url")
    @classmethod
    def _check_no_query(cls, value: str) -> str:
        if "?" in value or "#" in value:
            raise ValueError("must end with its path, such as /v1, without ? or #")
        return value

    @field_validator("supabase_url", "supabase_jwt_issuer", "openai_base_url")
    @classmethod
    def _check_http_url(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            try:
                usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
            except ValueError:  # the port is not a number
                usable = False
            if not usable:
                raise ValueError("must be a URL that starts with http:// or https://")
        return value

    @field_validator("sqlite_path")
    @classmethod
    def _check_file(cls, path: Path) -> Path:
        # In memory, each connection would have a database of its own, and a restart would lose all.
        if path.name == ":memory:" or str(path).startswith("file:"):
            raise ValueError("must be the path of a file, since several connections share it")
        if path.is_dir() or (path.exists() and not os.access(path, os.R_OK | os.W_OK)):
            raise ValueError("is no file that can be read and written")
        return path

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        if self.supabase_url and not self.supabase_service_role_key:
            raise ValueError("SUPABASE_SERVICE_ROLE_KEY is missing: SUPABASE_URL needs it")
        if self.supabase_service_role_key and not self.supabase_url:
            raise ValueError("SUPABASE_URL is missing: SUPABASE_SERVICE_ROLE_KEY needs it")
        if self.railway_environment and not self.supabase_url:
            raise ValueError("SUPABASE_URL is missing: a container's disk is not a database")
        if not self.supabase_url and not os.access(self.sqlite_path.parent, os.W_OK):
            raise ValueError("SQLITE_PATH: its directory does not exist or cannot be written to")
        if self.auth_mode == "required" and not (self.supabase_url or self.supabase_jwt_secret):
            raise ValueError(
                "AUTH_MODE: required needs SUPABASE_URL or SUPABASE_JWT_SECRET to verify tokens"
            )
        return self

    @property
    def open_access_warning(self) -> str | None:
        """A warning for the operator if requests without a token can act for users, else None."""
        if self.supabase_url is None or self.auth_mode == "required":
            return None
        return (
            "AUTH_MODE is optional: anyone who knows a user_id can act for that user without a"
            " token. Have the frontend send access tokens, then set AUTH_MODE=required (see the"
            " README)."
        )

    @property
    def proxy_header(self) -> str | None:
        """The trusted header with the client's address. Railway's edge always sets `X-Real-IP`."""
        return self.trusted_proxy_header or ("X-Real-IP" if self.in_production else None)

    @property
    def in_production(self) -> bool:
        """Whether the service runs on Railway, its production platform."""
        return self.railway_environment is not None


def load_settings() -> Settings:
    """Read the environment and `.env`.

    Raises:
        SettingsError: a variable is missing or malformed; the message is one line and names it.
    """
    check_environment(os.environ)
    check_encoding(Path(".env"))
    try:
        return Settings()
    except ValidationError as invalid:
        messages = (
            ": ".join([*(str(name).upper() for name in error["loc"]), error["msg"]])
            for error in invalid.errors(include_input=False, include_url=False)
        )
        raise SettingsError("; ".join(messages).replace("Value error, ", "")) from None
