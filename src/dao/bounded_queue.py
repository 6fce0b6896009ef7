"""Limits how many requests may wait for a database before the next one is refused."""

from collections.abc import Iterator
from contextlib import contextmanager

from src.domain.errors import StoreOverloadedError


class BoundedQueue:
    """Counts the requests that wait or are being served.

    It is only for work that clients wait for. A generation's own writes bypass it, since a
    generation that has begun must be able to end.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._count = 0

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot.

        Raises:
            StoreOverloadedError: all slots are taken.
        """
        if self._count >= self._capacity:
            raise StoreOverloadedError(f"{self._capacity} requests wait for the database")
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
