"""Limits how many requests may wait for a database before the next one is refused."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Self

from src.domain.errors import StoreOverloadedError


class BoundedQueue:
    """Counts the requests that wait or are being served.

    It is only for work that clients wait for. A generation's own writes bypass it, since a
    generation that has begun must be able to end.
    """

    def __init__(self, capacity: int, outer: "BoundedQueue | None" = None) -> None:
        """Offer so many slots; each also takes one of `outer`, if that is given."""
        self._capacity = capacity
        self._outer = outer
        self._count = 0

    def half(self) -> Self:
        """Return a queue that can fill half of this one, so that other work finds room."""
        return type(self)(max(self._capacity // 2, 1), self)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot.

        Raises:
            StoreOverloadedError: all slots are taken.
        """
        if self._count >= self._capacity:
            raise StoreOverloadedError(f"{self._capacity} requests wait for the database")
        with ExitStack() as stack:
            if self._outer is not None:
                stack.enter_context(self._outer.slot())
            self._count += 1
            stack.callback(self._leave)
            yield

    def _leave(self) -> None:
        self._count -= 1


class Bulkhead:
    """Lets little work of one kind run at once, so that it cannot take what other work needs."""

    def __init__(self, most: int, queue: BoundedQueue, wait_seconds: float) -> None:
        """Let `most` pieces run; others wait in the queue, for at most so many seconds."""
        self._places = asyncio.Semaphore(most)
        self._queue = queue
        self._wait_seconds = wait_seconds

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place and hold it.

        Raises:
            StoreOverloadedError: the queue is full, or no place became free in time.
        """
        with self._queue.slot():
            try:
                async with asyncio.timeout(self._wait_seconds):
                    await self._places.acquire()
            except TimeoutError:
                raise StoreOverloadedError(
                    f"no place became free in {self._wait_seconds:g} s"
                ) from None
            try:
                yield
            finally:
                self._places.release()
