"""Follows generations to their end, whichever process works on them."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from functools import partial
from typing import TypeVar
from uuid import UUID

from src.dao import Generations
from src.domain import errors
from src.domain.generation import GenerationRecord
from src.domain.roadmap import Roadmap, SavedRoadmap
from src.services.generation.event_log import GenerationEvent
from src.services.generation.registry import RunRegistry

MAX_FOLLOWERS = 100
"""How many requests of one process may poll generations of other processes at once."""

POLL_SECONDS = 0.5
"""The interval at which a generation of another process is polled."""

CONTINUING_ERRORS = (
    errors.GenerationWaitingError,
    errors.HandedOverError,
    errors.StoreError,
)
"""They end a stream, but not its generation, which continues, perhaps not for a while."""

T = TypeVar("T")


class GenerationFollower:
    """Waits for generations and streams their events.

    What takes a `generation_id` raises `GenerationNotFoundError` if there is no such generation.
    """

    def __init__(
        self,
        generations: Generations,
        runs: RunRegistry,
        *,
        timeout_seconds: float,
        patience_seconds: float,
    ) -> None:
        """Wait for an end up to `timeout_seconds`, for a database up to `patience_seconds`."""
        self._generations = generations
        self._runs = runs
        self._timeout_seconds = timeout_seconds
        self._patience_seconds = patience_seconds
        self.polling = 0
        """How many requests are polling generations of other processes."""

    async def get(self, generation_id: UUID, user_id: UUID | None = None) -> GenerationRecord:
        """Return the record of a generation."""
        return await self._generations.get(generation_id, user_id)

    async def wait_for_roadmap(self, generation_id: UUID) -> Roadmap:
        """Wait for a generation to end and return its roadmap.

        Raises:
            OverloadedError: too many requests poll other processes' generations already.
            MomentumError: it failed, waits, or continues elsewhere; the subclass says why.
        """
        outcome = await self._wait_for_outcome(generation_id)
        if isinstance(outcome, errors.MomentumError):
            raise outcome
        return outcome

    async def events(
        self, generation_id: UUID, after: int = 0, user_id: UUID | None = None
    ) -> AsyncGenerator[tuple[int, GenerationEvent], None]:
        """Yield a generation's events with their numbers, beginning after number `after`.

        It may run in any process. Closing the stream does not stop it.

        Raises:
            GenerationWaitingError: it waits for the model's provider.
            StoreError: the database cannot be reached, or did not store what was planned.
            OverloadedError: too many requests poll other processes' generations already.
            HandedOverError: this process is shutting down.
        """
        sent = after
        if run := self._runs.get(generation_id):
            async with aclosing(run.events.stream(after)) as events:
                async for number, event in events:
                    if isinstance(event, errors.HandedOverError) and not self._runs.drain.is_over:
                        break  # Another process continues it; poll that one.
                    if isinstance(event, CONTINUING_ERRORS):
                        raise event
                    sent = number
                    yield number, event
                else:
                    return
        with self._polling_slot():
            async with aclosing(self._poll_events(generation_id, sent, user_id)) as events:
                async for numbered in events:
                    yield numbered

    async def has_sent_all(self, record: GenerationRecord, number: int) -> bool:
        """Return whether a client that has received this event number has received all events."""
        if record.finished_at is None or number == 0:
            return False
        return not await self._generations.list_parts(
            record.generation_id, number - 1, record.user_id
        )

    @contextmanager
    def _polling_slot(self) -> Iterator[None]:
        """Bound the requests that poll: each reads from the database again and again."""
        if self.polling >= MAX_FOLLOWERS:
            raise errors.OverloadedError(
                f"{MAX_FOLLOWERS} requests poll other processes' generations"
            )
        self.polling += 1
        try:
            yield
        finally:
            self.polling -= 1

    async def _wait_for_outcome(self, generation_id: UUID) -> SavedRoadmap | errors.MomentumError:
        if run := self._runs.get(generation_id):
            outcome = await run.wait_for_outcome()
            if self._runs.drain.is_over or not isinstance(outcome, errors.HandedOverError):
                return outcome
        try:
            get = partial(self._generations.get, generation_id)
            async with self._runs.drain.raise_when_over(errors.HandedOverError(generation_id)):
                record = await get()
            if record.state == "running":
                with self._polling_slot():
                    async with asyncio.timeout(self._timeout_seconds):
                        while record.state == "running":
                            await self._sleep_until_next_poll(generation_id)
                            record = await self._poll(generation_id, get)
        except TimeoutError:
            raise errors.GenerationRunningError(generation_id) from None
        except (errors.StoreError, errors.OverloadedError) as error:
            error.generation_id = generation_id
            raise
        return record.outcome

    async def _poll_events(
        self, generation_id: UUID, after: int, user_id: UUID | None
    ) -> AsyncGenerator[tuple[int, GenerationEvent], None]:
        number = after
        while True:
            # The record first: once it has stopped, the parts read after it are complete.
            get = partial(self._generations.get, generation_id, user_id)
            record = await self._poll(generation_id, get)
            get_parts = partial(self._generations.list_parts, generation_id, number, user_id)
            for part in await self._poll(generation_id, get_parts):
                number += 1
                yield number, part
            if record.waiting_error:
                raise record.waiting_error
            if record.finished_at is not None:
                yield number + 1, record.outcome
                return
            await self._sleep_until_next_poll(generation_id)

    async def _poll(self, generation_id: UUID, read: Callable[[], Awaitable[T]]) -> T:
        """Read, and retry for as long as writers also wait for the database."""
        latest = time.monotonic() + self._patience_seconds
        while True:
            try:
                async with self._runs.drain.raise_when_over(errors.HandedOverError(generation_id)):
                    return await read()
            except (
                errors.StoreUnavailableError,
                errors.StoreTooSlowError,
                errors.StoreOverloadedError,
            ):
                if time.monotonic() > latest:
                    raise
            await self._sleep_until_next_poll(generation_id)

    async def _sleep_until_next_poll(self, generation_id: UUID) -> None:
        async with self._runs.drain.raise_when_over(errors.HandedOverError(generation_id)):
            await asyncio.sleep(POLL_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311
