"""Connections that are reset before the server accepts them."""

import socket
import struct
from collections.abc import Iterator

import pytest

from src.server.listening import MAX_SKIPPED, SkippingSocket, take_over

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@pytest.fixture
def listening() -> Iterator[SkippingSocket]:
    with take_over(socket.create_server(("127.0.0.1", 0), backlog=4 * MAX_SKIPPED)) as listening:
        listening.settimeout(0)
        yield listening


def connect(listening: socket.socket) -> socket.socket:
    client = socket.create_connection(listening.getsockname())
    client.sendall(b"GET / HTTP/1.1\r\n")
    return client


def reset(listening: socket.socket) -> None:
    with connect(listening) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)


def test_connections_that_are_reset_are_skipped(listening: SkippingSocket) -> None:
    """The next one that is alive comes at once, with what its client has sent."""
    for _ in range(5):
        reset(listening)
    with connect(listening) as client:
        connection, address = listening.accept()
        assert address == client.getsockname()
        assert connection.recv(100) == b"GET / HTTP/1.1\r\n"
        connection.close()
    with pytest.raises(BlockingIOError):
        listening.accept()


def test_a_client_that_has_closed_its_half_is_not_skipped(listening: SkippingSocket) -> None:
    """It may wait for its answer."""
    with connect(listening) as client:
        client.shutdown(socket.SHUT_WR)
        listening.accept()[0].close()


def test_many_in_a_row_are_skipped_in_several_turns(listening: SkippingSocket) -> None:
    """So that the connections that are there already get their turn in between."""
    for _ in range(MAX_SKIPPED + 1):
        reset(listening)
    with pytest.raises(ConnectionAbortedError):
        listening.accept()
    with connect(listening):
        listening.accept()[0].close()
