"""The stored events of one generation, for all its followers in this process."""

import asyncio
from collections.abc import AsyncGenerator, Iterable

from src.domain.errors import MomentumError
from src.domain.generation import NumberedEvent


class EventLog:
    """Keeps events that the store has numbered, and wakes its streams when one is added."""

    def __init__(self, events: Iterable[NumberedEvent] = ()) -> None:
        """Start with the events that are already stored."""
        self._events = list(events)
        self._changed = asyncio.Event()
        self._is_closed = False
        self._error: MomentumError | None = None

    def append(self, events: Iterable[NumberedEvent]) -> None:
        """Add events, in the order of their numbers."""
        self._events += events
        self._wake_streams()

    def close(self, error: MomentumError | None = None) -> None:
        """End all streams after the last event, or raise this error in them there."""
        self._is_closed = True
        self._error = error
        self._wake_streams()

    async def stream(self, after: int = 0) -> AsyncGenerator[NumberedEvent, None]:
        """Yield every event with a larger number than `after`, until the log is closed.

        Raises:
            MomentumError: the log was closed with this error.
        """
        position = 0
        while True:
            changed = self._changed
            while position < len(self._events):
                number, event = self._events[position]
                position += 1
                if number > after:
                    yield number, event
            if self._is_closed:
                break
            await changed.wait()
        if self._error is not None:
            raise self._error

    def _wake_streams(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
