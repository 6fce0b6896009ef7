"""How many connections a worker holds, and which one goes if there are too many."""

import resource
from collections.abc import Iterable
from typing import Protocol, TypeVar

MAX_CONNECTIONS = 2_000
"""Of one worker, if it may open enough files."""

OWN_FILES = 384
"""File descriptors that connections leave to the database, the model and the logs, and to a burst
of connections that are accepted before they are counted."""

HEALTH_CONNECTIONS = 50
"""Connections beyond the limit, whose requests are answered by `/health` alone."""


class Connection(Protocol):
    """What has to be known of a connection."""

    waits_since: float
    """The time of the loop at which it began to wait for a request."""

    def is_idle(self) -> bool:
        """Return whether no request is being answered."""


C = TypeVar("C", bound=Connection)


def connection_limit() -> int:
    """Return how many connections this process may hold."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(min(MAX_CONNECTIONS, files - OWN_FILES), files // 4)


def longest_idle(connections: Iterable[C]) -> C | None:
    """Return the connection that has waited longest for a request; None if all are busy."""
    idle = (connection for connection in connections if connection.is_idle())
    return min(idle, key=lambda connection: connection.waits_since, default=None)
