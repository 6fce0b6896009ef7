"""The grace period of a process that shuts down."""

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from src.domain.errors import MomentumError


class Drain:
    """Interrupts waits when the grace period is over, also those that began before it did."""

    def __init__(self) -> None:
        self._ends_at = math.inf
        self._waits: set[asyncio.Timeout] = set()

    @property
    def has_begun(self) -> bool:
        """Whether the process is shutting down: nothing new may start."""
        return self._ends_at < math.inf

    @property
    def is_over(self) -> bool:
        """Whether the grace period is over."""
        return self._ends_at <= asyncio.get_running_loop().time()

    @property
    def has_waits(self) -> bool:
        """Whether anything waits inside `raise_when_over` now."""
        return bool(self._waits)

    def begin(self, seconds: float) -> None:
        """Let the grace period end in so many seconds; a later call cannot extend it."""
        self._ends_at = min(self._ends_at, asyncio.get_running_loop().time() + seconds)
        for wait in self._waits:
            if not wait.expired():
                wait.reschedule(self._ends_at)

    @asynccontextmanager
    async def raise_when_over(self, error: MomentumError) -> AsyncGenerator[None, None]:
        """Cancel the body and raise the error once the grace period is over."""
        try:
            async with asyncio.timeout_at(self._ends_at if self.has_begun else None) as wait:
                self._waits.add(wait)
                try:
                    yield
                finally:
                    self._waits.discard(wait)
        except TimeoutError:
            if not wait.expired():
                raise  # a timeout of the body's own
            raise error from None
