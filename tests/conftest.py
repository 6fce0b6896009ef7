"""What every kind of test shares: the guard against the network, and the real data plane."""

import functools
import gc
import os
import shutil
import socket
import ssl
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support.backends import Backend, SqliteBackend
from tests.support.data_plane import (
    DataPlane,
    Postgres,
    running_data_plane,
    running_postgres,
)
from tests.support.fault_proxy import FaultProxy
from tests.support.standin import OpenRouterStandIn, Pace
from tests.support.tokens import AuthServer, SigningKey, new_rsa_key

USUAL_SECONDS, SYSTEM_SECONDS = 0.2, 5.0
"""About how long a test takes that has no marker, and one that starts processes."""

NEEDS_POSTGRES = {"postgres", "session_data_plane", "data_plane", "new_project"}
"""Fixtures; so does a test that is parametrized with `supabase`."""

settings.register_profile("few", max_examples=15, deadline=None)  # make check
settings.register_profile("usual", max_examples=100, deadline=None)
settings.register_profile("thorough", max_examples=20_000, deadline=None)  # make test-progress
settings.load_profile("usual")


IN_MEMORY = Path("/dev/shm")  # noqa: S108  each test has a directory of its own in it
ROOM_IN_MEMORY = 3 * 2**30
"""Bytes that must be free: each worker fills databases, and failed tests leave theirs."""


def pytest_configure() -> None:
    """Keep files in memory where there is room: on a disk, tests mostly wait for its `fsync`."""
    if (
        "TMPDIR" not in os.environ
        and IN_MEMORY.is_dir()
        and shutil.disk_usage(IN_MEMORY).free > ROOM_IN_MEMORY
    ):
        tempfile.tempdir = os.environ["TMPDIR"] = str(IN_MEMORY)


@pytest.hookimpl(hookwrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect no garbage meanwhile: nearly all that is built then stays until the end."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the modules with the longest tests first, and mark tests by what they need.

    What starts processes is not measured for coverage: it runs in others. Neither is the API over
    Supabase: it runs the lines that it runs over SQLite, but for the store's, which the contract
    tests reach.
    """
    seconds: dict[Path, float] = defaultdict(float)
    for item in items:
        path = item.path.as_posix()
        is_system = "/tests/system/" in path
        if is_system or ("/tests/api/" in path and "supabase" in item.name):
            item.add_marker(pytest.mark.no_cover)
        if NEEDS_POSTGRES & set(getattr(item, "fixturenames", ())) or "supabase" in item.name:
            item.add_marker(pytest.mark.postgres)
        marker = item.get_closest_marker("long")
        usual = SYSTEM_SECONDS if is_system else USUAL_SECONDS
        seconds[item.path] += marker.args[0] if marker else usual
    # A module's tests stay together, because some of them share a service.
    items.sort(key=lambda item: seconds[item.path], reverse=True)


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Let nothing in this process reach beyond loopback."""

    def guarded(name: str) -> Callable[..., Any]:
        original = getattr(socket.socket, name)

        def connect(self: socket.socket, address: Any) -> Any:  # noqa: ANN401  as the original
            if self.family in {socket.AF_INET, socket.AF_INET6}:
                _refuse_beyond_loopback(address[0])
            return original(self, address)

        return connect

    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  as the original
        _refuse_beyond_loopback(host)
        return resolve(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, guarded(name))
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        # Load the certificates once: every client would, for 50 ms each, and no test uses TLS.
        patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
        yield


def _refuse_beyond_loopback(host: str | bytes | None) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in {None, "localhost"}:
        return
    try:
        allowed = ip_address(str(name).partition("%")[0]).is_loopback
    except ValueError:
        allowed = False
    if not allowed:
        raise RuntimeError(f"a test tried to reach {name}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Run one PostgreSQL for the whole session."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def session_data_plane(postgres: Postgres) -> Iterator[DataPlane]:
    """Run one data plane with the product's schema; tests take `data_plane`."""
    with postgres.database() as database, running_data_plane(database) as plane:
        plane.apply_schema()
        yield plane


@pytest.fixture
def data_plane(session_data_plane: DataPlane) -> DataPlane:
    """Offer the session's data plane, without a row and without a fault."""
    session_data_plane.reset()
    return session_data_plane


@pytest.fixture
def new_project(postgres: Postgres) -> Iterator[DataPlane]:
    """Offer a data plane over a database of the test's own, without any table."""
    with postgres.database() as database, running_data_plane(database) as plane:
        yield plane


@pytest.fixture
def fault_proxy(data_plane: DataPlane) -> Iterator[FaultProxy]:
    """Offer a second way to `data_plane`, for faults that other readers do not see."""
    with FaultProxy(data_plane.rest_url) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def rsa_key() -> SigningKey:
    """Make one RSA key for the whole session: it takes a while."""
    return new_rsa_key()


@pytest.fixture
def auth(rsa_key: SigningKey) -> Iterator[AuthServer]:
    """Run a project's Auth as far as it publishes keys and mints tokens."""
    with AuthServer(rsa_key) as server:
        yield server


@pytest.fixture(params=["sqlite", "supabase"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """Offer an empty database of either kind."""
    if request.param == "sqlite":
        return SqliteBackend(tmp_path / "momentum.db")
    plane: DataPlane = request.getfixturevalue("data_plane")
    return plane


@pytest.fixture(scope="session")
def session_standin() -> Iterator[OpenRouterStandIn]:
    """Run one stand-in for OpenRouter for the whole session; tests take `standin`."""
    with OpenRouterStandIn(pace=Pace(drip=0.05, slow_first_token=0.2)) as standin:
        yield standin


@pytest.fixture
def standin(session_standin: OpenRouterStandIn) -> OpenRouterStandIn:
    """Offer the session's stand-in, well-behaved and without a call."""
    session_standin.reset()
    return session_standin
