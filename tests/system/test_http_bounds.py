"""What a raw client may send: the bounds of a request, and the rules of HTTP/1.1."""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from api import create_app
from src.server.bounded_http import (
    MAX_CHUNKS,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_PIPELINED,
    MAX_TARGET_BYTES,
    BoundedHttpProtocol,
)
from src.server.connections import HEALTH_CONNECTIONS
from tests.support.service import free_port, running_server
from tests.support.settings import isolated_settings
from tests.support.waiting import wait_until

HEALTH = b"GET /health HTTP/1.1\r\nHost: api\r\n\r\n"
UPDATE = b"POST /task/update HTTP/1.1\r\nHost: api\r\nContent-Type: application/json\r\n"
CHUNK = b"1\r\n \r\n"
FEW = 5


class FewConnections(BoundedHttpProtocol):
    """The protocol as it is used, on a small machine."""

    max_connections = FEW


@contextmanager
def running(protocol: type[BoundedHttpProtocol], path: Path) -> Iterator[uvicorn.Server]:
    with pytest.MonkeyPatch.context() as patch:
        settings = isolated_settings(patch, sqlite_path=path / "momentum.db")
        config = uvicorn.Config(
            create_app(settings), port=free_port(), http=protocol, log_config=None, ws="none"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        wait_until(lambda: server.started)
        yield server
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[uvicorn.Server]:
    with running(BoundedHttpProtocol, tmp_path_factory.mktemp("bounds")) as server:
        yield server


@pytest.fixture
def client(server: uvicorn.Server) -> Iterator[socket.socket]:
    with closing(connect(server)) as client:
        yield client


def connect(server: uvicorn.Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.config.port), timeout=10)


def read_until_closed(client: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionError):
        while part := client.recv(65_536):
            received += part
    return received


def statuses(received: bytes) -> list[bytes]:
    return [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]]


def status_of(client: socket.socket, request: bytes) -> bytes:
    """Send a request that the server closes the connection after, and return its status."""
    with suppress(ConnectionError):  # It need not read all of it.
        client.sendall(request)
    received = read_until_closed(client)
    assert b"\r\ncache-control: no-store\r\n" in received.lower()
    assert len(statuses(received)) == 1
    return statuses(received)[0]


def get(target: bytes = b"/health", headers: bytes = b"Host: api\r\n") -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + headers + b"\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (get(b"/" + b"a" * MAX_TARGET_BYTES), b"414"),
        (get(headers=b"Host: api\r\nX: " + b"a" * MAX_HEAD_BYTES + b"\r\n"), b"431"),
        (get(headers=b"Host: api\r\n" + b"X: a\r\n" * MAX_HEADERS), b"431"),
        (get(headers=b"Host: api\r\nX: " + b"a" * 1_000_000), b"431"),
        (get(headers=b"Host: api\r\n" + b"a" * 1_000_000), b"431"),
        (UPDATE + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK * (MAX_CHUNKS + 1), b"413"),
        (
            UPDATE + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * 2_000_000,
            b"413",
        ),
        (
            UPDATE + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"a" * 2_000_000,
            b"413",
        ),
        (get(headers=b""), b"400"),
        (get(headers=b"Host: a\r\nHost: a\r\n"), b"400"),
        (get(headers=b"Host: a b\r\n"), b"400"),
        (get(headers=b"Host: a/b\r\n"), b"400"),
        (get(headers=b"Host: a:port\r\n"), b"400"),
        (get(headers=b"Host:\r\n"), b"400"),
        (UPDATE + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}", b"400"),
        (UPDATE + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", b"400"),
        (UPDATE + b"Content-Length: +2\r\n\r\n{}", b"400"),
        (b"GET /health HTTP/9.9\r\nHost: api\r\n\r\n", b"400"),
        (b"CONNECT api:80 HTTP/1.1\r\nHost: api:80\r\n\r\n", b"400"),
    ],
)
def test_what_is_refused(client: socket.socket, request_: bytes, status: bytes) -> None:
    """It gets an answer of its own, and the connection is closed."""
    assert status_of(client, request_) == status


def test_a_header_that_drips_is_bounded_in_bytes(client: socket.socket) -> None:
    """A header's bytes count as they arrive, and not when the header is complete."""
    client.sendall(b"GET /health HTTP/1.1\r\nHost: api\r\nX: ")
    with suppress(ConnectionError):
        for _ in range(100):
            client.sendall(b"a" * 1024)
            time.sleep(0.001)
    assert statuses(read_until_closed(client)) == [b"431"]


@pytest.mark.parametrize("host", [b"api", b"api:8000", b"127.0.0.1", b"[::1]:8000", b"a_b.example"])
def test_valid_hosts(client: socket.socket, host: bytes) -> None:
    client.sendall(get(headers=b"Connection: close\r\nHost: " + host + b"\r\n"))
    assert statuses(read_until_closed(client)) == [b"200"]


@pytest.mark.parametrize("target", [b"http://api/health", b"HTTP://api:80/health", b"http://api"])
def test_absolute_targets_are_served(client: socket.socket, target: bytes) -> None:
    client.sendall(get(target, b"Host: api\r\nConnection: close\r\n"))
    expected = b"404" if target == b"http://api" else b"200"
    assert statuses(read_until_closed(client)) == [expected]


def test_a_client_that_closes_its_half_gets_its_answer(client: socket.socket) -> None:
    client.sendall(HEALTH * 2)
    client.shutdown(socket.SHUT_WR)
    assert statuses(read_until_closed(client)) == [b"200", b"200"]


