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
        self._waits: dict[asyncio.Timeout, float] = {}
        """With the seconds that each may last beyond the grace period."""

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
        for wait, extra_seconds in self._waits.items():
            if not wait.expired():
                wait.reschedule(self._ends_at + extra_seconds)

    @asynccontextmanager
    async def raise_when_over(
        self, error: MomentumError, extra_seconds: float = 0
    ) -> AsyncGenerator[None, None]:
        """Cancel the body and raise the error once the grace period and `extra_seconds` are over.

        Extra seconds are for a write that has probably landed, whose answer is still missing.
        """
        ends_at = self._ends_at + extra_seconds if self.has_begun else None
        try:
            async with asyncio.timeout_at(ends_at) as wait:
                self._waits[wait] = extra_seconds
                try:
                    yield
                finally:
                    del self._waits[wait]
        except TimeoutError:
            if not wait.expired():
                raise  # a timeout of the body's own
            raise error from None
