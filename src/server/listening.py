"""The listening socket, without the connections that their clients have reset already."""

import socket
from typing import Any

MAX_SKIPPED = 64
"""Connections that are skipped before others get their turn: about a millisecond's work."""


class SkippingSocket(socket.socket):
    """Accepts as any socket does, but for connections that are reset while they wait.

    The system hands these over like all others. Each would cost a transport, a parser and a task,
    twenty times as much as skipping it, and thousands may wait before a connection that is alive.
    """

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection that is not reset, and its address.

        Raises:
            BlockingIOError: none waits.
            ConnectionAbortedError: many were reset in a row; the next call goes on.
        """
        for _ in range(MAX_SKIPPED):
            connection, address = super().accept()
            if not connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return connection, address
            connection.close()
        raise ConnectionAbortedError


def take_over(listening: socket.socket) -> SkippingSocket:
    """Return a socket that skips, in place of a listening one, which is closed."""
    return SkippingSocket(fileno=listening.detach())
