"""The services on which the authorization matrix is tried: either database, either mode."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from tests.support.backends import Backend, SqliteBackend
from tests.support.data_plane import DataPlane
from tests.support.fault_proxy import FaultProxy
from tests.support.service import Service, running_service
from tests.support.tokens import JWKS_PATH, TokenMint


@dataclass(frozen=True)
class Project:
    """A Supabase project with its Auth, or an embedded file, and the services on it by their mode.

    `variables` connect a further service to the project.
    """

    variables: dict[str, str]
    backend: Backend
    mint: TokenMint
    services: dict[str, Service]


@contextmanager
def running_project(plane: DataPlane, directory: Path) -> Iterator[Project]:
    """Run both services, of two workers each; only the one that requires tokens has the secret."""
    # A way of its own: what other tests do to theirs, and forget of it, is nothing to us.
    with FaultProxy(plane.rest_url) as proxy, ExitStack() as stack:
        mint = TokenMint(proxy.url, token_hex(32))
        proxy.documents[JWKS_PATH] = json.dumps(mint.jwks()).encode()
        variables = plane.variables | {"SUPABASE_URL": proxy.url}
        services = {}
        for mode, secret in (("optional", {}), ("required", {"SUPABASE_JWT_SECRET": mint.secret})):
            home = directory / mode
            home.mkdir()
            environment = variables | secret | {"AUTH_MODE": mode, "WEB_CONCURRENCY": "2"}
            services[mode] = stack.enter_context(running_service("gunicorn", home, environment))
        yield Project(variables, plane, mint, services)


@contextmanager
def running_alone(mode: str, directory: Path) -> Iterator[Project]:
    """Run a service on SQLite that knows a project's secret and nothing else of it."""
    mint = TokenMint("https://project.supabase.co", token_hex(32))
    variables = {"AUTH_MODE": mode, "SUPABASE_JWT_SECRET": mint.secret}
    with running_service("uvicorn", directory, variables) as service:
        yield Project(variables, SqliteBackend(directory / "momentum.db"), mint, {mode: service})
