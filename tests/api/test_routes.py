"""All routes check who acts, and the log names the route of a refused request, too."""

import logging
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from pydantic import SecretStr
from starlette.routing import Mount

from api import create_app
from src.routers.dependencies import find_acting_user
from src.settings import Settings
from src.web.json_bodies import MAX_BODY_BYTES
from src.web.public_paths import needs_no_token
from tests.api.bad_inputs import JSON
from tests.api.replicas import Running
from tests.support.backends import SqliteBackend
from tests.support.learners import ANA


@pytest.fixture(params=["sqlite"])
def backend(tmp_path: Path) -> SqliteBackend:
    return SqliteBackend(tmp_path / "momentum.db")


def unchecked_paths(app: FastAPI) -> list[str]:
    """Return the paths of routes that need a token and do not depend on `find_acting_user`."""
    found = []
    for route in iter_route_contexts(app.routes):
        is_mount = isinstance(route.original_route, Mount)
        path = f"{route.path}/" if is_mount else str(route.path)
        dependant = getattr(route, "dependant", None)
        calls = [each.call for each in dependant.dependencies] if dependant else []
        if (
            not needs_no_token(path.removesuffix("/oauth2-redirect"))
            and find_acting_user not in calls
        ):
            found.append(path)
    return found


def test_every_route_checks_who_acts(settings: Settings) -> None:
    """A route that holds personal data cannot be added without it."""
    app = create_app(settings)
    paths = {str(route.path) for route in iter_route_contexts(app.routes)}
    assert {"/roadmaps", "/generate_roadmap", "/task/update", "/health"} <= paths
    assert unchecked_paths(app) == []


def test_unchecked_route_is_found(settings: Settings) -> None:
    """Whether a router, an application's own route or a mount forgets it."""
    app = create_app(settings)
    router = APIRouter(prefix="/notes")

    async def read() -> None: ...

    router.add_api_route("/{note_id}", read)
    app.include_router(router)
    app.add_api_route("/own", read)
    app.mount("/files", FastAPI())
    assert unchecked_paths(app) == ["/notes/{note_id}", "/own", "/files/"]


TOO_LARGE = b'{"goal": "' + b"x" * MAX_BODY_BYTES + b'"}'


REFUSED: list[tuple[str, bytes | None, str]] = [
    ("PUT /roadmap/4711", None, "PUT /roadmap/{roadmap_id} 405"),
    ("GET /generate_roadmap", None, "GET /generate_roadmap 405"),
    ("PATCH /health", None, "PATCH /health 405"),
    ("POST /generate_roadmap", TOO_LARGE, "POST /generate_roadmap 413"),
    ("POST /task/update", b"{}", "POST /task/update 422"),
    ("GET /roadmap/4711/week/99", None, "GET /roadmap/{roadmap_id}/week/{week_number} 422"),
    ("GET /generations/4711", None, "GET /generations/{generation_id} 422"),
    ("GET /roadmaps?user_id=4711", None, "GET /roadmaps 422"),
    ("GET /roadmap/4711?user_id=" + ANA, None, "GET /roadmap/{roadmap_id} 404"),
    ("GET /4711", None, "GET unmatched 404"),
]
UNAUTHENTICATED = [
    ("POST /generate_roadmap", b"{}", "POST /generate_roadmap 401"),
    ("GET /roadmap/4711", None, "GET /roadmap/{roadmap_id} 401"),
    (f"DELETE /roadmap/4711?user_id={ANA}", None, "DELETE /roadmap/{roadmap_id} 401"),
    ("GET /generations/4711/events", None, "GET /generations/{generation_id}/events 401"),
    ("GET /4711", None, "GET unmatched 401"),
]


async def test_log_lines_of_refused_requests_name_the_route(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """By its template; a path that no route has is not logged at all."""
    for request_line, content, line in REFUSED:
        await assert_logged(client, caplog, request_line, content, line)


async def test_log_lines_of_unauthenticated_requests_name_the_route(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    """They are refused before routing."""
    async with running(auth_mode="required", supabase_jwt_secret=SecretStr("s" * 32)) as on:
        for request_line, content, line in UNAUTHENTICATED:
            await assert_logged(on.client, caplog, request_line, content, line)


async def assert_logged(
    client: httpx.AsyncClient,
    caplog: pytest.LogCaptureFixture,
    request_line: str,
    content: bytes | None,
    line: str,
) -> None:
    """Send a request and check the only line about it; no line names a user or an id."""
    caplog.set_level(logging.INFO, logger="src")
    caplog.clear()
    method, path = request_line.split()
    await client.request(method, path, content=content, headers=JSON if content else {})
    messages = [r.getMessage() for r in caplog.records if r.name == "src.web.request_log"]
    assert len(messages) == 1
    assert messages[0].startswith(f"{line} in ")
    written = "".join(r.getMessage() for r in caplog.records if r.name.startswith("src"))
    assert "4711" not in written
    assert ANA not in written
