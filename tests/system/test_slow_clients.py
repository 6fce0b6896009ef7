"""Clients that are slow or send what is no request, over raw sockets."""

import logging
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
import uvicorn

from api import create_app
from src.server.bounded_http import BoundedHttpProtocol
from tests.support.abuse.watch import workers_of
from tests.support.learners import ANA
from tests.support.service import running_server, running_service
from tests.support.settings import isolated_settings
from tests.support.waiting import PATIENCE_SECONDS, wait_until

LIMIT = 0.4
LIMITS = ("head_seconds", "discard_seconds", "stall_seconds")
KEEP_ALIVE = 5
HEAD = b"POST /task/update HTTP/1.1\r\nHost: api\r\nContent-Type: application/json\r\n"
HEALTH = b"GET /health HTTP/1.1\r\nHost: api\r\n\r\n"
BIG_FILE = b"GET /static-offline-docs/redoc.standalone.js HTTP/1.1\r\nHost: api\r\n\r\n"


class Impatient(BoundedHttpProtocol):
    """The protocol as it is used, with limits for which a test can wait."""

    head_seconds = LIMIT
    discard_seconds = LIMIT
    stall_seconds = LIMIT


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[uvicorn.Server]:
    database = tmp_path_factory.mktemp("slow") / "momentum.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("src.web.json_bodies.BODY_TIMEOUT_SECONDS", LIMIT)
        app = create_app(isolated_settings(patch, sqlite_path=database))
        options = {"server_header": False, "timeout_keep_alive": KEEP_ALIVE}
        with running_server(app, http=Impatient, **options) as server:
            yield server


def connect(server: uvicorn.Server, receive_buffer: int | None = None) -> socket.socket:
    client = socket.socket()
    if receive_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.settimeout(KEEP_ALIVE - 1)
    client.connect(("127.0.0.1", server.config.port))
    return client


def answer_of(client: socket.socket) -> bytes:
    """Return one answer: its head, and as much of its body as it announces."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = client.recv(65_536)
        assert part, f"closed after {received!r}"
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < length:
        body += client.recv(65_536)
    return head + b"\r\n\r\n" + body


def seconds_until_closed(client: socket.socket, drip: bytes = b"") -> float:
    """Send a byte now and then until the server closes, and return how long that took.

    The bound is keep-alive's, ten times the limits here: a busy machine does not reach it.
    """
    began = time.monotonic()
    client.settimeout(0.05)
    sent = 0
    while time.monotonic() - began < KEEP_ALIVE - 1:
        try:
            if not client.recv(65_536):
                break
        except TimeoutError:
            if drip:
                with suppress(ConnectionError):
                    client.send(drip[sent % len(drip) :][:1])
                    sent += 1
        except ConnectionError:
            break
    else:
        pytest.fail("the connection stays open")
    return time.monotonic() - began


def drip_forever(client: socket.socket) -> None:
    while True:
        client.sendall(b"1\r\nx\r\n")
        time.sleep(0.02)


def test_silent_connection_is_closed(server: uvicorn.Server) -> None:
    """A connection without a request does not stay."""
    with closing(connect(server)) as client:
        assert seconds_until_closed(client) > LIMIT / 2


@pytest.mark.parametrize("before", [b"", HEALTH])
def test_dripped_head_is_closed(server: uvicorn.Server, before: bytes) -> None:
    """Headers that never end are cut at the limit, also after a request that was in order."""
    with closing(connect(server)) as client:
        if before:
            client.sendall(before)
            assert answer_of(client).startswith(b"HTTP/1.1 200")
        client.sendall(b"GET /health HTTP/1.1\r\nX-Long: ")
        assert seconds_until_closed(client, drip=b"a") > LIMIT / 2


def test_kept_connection_may_rest(server: uvicorn.Server) -> None:
    """Between two requests the time is keep-alive's, which is longer."""
    with closing(connect(server)) as client:
        for rest in (2 * LIMIT, 0):
            client.sendall(HEALTH)
            assert answer_of(client).startswith(b"HTTP/1.1 200")
            time.sleep(rest)


def test_dripped_body_is_refused(server: uvicorn.Server) -> None:
    """A body that does not come is a 408, and then the connection ends."""
    with closing(connect(server)) as client:
        client.sendall(HEAD + b"Content-Length: 60000\r\n\r\n{")
        assert answer_of(client).startswith(b"HTTP/1.1 408")
        seconds_until_closed(client, drip=b" ")


