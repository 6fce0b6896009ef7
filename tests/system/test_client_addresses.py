"""Whose address counts, behind the real servers: no header of a client moves it to another."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.support.learners import roadmap_request
from tests.support.service import free_port, gunicorn_command, running_process, uvicorn_command

SPOOFED = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP", "X-Client-IP")


@pytest.fixture(params=["uvicorn", "gunicorn"])
def command(request: pytest.FixtureRequest) -> tuple[list[str], int]:
    """Offer how the service is started, for development and in production, and its port."""
    port = free_port()
    return (uvicorn_command(port) if request.param == "uvicorn" else gunicorn_command()), port


@contextmanager
def limited_service(
    command: tuple[list[str], int], directory: Path, **variables: str
) -> Iterator[httpx.Client]:
    """Run a service that allows each address one generation, and a client of it."""
    limits = {"GENERATIONS_PER_HOUR": "1", "LEARNERS_PER_ADDRESS": "1"}
    # Gunicorn and uvicorn would trust every proxy, if they read the headers by themselves.
    limits["FORWARDED_ALLOW_IPS"] = "*"
    with (
        running_process(*command, directory, limits | variables) as service,
        httpx.Client(base_url=service.url, timeout=30) as client,
    ):
        yield client


def passes(client: httpx.Client, *headers: tuple[str, str]) -> bool:
    """Return whether a new user gets a roadmap, with these headers."""
    body = roadmap_request(user_id=str(uuid4()), duration_weeks=1)
    answer = client.post("/generate_roadmap", json=body, headers=list(headers))
    assert answer.status_code in {200, 429}, answer.text
    if answer.status_code == 429:
        assert answer.headers["ratelimit"].startswith('"generations-per-hour-of-an-address";')
    return answer.is_success


def test_no_header_is_believed_unless_it_is_named(
    command: tuple[list[str], int], tmp_path: Path
) -> None:
    """The peer of the connection is the client, whatever the request says."""
    with limited_service(command, tmp_path) as client:
        assert passes(client)
        for name in SPOOFED:
            assert not passes(client, (name, "203.0.113.9"))
        assert not passes(client, ("Forwarded", "for=203.0.113.9"))


def test_named_header_alone_is_believed(command: tuple[list[str], int], tmp_path: Path) -> None:
    """Its last address is the client's; no other header has any effect."""
    with limited_service(command, tmp_path, TRUSTED_PROXY_HEADER="X-Real-IP") as client:
        assert passes(client, ("X-Real-IP", "203.0.113.1"))
        assert not passes(client, ("X-Real-IP", "203.0.113.1"))
        assert not passes(client, ("X-Real-IP", "::ffff:203.0.113.1"))
        assert not passes(client, ("X-Real-IP", "203.0.113.2, 203.0.113.1"))
        assert not passes(client, ("X-Real-IP", "203.0.113.2"), ("X-Real-IP", "203.0.113.1"))
        for name in (name for name in SPOOFED if name != "X-Real-IP"):
            assert not passes(client, ("X-Real-IP", "203.0.113.1"), (name, "203.0.113.2"))
        assert passes(client, ("X-Real-IP", "203.0.113.2"))
        assert passes(client, ("X-Real-IP", "2001:db8:1:2::1"))
        assert not passes(client, ("X-Real-IP", "2001:db8:1:2:3::4"))
        # Without a usable address in the header, the proxy itself is the client.
        assert passes(client)
        assert not passes(client, ("X-Real-IP", "unknown"))
        assert not passes(client, ("X-Forwarded-For", "203.0.113.77"))
