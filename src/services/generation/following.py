"""Follows generations to their end, whichever process works on them."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import cast
from uuid import UUID

from src.dao import Generations
from src.domain import errors
from src.domain.generation import GenerationRecord, GenerationSnapshot, NumberedEvent, is_end
from src.domain.quotas import Requester
from src.domain.roadmap import Roadmap, SavedRoadmap
from src.services.generation.places import FollowerPlaces
from src.services.generation.polling import GenerationPolls
from src.services.generation.registry import RunRegistry

_NO_PARTS = 2**31 - 1
"""No part has a larger number."""


class GenerationFollower:
    """Waits for generations and streams their events.

    Only stored events are streamed, with the numbers that they have in the store. What takes a
    `generation_id` raises `GenerationNotFoundError` if there is no such generation.
    """

    def __init__(
        self,
        generations: Generations,
        runs: RunRegistry,
        places: FollowerPlaces,
        *,
        timeout_seconds: float,
        patience_seconds: float,
    ) -> None:
        """Wait for an end up to `timeout_seconds`, for a database up to `patience_seconds`."""
        self._generations = generations
        self._runs = runs
        self._timeout_seconds = timeout_seconds
        self.places = places
        self.polls = GenerationPolls(generations, runs.drain, patience_seconds)

    async def get(self, generation_id: UUID, user_id: UUID | None = None) -> GenerationRecord:
        """Return the record of a generation."""
        return await self._generations.get(generation_id, user_id)

    async def look(self, generation_id: UUID, user_id: UUID | None = None) -> GenerationSnapshot:
        """Return a generation without its parts.

        Raises:
            GenerationNotFoundError: it does not exist, or its events were deleted.
        """
        snapshot = await self._generations.read(generation_id, _NO_PARTS, user_id)
        if snapshot.is_gone:
            raise errors.GenerationNotFoundError
        return snapshot

    async def wait_for_roadmap(self, record: GenerationRecord, client_key: str) -> Roadmap:
        """Wait for a generation to end and return its roadmap.

        Raises:
            LimitReachedError: too many requests of this user or address follow generations.
            OverloadedError: this process polls as many generations as it can.
            MomentumError: it failed, waits, or continues elsewhere; the subclass says why.
        """
        outcome: SavedRoadmap | errors.MomentumError = record.outcome
        if record.finished_at is None:
            requester = Requester(user_id=record.user_id, client_key=client_key)
            try:
                with self._take_place(record.generation_id, requester):
                    outcome = await self._wait_for_outcome(record.generation_id)
            except (errors.StoreError, errors.OverloadedError, errors.LimitReachedError) as error:
                error.generation_id = record.generation_id
                raise
        if isinstance(outcome, errors.MomentumError):
            raise outcome
        return outcome

    async def follow(
        self, generation_id: UUID, requester: Requester, after: int = 0
    ) -> AsyncGenerator[NumberedEvent, None]:
        """Take a place, and return a generation's events with larger numbers than `after`.

        The generation may run in any process; `requester` names its user. The events end with its
        end. Closing them gives the place back, and does not stop the generation. They raise

        - `GenerationWaitingError` if it waits for the model's provider,
        - `StoreError` if the database cannot be reached, or did not store what was planned,
        - `OverloadedError` if this process polls as many generations as it can,
        - `HandedOverError` if this process is shutting down.

        Raises:
            LimitReachedError: too many requests of this user or address follow generations.
        """
        events = self._events(generation_id, requester, after)
        try:
            # A generator that has started gives its place back even if nobody reads from it.
            await anext(events)
        except errors.LimitReachedError as error:
            error.generation_id = generation_id
            raise
        return cast("AsyncGenerator[NumberedEvent, None]", events)

    async def _events(
        self, generation_id: UUID, requester: Requester, after: int
    ) -> AsyncGenerator[NumberedEvent | None, None]:
        """Yield None once the place is taken, and then the events."""
        with self._take_place(generation_id, requester):
            yield None
            if run := self._runs.get(generation_id):
                async with aclosing(run.events.stream(after)) as events:
                    async for number, event in events:
                        after = number
                        yield number, event
                        if is_end(event):
                            return
            # It runs elsewhere, or ended here without an event: what the store has counts.
            async with aclosing(self._stored_events(generation_id, after)) as events:
                async for number, event in events:
                    yield number, event

    @contextmanager
    def _take_place(self, generation_id: UUID, requester: Requester) -> Iterator[None]:
        run = self._runs.get(generation_id)
        if run is None or run.is_followed:
            with self.places.take(requester):
                yield
            return
        # The first to follow a run has asked for it, and is admitted with it.
        run.is_followed = True
        try:
            yield
        finally:
            run.is_followed = False

    async def _stored_events(
        self, generation_id: UUID, after: int
    ) -> AsyncGenerator[NumberedEvent, None]:
        while True:
            snapshot = await self.polls.read(generation_id, after)
            for number, event in snapshot.events(after):
                after = number
                yield number, event
            if snapshot.end_number is not None:
                return
            if snapshot.record.waiting_error:
                raise snapshot.record.waiting_error
            if not self.polls.has_started_after(snapshot):
                break
        async with self.polls.join(snapshot) as log, aclosing(log.stream(after)) as events:
            async for number, event in events:
                yield number, event

    async def _wait_for_outcome(self, generation_id: UUID) -> SavedRoadmap | errors.MomentumError:
        if run := self._runs.get(generation_id):
            outcome = await run.wait_for_outcome()
            if self._runs.drain.is_over or not isinstance(outcome, errors.HandedOverError):
                return outcome
        try:
            async with asyncio.timeout(self._timeout_seconds):
                async with aclosing(self._stored_events(generation_id, _NO_PARTS)) as events:
                    async for _ in events:
                        pass
        except TimeoutError:
            raise errors.GenerationRunningError(generation_id) from None
        async with self._runs.drain.raise_when_over(errors.HandedOverError(generation_id)):
            return (await self._generations.get(generation_id)).outcome
