"""The services on which the authorization matrix is tried: either database, either mode."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from tests.support.backends import SqliteBackend
from tests.support.data_plane import DataPlane
from tests.support.fault_proxy import FaultProxy
from tests.support.service import Service, running_service
from tests.support.tokens import JWKS_PATH, TokenMint


@dataclass(frozen=True)
class Project:
    """A Supabase project with its Auth, and a service on it in each mode, with two workers.

    `variables` connect a further service to the project.
    """

    variables: dict[str, str]
    backend: DataPlane
    mint: TokenMint
    optional: Service
    required: Service


@contextmanager
def running_project(plane: DataPlane, directory: Path) -> Iterator[Project]:
    """Run both services; the one that requires tokens alone knows the project's secret."""
    with ExitStack() as stack:
        # A way of its own: what other tests do to theirs, and forget of it, is nothing to us.
        proxy = stack.enter_context(FaultProxy(plane.rest_url))
        mint = TokenMint(proxy.url, token_hex(32))
        proxy.documents[JWKS_PATH] = json.dumps(mint.jwks()).encode()
        variables = plane.variables | {"SUPABASE_URL": proxy.url}

        def started(mode: str, **more: str) -> Service:
            home = directory / mode
            home.mkdir()
            environment = variables | more | {"AUTH_MODE": mode, "WEB_CONCURRENCY": "2"}
            return stack.enter_context(running_service("gunicorn", home, environment))

        optional = started("optional")
        required = started("required", SUPABASE_JWT_SECRET=mint.secret)
        yield Project(variables, plane, mint, optional, required)


@dataclass(frozen=True)
class Alone:
    """A service on SQLite that knows a project's secret and nothing else of it."""

    backend: SqliteBackend
    mint: TokenMint
    service: Service


@contextmanager
def running_alone(mode: str, directory: Path) -> Iterator[Alone]:
    mint = TokenMint("https://project.supabase.co", token_hex(32))
    variables = {"AUTH_MODE": mode, "SUPABASE_JWT_SECRET": mint.secret}
    with running_service("uvicorn", directory, variables) as service:
        yield Alone(SqliteBackend(directory / "momentum.db"), mint, service)
