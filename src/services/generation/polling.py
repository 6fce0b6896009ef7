"""Polls the generations that other processes work on."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from src.dao import Generations
from src.domain import errors
from src.domain.generation import GenerationSnapshot
from src.services.drain import Drain
from src.services.generation.event_log import EventLog

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
"""The interval at which a generation of another process is polled."""

MAX_POLLS = 100
"""How many generations of other processes one process polls at once."""


@dataclass
class _Poll:
    """A running poll; its log has the events with larger numbers than `after`."""

    after: int
    log: EventLog
    task: asyncio.Task[None]
    followers: int = 0


class GenerationPolls:
    """Polls each generation once, however many requests of this process follow it."""

    def __init__(self, generations: Generations, drain: Drain, patience_seconds: float) -> None:
        """Retry a failing read up to `patience_seconds`."""
        self._generations = generations
        self._drain = drain
        self._patience_seconds = patience_seconds
        self._polls: dict[UUID, _Poll] = {}

    @property
    def followers(self) -> int:
        """How many requests follow generations of other processes."""
        return sum(poll.followers for poll in self._polls.values())

    def has_started_after(self, snapshot: GenerationSnapshot) -> bool:
        """Return whether the poll of a generation began with a later snapshot than this one."""
        poll = self._polls.get(snapshot.record.generation_id)
        return poll is not None and poll.after > snapshot.last_number

    @asynccontextmanager
    async def join(self, snapshot: GenerationSnapshot) -> AsyncIterator[EventLog]:
        """Offer the log of a generation's events after a snapshot, its end included.

        The first to join starts the poll, and the last to leave stops it. The log raises what
        `read` raises, and `GenerationWaitingError` if the generation waits.

        Raises:
            OverloadedError: this process polls as many generations as it can.
        """
        generation_id = snapshot.record.generation_id
        poll = self._polls.get(generation_id) or self._start(generation_id, snapshot.last_number)
        poll.followers += 1
        try:
            yield poll.log
        finally:
            poll.followers -= 1
            if not poll.followers:
                self._forget(generation_id, poll)
                poll.task.cancel()

    async def read(self, generation_id: UUID, after: int) -> GenerationSnapshot:
        """Read a generation, and retry for as long as writers also wait for the database.

        Raises:
            GenerationNotFoundError: it does not exist, or its events were deleted.
            HandedOverError: this process is shutting down.
            StoreError: the database cannot serve.
        """
        latest = time.monotonic() + self._patience_seconds
        while True:
            try:
                async with self._drain.raise_when_over(errors.HandedOverError(generation_id)):
                    snapshot = await self._generations.read(generation_id, after)
            except (
                errors.StoreUnavailableError,
                errors.StoreTooSlowError,
                errors.StoreOverloadedError,
            ):
                if time.monotonic() > latest:
                    raise
            else:
                if snapshot.is_gone:
                    raise errors.GenerationNotFoundError
                return snapshot
            await self._sleep(generation_id)

    def _start(self, generation_id: UUID, after: int) -> _Poll:
        if len(self._polls) >= MAX_POLLS:
            raise errors.OverloadedError(f"{MAX_POLLS} generations are polled")
        log = EventLog()
        task = asyncio.create_task(self._fill(log, generation_id, after))
        poll = self._polls[generation_id] = _Poll(after, log, task)
        # Whoever comes after its end reads the generation anew.
        task.add_done_callback(lambda _: self._forget(generation_id, poll))
        return poll

    def _forget(self, generation_id: UUID, poll: _Poll) -> None:
        if self._polls.get(generation_id) is poll:
            del self._polls[generation_id]

    async def _fill(self, log: EventLog, generation_id: UUID, after: int) -> None:
        """Add a generation's events after a number to a log, and close it, whatever happens."""
        try:
            await self._copy_events(log, generation_id, after)
        except errors.MomentumError as error:
            log.close(error)
        except Exception:
            logger.exception("a poll ended unexpectedly")
            log.close(errors.MomentumError("the poll ended unexpectedly"))
        else:
            log.close()

    async def _copy_events(self, log: EventLog, generation_id: UUID, after: int) -> None:
        is_finished = False
        while not is_finished:
            await self._sleep(generation_id)
            snapshot = await self.read(generation_id, after)
            log.append(snapshot.events(after))
            after = snapshot.last_number
            if snapshot.record.waiting_error:
                raise snapshot.record.waiting_error
            is_finished = snapshot.end_number is not None

    async def _sleep(self, generation_id: UUID) -> None:
        async with self._drain.raise_when_over(errors.HandedOverError(generation_id)):
            await asyncio.sleep(POLL_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311
