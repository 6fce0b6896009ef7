"""The project's address and key, as far as they show by themselves what they are."""

import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import jwt

from src.doctor.findings import Finding, note, wrong

URL, KEY = "SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"

_HOSTED = re.compile(r"([a-z0-9]+)\.supabase\.(?:co|in|red)")
_DASHBOARD = re.compile(r"/(?:dashboard/)?project/([a-z0-9]+)")

_COPY_KEY = (
    "Copy the secret key (sb_secret_…), or the legacy service_role key, from Project settings, API"
    " keys."
)

_PREFIXES = {
    "sb_publishable_": "it is the publishable key, which browsers have and which may do nothing",
    "sbp_": "it is a personal access token, which only Supabase's management API takes",
    "sb-": "it is no key of a project",
}


def check_address(url: str) -> Iterator[Finding]:
    """Yield what shows that a URL is not the address of a project."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if host in {"supabase.com", "app.supabase.com", "supabase.io", "app.supabase.io"}:
        project = _DASHBOARD.search(parts.path)
        address = f"https://{project[1] if project else 'YOUR-PROJECT'}.supabase.co"
        yield wrong(URL, "it is the address of the dashboard", f"Write {address} instead.")
    elif host.startswith("db.") and _HOSTED.fullmatch(host[3:]):
        yield wrong(URL, "it is the address of PostgreSQL", f"Write https://{host[3:]} instead.")
    elif parts.query or parts.fragment:
        yield wrong(URL, "it has a ? or #", "End it with the host.")
    elif re.match(r"/(?:rest|auth|storage|functions|graphql)(?:/|$)", parts.path):
        yield wrong(
            URL, f"it ends with {parts.path}, which the service appends", "End it with the host."
        )
    elif parts.scheme == "http" and _HOSTED.fullmatch(host):
        yield wrong(URL, "it begins with http://", f"Write https://{host}.")
    elif parts.scheme == "http" and not _is_near(host):
        yield note(URL, "it begins with http://, so the key travels unencrypted", "Use https://.")


def check_key(key: str, url: str) -> Iterator[Finding]:
    """Yield what shows that a key is not one that this service can use on that project."""
    for prefix, what in _PREFIXES.items():
        if key.startswith(prefix):
            yield wrong(KEY, what, _COPY_KEY)
            return
    if key.startswith("sb_secret_"):
        return
    claims = read_claims(key)
    if claims is None:
        yield note(KEY, "it has the form of no key of Supabase that is known here", _COPY_KEY)
        return
    project = _HOSTED.fullmatch((urlsplit(url).hostname or "").lower())
    expiry = claims.get("exp")
    if claims.get("role") != "service_role":
        role = claims.get("role")
        known = role if role in {"anon", "authenticated"} else "another"
        yield wrong(KEY, f"it is a key of the role {known}, not service_role", _COPY_KEY)
    elif project and claims.get("ref") not in (None, project[1]):
        yield wrong(
            URL,
            f"it names the project {project[1]}, and {KEY} belongs to another project",
            "Take both from the same project.",
        )
    elif isinstance(expiry, int | float) and expiry < time.time():
        yield wrong(KEY, "it has expired", _COPY_KEY)


def read_claims(key: str) -> dict[str, Any] | None:
    """Return what a legacy key says of itself, unverified; None if it is no JWT."""
    try:
        return jwt.decode(key, options={"verify_signature": False, "verify_exp": False})
    except jwt.PyJWTError:
        return None


def _is_near(host: str) -> bool:
    """Whether requests stay on this machine or in a network of containers."""
    return host in {"localhost", "::1"} or host.startswith("127.") or "." not in host
