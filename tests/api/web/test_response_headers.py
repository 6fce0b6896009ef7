"""The headers that every answer carries."""

import base64
import hashlib
import re
from typing import Any

import httpx
import pytest

from api import create_app
from src.web.response_headers import SWAGGER_SCRIPT
from tests.support.learners import ANA, REQUEST
from tests.support.settings import isolated_settings

ORIGIN = {"Origin": "http://localhost:3000"}
PREFLIGHT = ORIGIN | {"Access-Control-Request-Method": "POST"}
STREAM = {"Accept": "text/event-stream"}
PATH = "/generate_roadmap"

PUBLIC = ["/health", "/docs", "/redoc", "/openapi.json", "/static-offline-docs/swagger-ui.css"]
PERSONAL: list[tuple[str, str, dict[str, Any], int]] = [
    ("POST", PATH, {"json": REQUEST}, 200),
    ("POST", PATH, {"json": {}}, 422),
    ("POST", PATH, {"content": b"{", "headers": {"Content-Type": "application/json"}}, 422),
    ("POST", PATH, {"content": b"x"}, 415),
    ("GET", "/roadmap/4711", {}, 404),
    ("GET", "/nothing", {}, 404),
    ("PUT", "/roadmaps", {}, 405),
    ("OPTIONS", PATH, {"headers": PREFLIGHT}, 200),
    ("OPTIONS", PATH, {"headers": PREFLIGHT | {"Origin": "https://evil.example"}}, 400),
    ("GET", "/calendar/4711.ics", {}, 404),
]
EXCEPTIONS: list[tuple[str, str, dict[str, Any], str]] = [
    # What is polled may be kept by its browser, which asks whether it is still true.
    ("GET", "/roadmaps", {"params": {"user_id": ANA}}, "private, no-cache"),
    # A proxy that compresses a stream holds events back.
    ("POST", PATH, {"json": REQUEST, "headers": STREAM}, "no-store, no-transform"),
]


def assert_always(answer: httpx.Response) -> None:
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; frame-ancestors 'none'")
    assert "unsafe-eval" not in policy
    assert "origin" in answer.headers["vary"].lower()
    assert "strict-transport-security" not in answer.headers
    for name in ("server", "x-powered-by", "access-control-allow-credentials"):
        assert name not in answer.headers


@pytest.mark.parametrize(("method", "path", "request_", "status"), PERSONAL)
async def test_personal_answers(
    client: httpx.AsyncClient, method: str, path: str, request_: dict[str, Any], status: int
) -> None:
    """Nothing keeps them, frames them or runs anything in them: successes, errors, preflights."""
    answer = await client.request(method, path, **request_)
    assert answer.status_code == status
    assert_always(answer)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; frame-ancestors 'none'"
    )


@pytest.mark.parametrize(("method", "path", "request_", "cache_control"), EXCEPTIONS)
async def test_personal_answers_with_their_own_cache_control(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    request_: dict[str, Any],
    cache_control: str,
) -> None:
    """Nothing else about them differs."""
    answer = await client.request(method, path, **request_)
    assert answer.status_code == 200
    assert_always(answer)
    assert answer.headers["cache-control"] == cache_control
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; frame-ancestors 'none'"
    )


@pytest.mark.parametrize("path", PUBLIC)
async def test_public_answers(client: httpx.AsyncClient, path: str) -> None:
    """What says the same to everybody may be kept."""
    answer = await client.get(path)
    assert answer.status_code == 200
    assert_always(answer)
    assert "no-store" not in answer.headers.get("cache-control", "")


async def test_pages_run_only_scripts_that_are_known(client: httpx.AsyncClient) -> None:
    """Both pages' inline scripts are allowed by hash; a change of FastAPI's shows here."""
    for path in ("/docs", "/redoc"):
        page = await client.get(path)
        inline = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
        digests = [hashlib.sha256(script.encode()).digest() for script in inline]
        hashes = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
        assert hashes == ([SWAGGER_SCRIPT] if path == "/docs" else [])
        sources = page.headers["content-security-policy"].partition("script-src ")[2]
        assert sources.partition(";")[0].split() == ["'self'", *hashes]


@pytest.mark.parametrize("path", ["/health", "/roadmap/4711"])
async def test_browsers_have_to_stay_with_tls(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """On the platform, which ends TLS before us, and wherever a request comes over TLS."""
    on_platform = {
        "railway_environment": "production",
        "supabase_url": "http://127.0.0.1:1",
        "supabase_service_role_key": "key",
    }
    for values, scheme in ((on_platform, "http"), ({}, "https")):
        app = create_app(isolated_settings(monkeypatch, **values))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://api") as client:
            answer = await client.get(path)
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
