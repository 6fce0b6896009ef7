"""Computes in threads of its own, so that the event loop goes on serving."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from src.domain.errors import ProgressOverloadedError

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 2
"""More would not compute faster: Python runs one of them at a time."""

MAX_WAITING = 64
"""A computation takes some 10 ms, so that the last in the queue waits for less than a second."""


class Computing:
    """Runs functions in a few threads. The functions themselves import what is slow to import."""

    def __init__(self, max_waiting: int = MAX_WAITING) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="progress")
        self._most = THREADS + max_waiting
        self._unfinished = 0

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a function returns. If the caller is cancelled, it may still run to its end.

        Raises:
            ProgressOverloadedError: too many functions wait for a thread.
        """
        if self._unfinished >= self._most:
            raise ProgressOverloadedError
        loop = asyncio.get_running_loop()
        self._unfinished += 1
        computation = self._pool.submit(function, *args, **kwargs)
        # Counted until it has really ended: a cancelled caller does not stop a thread.
        computation.add_done_callback(lambda _: loop.call_soon_threadsafe(self._finish))
        return await asyncio.wrap_future(computation)

    def _finish(self) -> None:
        self._unfinished -= 1

    async def close(self) -> None:
        """Cancel what waits. What runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
