"""The time that a process which was told to end leaves to what it waits for."""

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from src.domain.errors import MomentumError


class Drain:
    """Ends waits when its time is over, also those that began before anybody knew of it."""

    def __init__(self) -> None:
        self._ends_at = math.inf
        self._waits: set[asyncio.Timeout] = set()

    @property
    def has_begun(self) -> bool:
        """Whether nothing new is to begin."""
        return self._ends_at < math.inf

    @property
    def is_over(self) -> bool:
        """Whether nothing is waited for any more."""
        return self._ends_at <= asyncio.get_running_loop().time()

    @property
    def has_waits(self) -> bool:
        """Whether anything is within it now."""
        return bool(self._waits)

    def begin(self, seconds: float) -> None:
        """Let it be over in so many seconds, or as soon as was said before."""
        self._ends_at = min(self._ends_at, asyncio.get_running_loop().time() + seconds)
        for wait in self._waits:
            if not wait.expired():
                wait.reschedule(self._ends_at)

    @asynccontextmanager
    async def raise_when_over(self, error: MomentumError) -> AsyncGenerator[None, None]:
        """Wait for what is inside, and raise the error once the drain is over."""
        try:
            async with asyncio.timeout_at(self._ends_at if self.has_begun else None) as wait:
                self._waits.add(wait)
                try:
                    yield
                finally:
                    self._waits.discard(wait)
        except TimeoutError:
            if not wait.expired():
                raise  # It is somebody else's.
            raise error from None
