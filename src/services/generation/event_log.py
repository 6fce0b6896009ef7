"""The numbered events of one generation, for all its followers in this process."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from typing import TypeAlias

from src.domain.errors import MomentumError
from src.domain.generation import PlannedPart
from src.domain.roadmap import SavedRoadmap

GenerationEvent: TypeAlias = PlannedPart | SavedRoadmap | MomentumError
"""The last event of a generation is the saved roadmap or the error that ended it.

A `StoreError`, a `HandedOverError` or a `GenerationWaitingError` ends the work of this process
alone: another one continues it, or any one does when it has waited. Such a `StoreError` has the
`generation_id`.
"""


class EventLog:
    """Keeps the events and wakes its streams when one is added."""

    def __init__(self, recorded_parts: Iterable[PlannedPart] = ()) -> None:
        """Start with the parts that are already on record."""
        self._events: list[GenerationEvent] = list(recorded_parts)
        self._changed = asyncio.Event()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._events)

    def append(self, *events: GenerationEvent) -> None:
        """Add events; numbers count from 1."""
        self._events += events
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def close(self, last: GenerationEvent) -> None:
        """Add the last event, after which all streams end."""
        self._is_closed = True
        self.append(last)

    def snapshot(self) -> list[GenerationEvent]:
        """Return all events so far, in order."""
        return list(self._events)

    async def stream(self, after: int = 0) -> AsyncGenerator[tuple[int, GenerationEvent], None]:
        """Yield every event with its number, beginning after number `after`, until the last."""
        number = after
        while True:
            changed = self._changed
            for event in self._events[number:]:
                number += 1
                yield number, event
            if number >= len(self._events):
                if self._is_closed:
                    return
                await changed.wait()