def test_half_a_request_gets_no_answer(client: socket.socket) -> None:
    client.sendall(UPDATE + b"Content-Length: 10\r\n\r\n{")
    client.shutdown(socket.SHUT_WR)
    assert read_until_closed(client) == b""


def test_offers_of_other_protocols_are_ignored(client: socket.socket) -> None:
    """`curl --http2` offers h2c: its body is read, its request answered, its connection kept."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    body = b'{"task_id": "no"}'
    length = f"Content-Length: {len(body)}\r\n\r\n".encode()
    client.sendall(get(headers=b"Host: api\r\n" + offer) + UPDATE + offer + length + body)
    client.sendall(get(headers=b"Host: api\r\nConnection: close\r\n"))
    assert statuses(read_until_closed(client)) == [b"200", b"422", b"200"]


def test_trailers_are_no_headers(client: socket.socket) -> None:
    """What comes after a body cannot change the request that it belongs to."""
    head = b"DELETE /roadmap/1?user_id=x HTTP/1.1\r\nHost: api\r\nTransfer-Encoding: chunked\r\n"
    client.sendall(head + b"\r\n0\r\nX-Request-ID: from-a-trailer\r\n\r\n")
    client.sendall(get(headers=b"Host: api\r\nConnection: close\r\n"))
    received = read_until_closed(client)
    assert statuses(received) == [b"422", b"200"]
    assert b"from-a-trailer" not in received


def test_a_long_pipeline_ends(client: socket.socket) -> None:
    """Requests wait for the answers to earlier ones, but not without end."""
    with suppress(ConnectionError):
        client.sendall(HEALTH * 10 * MAX_PIPELINED)
    answers = statuses(read_until_closed(client))
    assert set(answers) == {b"200"}
    assert MAX_PIPELINED <= len(answers) < 10 * MAX_PIPELINED


@pytest.mark.parametrize("path", [b"/nothing", b"/task/update"])
def test_tiny_chunks_without_end_are_not_read(client: socket.socket, path: bytes) -> None:
    """Each costs the parser time: the connection is cut long before a quarter of a million."""
    head = b"POST " + path + b" HTTP/1.1\r\nHost: api\r\nContent-Type: application/json\r\n"
    with pytest.raises(ConnectionError):
        client.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK * 2_000_000)


def test_idle_connections_make_room(tmp_path: Path) -> None:
    """Beyond the limit, the connection that has been idle longest goes; no other is refused."""
    with running(FewConnections, tmp_path) as server, ExitStack() as stack:
        clients = [stack.enter_context(closing(connect(server))) for _ in range(3 * FEW)]
        for client in clients:
            with suppress(ConnectionError):
                client.sendall(HEALTH)
        answers = []
        for client in clients:
            client.settimeout(5)
            with suppress(ConnectionError):
                answers.append(client.recv(65_536)[9:12])
        assert answers[-FEW:] == [b"200"] * FEW
        wait_until(lambda: len(server.server_state.connections) <= FEW)


def test_busy_connections_leave_room_for_health(tmp_path: Path) -> None:
    """If all connections are busy, others get 503, `/health` answers, and then nobody does."""
    with running(FewConnections, tmp_path) as server, ExitStack() as stack:

        def open_one(request: bytes) -> socket.socket:
            client = stack.enter_context(closing(connect(server)))
            client.sendall(request)
            return client

        busy = [open_one(UPDATE + b"Content-Length: 10\r\n\r\n{") for _ in range(FEW)]
        wait_until(lambda: len(server.server_state.tasks) == FEW)
        refused = read_until_closed(open_one(get(b"/roadmaps?user_id=x")))
        assert statuses(refused) == [b"503"]
        assert b"\r\nretry-after: 10\r\n" in refused
        assert statuses(open_one(HEALTH).recv(65_536)) == [b"200"]
        busy += [open_one(UPDATE + b"Content-Length: 10\r\n\r\n") for _ in range(3)]
        assert len(server.server_state.connections) <= FEW + HEALTH_CONNECTIONS


def test_disconnect_ends_the_answer_before_a_pipelined_request() -> None:
    """A request that waits for its turn does not hide the disconnect from the one before it."""
    app, ended = FastAPI(), threading.Event()

    async def write_on() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"text"
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    @app.get("/endless")
    async def stream() -> StreamingResponse:
        return StreamingResponse(write_on())

    with running_server(app, http=BoundedHttpProtocol) as server:
        with closing(connect(server)) as client:
            client.sendall(get(b"/endless") + HEALTH)
            assert client.recv(65_536)
        assert ended.wait(10)


def test_requests_of_reset_connections_are_not_served() -> None:
    """Thousands of them may wait to be accepted, and each would take as long as any other."""
    app, served = FastAPI(), []

    @app.get("/{name}")
    async def serve(name: str) -> None:
        served.append(name)
        time.sleep(0.5)  # noqa: ASYNC251  the loop is busy while the others come and go

    with running_server(app, http=BoundedHttpProtocol) as server, closing(connect(server)) as busy:
        busy.sendall(get(b"/busy"))
        wait_until(lambda: served)
        for _ in range(5):
            with closing(connect(server)) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.sendall(get(b"/reset"))
        with closing(connect(server)) as last:
            last.sendall(get(b"/last"))
            wait_until(lambda: "last" in served)
        assert served == ["busy", "last"]
