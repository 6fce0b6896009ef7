"""The settings: all of them are valid, and those that were meant are the ones that count."""

import os
from collections.abc import Iterator
from pathlib import Path

from dotenv import dotenv_values

from src.doctor.findings import Finding, note, ok, wrong
from src.domain.errors import SettingsError
from src.settings import Settings

LONGEST_GAP_SECONDS = 60
"""How long roadmaps of a dead process should wait at most until another one continues them."""

LOOK_ALIKES = {
    "CORS_ORIGIN": "CORS_ORIGINS",
    "ALLOWED_ORIGINS": "CORS_ORIGINS",
    "JWT_SECRET": "SUPABASE_JWT_SECRET",
    "OPENAI_API_BASE": "OPENAI_BASE_URL",
    "OPENAI_KEY": "OPENAI_API_KEY",
    "OPENROUTER_API_KEY": "OPENAI_API_KEY",
    "OPENROUTER_MODEL": "OPENAI_MODEL",
    "NEXT_PUBLIC_SUPABASE_URL": "SUPABASE_URL",
    "SUPABASE_KEY": "SUPABASE_SERVICE_ROLE_KEY",
    "SUPABASE_SECRET_KEY": "SUPABASE_SERVICE_ROLE_KEY",
    "SUPABASE_SERVICE_KEY": "SUPABASE_SERVICE_ROLE_KEY",
    "SUPABASE_SERVICE_ROLE": "SUPABASE_SERVICE_ROLE_KEY",
}
"""Names that other tools and older guides use, and ours."""


def explain_invalid(error: SettingsError) -> Iterator[Finding]:
    """Yield what keeps the service from starting, one finding per variable."""
    for problem in str(error).split("; "):
        name, _, rest = problem.partition(": ")
        subject, what = (name, rest) if rest else ("settings", problem)
        yield wrong(subject, what.rstrip("."), "Correct it in the environment or in .env.")


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Yield what the settings say that was perhaps not meant."""
    chosen = sorted(name.upper() for name in settings.model_fields_set)
    yield ok("settings", f"all are valid; set are {', '.join(chosen) or 'none'}")
    yield from _check_names(settings)
    yield from _check_budget(settings)
    gap = settings.generation_lease_seconds + settings.sweep_interval_seconds
    if gap > LONGEST_GAP_SECONDS:
        yield note(
            "GENERATION_LEASE_SECONDS",
            f"together with SWEEP_INTERVAL_SECONDS it is {gap:.0f} s, and so long a roadmap waits"
            " after its server has died",
            f"Keep the two below {LONGEST_GAP_SECONDS} s.",
        )


def _check_names(settings: Settings) -> Iterator[Finding]:
    """Yield variables that nobody reads, or whose value does not count."""
    given = {**dotenv_values(Path(".env"), encoding="utf-8-sig"), **os.environ}
    for name, ours in LOOK_ALIKES.items():
        if given.get(name) and ours.lower() not in settings.model_fields_set:
            yield note(name, f"it is set, and the service reads {ours}, which is not")
    for name in sorted(field.upper() for field in Settings.model_fields):
        if (given.get(name) or "").strip() and name.lower() not in settings.model_fields_set:
            yield note(name, "its value is a placeholder, which counts as not set")


def _check_budget(settings: Settings) -> Iterator[Finding]:
    if settings.openai_api_key is None:
        return
    most = settings.daily_budget_dollars * settings.address_budget_share
    for name in ("reserved_dollars_per_week", "reserved_dollars_per_question"):
        if getattr(settings, name) > most:
            yield wrong(
                "DAILY_BUDGET_DOLLARS",
                f"what one address may spend of it is ${most:g} a day, less than {name.upper()},"
                " so every request is refused",
                f"Raise it, or ADDRESS_BUDGET_SHARE, or lower {name.upper()}.",
            )