def test_announced_size_is_refused_before_a_byte_of_it(server: uvicorn.Server) -> None:
    """A client that asks whether it may send 64 KiB and one byte gets a 413."""
    with closing(connect(server)) as client:
        client.sendall(HEAD + b"Content-Length: 65537\r\nExpect: 100-continue\r\n\r\n")
        assert answer_of(client).startswith(b"HTTP/1.1 413")


def test_unannounced_size_is_refused_as_it_arrives(server: uvicorn.Server) -> None:
    """A chunked body that goes on and on is refused at 64 KiB, not at its end."""
    with closing(connect(server)) as client:
        client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(65):
            client.sendall(b"400\r\n" + b" " * 1024 + b"\r\n")
        assert answer_of(client).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        (b"GET", b"/health", b"200"),
        (b"GET", b"/roadmap/1/weeks", b"404"),
        (b"DELETE", f"/roadmap/1?user_id={ANA}".encode(), b"404"),
        (b"POST", b"/nothing", b"404"),
    ],
)
def test_body_that_nobody_reads(
    server: uvicorn.Server, method: bytes, path: bytes, status: bytes
) -> None:
    """The answer does not wait for it, says that the connection ends, and a drip is cut."""
    start = method + b" " + path + b" HTTP/1.1\r\nHost: api\r\n"
    with pytest.MonkeyPatch.context() as patch, closing(connect(server)) as client:
        for limit in LIMITS:  # a busy machine needs its time for 10 MB
            patch.setattr(Impatient, limit, 10 * KEEP_ALIVE)
        client.sendall(start + b"Content-Length: 10000000\r\n\r\n")
        answer = answer_of(client)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert b"\r\nconnection: close\r\n" in answer.lower()
        with pytest.raises(ConnectionError):
            client.sendall(b"x" * 10_000_000)
    with closing(connect(server)) as client:
        client.sendall(start + b"Transfer-Encoding: chunked\r\n\r\n")
        assert answer_of(client).startswith(b"HTTP/1.1 " + status)
        assert client.recv(1) == b""
        with pytest.raises(ConnectionError):
            drip_forever(client)


def test_unread_answer_is_given_up(server: uvicorn.Server) -> None:
    """A client that reads nothing of the megabytes that it asked for does not stay either."""
    with closing(connect(server, receive_buffer=4096)) as client:
        client.sendall(BIG_FILE * 20)
        wait_until(lambda: len(server.server_state.connections) == 1)
        wait_until(lambda: not server.server_state.connections)
        wait_until(lambda: not server.server_state.tasks)


def test_what_is_no_http(
    server: uvicorn.Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a 400 with the headers of every other answer, in mid-body too, and no error of ours.

    The connection is closed at once, and not by a limit.
    """
    for limit in LIMITS:
        monkeypatch.setattr(Impatient, limit, 10 * KEEP_ALIVE)
    for sent in (
        b"\x16\x03\x01 canary\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ):
        with closing(connect(server)) as client:
            client.sendall(sent)
            head = answer_of(client).lower()
            assert head.startswith(b"http/1.1 400")
            assert b"\r\nx-content-type-options: nosniff" in head
            assert b"\r\ncache-control: no-store" in head
            assert b"\r\nserver:" not in head
            seconds_until_closed(client)
    wait_until(lambda: not server.server_state.tasks)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_production_has_these_limits_and_logs_few_errors_of_accept(tmp_path: Path) -> None:
    """Gunicorn's workers speak by the same protocol.

    Without file descriptors they log a line a second, and then they serve again.
    """
    with running_service("gunicorn", tmp_path, {"WEB_CONCURRENCY": "1"}) as service:
        (worker,) = workers_of(service.process.pid)
        files = len(list(Path(f"/proc/{worker.pid}/fd").iterdir())) + 5
        lines, began = len(service.log.splitlines()), time.monotonic()
        _, most = resource.prlimit(worker.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (files, most))
        with ExitStack() as stack:
            for _ in range(20):  # the system accepts them
                stack.enter_context(socket.create_connection(("127.0.0.1", service.port)))
            wait_until(lambda: service.log.count("cannot accept connections") >= 2)
            lines = len(service.log.splitlines()) - lines
            assert lines < 2 + time.monotonic() - began
        resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (most, most))
        with closing(socket.create_connection(("127.0.0.1", service.port))) as client:
            client.settimeout(PATIENCE_SECONDS)
            client.sendall(b"no http\r\n\r\n")
            head = answer_of(client).lower()
        assert b"\r\ncache-control: no-store" in head
        assert b"\r\nserver:" not in head
        assert service.stop() == 0
