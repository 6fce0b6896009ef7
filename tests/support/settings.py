"""Settings for tests: what a test does not name has its default, whatever the environment says."""

import pytest

from src.settings import Settings
from tests.support.standin import OpenRouterStandIn


def isolated_settings(patch: pytest.MonkeyPatch, **values: object) -> Settings:
    """Return settings made of these values alone."""
    for name in Settings.model_fields:
        patch.delenv(name.upper(), raising=False)
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]  # pydantic checks them


def model_settings(standin: OpenRouterStandIn) -> dict[str, object]:
    """Return the settings of a service whose model is the stand-in."""
    return {"openai_api_key": standin.api_key, "openai_base_url": standin.base_url}
