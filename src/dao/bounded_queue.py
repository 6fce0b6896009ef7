"""How many requests may wait for a database before the next is refused at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from src.domain.errors import StoreOverloadedError


class BoundedQueue:
    """Counts those who wait or are served.

    For what clients wait for alone: what was begun has to be ended, however many wait.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._count = 0

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a place.

        Raises:
            StoreOverloadedError: there is none.
        """
        if self._count >= self._capacity:
            raise StoreOverloadedError(f"{self._capacity} requests wait for the database")
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
