"""The start: valid settings, and which model, server and store the operator has chosen."""

import asyncio
import logging
from urllib.parse import urlsplit

from src.dao import open_store
from src.domain.errors import SettingsError
from src.settings import Settings, load_settings

logger = logging.getLogger(__name__)


class _Valid:
    """The last valid settings of this process, or of the master that it was forked from."""

    settings: Settings | None = None


def load_or_keep_settings() -> Settings:
    """Load the settings, or keep those of before a reload if the new ones are not valid.

    Raises:
        SettingsError: they are not valid, and there were none before.
    """
    try:
        _Valid.settings = load_settings()
    except SettingsError as error:
        if _Valid.settings is None:
            raise
        logger.error("the settings are not valid, so those of before are kept: %s", error)  # noqa: TRY400  the message says it all
    return _Valid.settings


def log_start(settings: Settings) -> None:
    """Log what the settings choose, and warn of what leaves learners with less."""
    if settings.openai_api_key:
        models = " or ".join([settings.openai_model, *settings.openai_fallback_models])
        logger.info("plans come from %s at %s, %s", models, _host(settings), _store_name(settings))
    elif settings.in_production:
        logger.warning(
            "OPENAI_API_KEY is not set: every learner gets the offline plan, and the assistant is"
            " offline; %s",
            _store_name(settings),
        )
    else:
        logger.info("plans come from the offline planner, %s", _store_name(settings))
    if settings.open_access_warning:
        logger.warning(settings.open_access_warning)


def check_schema(settings: Settings) -> None:
    """Check the schema of the Supabase project, if there is one that answers.

    Raises:
        SettingsError: the schema is older than this release.
    """

    async def open_and_close() -> None:
        store = await open_store(settings)
        await store.close()

    if settings.supabase_url:
        asyncio.run(open_and_close())


def _host(settings: Settings) -> str:
    # Neither the user name nor the path: a proxy's URL may have a secret in either.
    parts = urlsplit(settings.openai_base_url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _store_name(settings: Settings) -> str:
    if settings.supabase_url:
        return f"roadmaps are stored in Supabase at {urlsplit(settings.supabase_url).hostname}"
    return f"roadmaps are stored in the file {settings.sqlite_path}"
