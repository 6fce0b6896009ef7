"""From a learner's request to a stored roadmap, whichever process makes it."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from functools import partial
from typing import TypeVar
from uuid import UUID

from src.dao import Store
from src.domain.errors import (
    GenerationAbandonedError,
    GenerationCancelledError,
    GenerationRunningError,
    GenerationSucceededError,
    HandedOverError,
    IdempotencyKeyReusedError,
    MomentumError,
    OverloadedError,
    ShuttingDownError,
    StoreError,
    StoreOverloadedError,
    StoreTooSlowError,
    StoreUnavailableError,
)
from src.domain.generation import GenerationRecord, Lease, NewGeneration
from src.domain.plan import PlanRequest
from src.domain.quotas import Asker
from src.domain.roadmap import Roadmap, SavedRoadmap
from src.llm import Planner
from src.services.drain import Drain
from src.services.generation.run import GenerationEvent, GenerationRun, outcome_of
from src.services.quotas import Allowances

logger = logging.getLogger(__name__)

MOST_GENERATIONS = 100
"""Running at once in one process; each holds its plan in memory until it is stored."""

MOST_FOLLOWERS = 100
"""Requests at once in one process that wait for, or tell of, other processes' generations."""

POLL_SECONDS = 0.5
"""How often a generation of another process is looked at."""

T = TypeVar("T")


class RoadmapGenerator:
    """Has roadmaps made and stored whole, tells how that goes on, lists and deletes them."""

    def __init__(
        self,
        store: Store,
        planner: Planner,
        allowances: Allowances,
        *,
        timeout_seconds: float,
        lease_seconds: float,
    ) -> None:
        self._store = store
        self._planner = planner
        self._allowances = allowances
        self._timeout_seconds = timeout_seconds
        self._lease_seconds = lease_seconds
        self._runs: dict[UUID, GenerationRun] = {}
        self._beginning = 0
        self._followers = 0
        self._drain = Drain()
        self._handing_over: asyncio.Task[None] | None = None

    @property
    def planner_name(self) -> str:
        """What makes the plans, in one word."""
        return self._planner.name

    async def begin(
        self, asker: Asker, request: PlanRequest, idempotency_key: str | None = None
    ) -> GenerationRecord:
        """Have a roadmap made, whether or not anybody waits for it, and return its record.

        An identical request of the user that still runs, or one with the same key, is the same
        generation. One whose process died is gone on with here. A record that has finished is of an
        earlier request with the same key.

        Raises:
            IdempotencyKeyReusedError: the key stands for another request.
            GenerationRunningError: the key's generation is being made.
            LimitReachedError: the learner, their address or the service has had enough.
            OverloadedError: too many are running here already.
            ShuttingDownError: this process is about to end.
        """
        asked = NewGeneration(
            asker=asker,
            request=request,
            idempotency_key=idempotency_key,
            reserved_dollars=self._allowances.dollars_per_week * request.duration_weeks,
        )
        lease = Lease(seconds=self._lease_seconds)
        with self._place():
            record = await self._store.generations.begin(asked, lease, self._allowances.generations)
            if record.lease_id == lease.lease_id:
                await self._make(record, lease)
                return record
        if record.fingerprint != asked.fingerprint:
            raise IdempotencyKeyReusedError(record.generation_id)
        if idempotency_key is not None and record.finished_at is None:
            raise GenerationRunningError(record.generation_id)
        return record

    async def wait_for(self, generation_id: UUID) -> Roadmap:
        """Wait for a generation to end and return its roadmap.

        Raises:
            OverloadedError: too many wait here already for what others make.
            MomentumError: it ended otherwise, or goes on elsewhere; which subclass says why.
        """
        end = await self._outcome(generation_id)
        if isinstance(end, MomentumError):
            raise end
        return end

    async def events(
        self, generation_id: UUID, after: int = 0, user_id: UUID | None = None
    ) -> AsyncGenerator[tuple[int, GenerationEvent], None]:
        """Yield a generation's events with their numbers, from the one that follows `after` on.

        It may be made by any process. Leaving does not end it.

        Raises:
            GenerationNotFoundError: there is none.
            StoreError: the database cannot be asked, or could not take what was planned.
            OverloadedError: too many are followed here already.
            HandedOverError: this process is about to end.
        """
        told = after
        if run := self._runs.get(generation_id):
            async with aclosing(run.events(after)) as events:
                async for number, event in events:
                    if isinstance(event, HandedOverError) and not self._drain.is_over:
                        break  # Not its end: another goes on with it.
                    if isinstance(event, HandedOverError | StoreError):
                        raise event  # Neither is this, but it can take a while.
                    told = number
                    yield number, event
                else:
                    return
        with self._follower():
            async with aclosing(self._recorded_events(generation_id, told, user_id)) as events:
                async for numbered in events:
                    yield numbered

    async def has_told_all(self, record: GenerationRecord, number: int) -> bool:
        """Return whether the event of this number ended the generation, or comes after its end."""
        if record.finished_at is None or number == 0:
            return False
        return not await self._store.generations.parts(
            record.generation_id, number - 1, record.user_id
        )

    async def record(self, generation_id: UUID, user_id: UUID | None = None) -> GenerationRecord:
        """Return what is known of a generation.

        Raises:
            GenerationNotFoundError: there is none.
        """
        return await self._store.generations.get(generation_id, user_id)

    async def cancel(self, generation_id: UUID, user_id: UUID | None = None) -> None:
        """End a generation, whichever process makes it; what it has cost stays on record.

        Raises:
            GenerationNotFoundError: there is none.
            GenerationSucceededError: it has made its roadmap.
        """
        record = await self._store.generations.cancel(
            generation_id, GenerationCancelledError.__name__, user_id
        )
        if record.problem is None:
            raise GenerationSucceededError(generation_id)
        if run := self._runs.get(generation_id):
            await run.stop()

    async def sweep(self) -> None:
        """End what nobody will end, and go on with what dead processes left unfinished.

        Raises:
            StoreError: the database cannot be asked.
        """
        swept = await self._store.generations.sweep(GenerationAbandonedError.__name__)
        if swept.roadmaps or swept.generations:
            logger.warning(
                "deleted %d unpublished roadmaps, gave up %d generations",
                swept.roadmaps,
                swept.generations,
            )
        with suppress(ShuttingDownError, OverloadedError, HandedOverError):
            while await self._claimed_one():
                pass

    async def list_roadmaps(self, user_id: UUID) -> list[Roadmap]:
        """Return the user's roadmaps, newest first."""
        return await self._store.list_roadmaps(user_id)

    async def delete(self, roadmap_id: int, user_id: UUID) -> None:
        """Delete the user's roadmap with all its tasks.

        Raises:
            RoadmapNotFoundError: there is none.
        """
        await self._store.delete_roadmap(roadmap_id, user_id)

    @property
    def is_leaving(self) -> bool:
        """Whether nothing new begins here any more."""
        return self._drain.has_begun

    @property
    def is_busy(self) -> bool:
        """Whether anything is being made here, or is about to be."""
        return bool(self._runs or self._beginning)

    def leave(self, drain_seconds: float) -> None:
        """Begin nothing more, and hand over what still runs after so many seconds."""
        self._drain.begin(drain_seconds)

        async def hand_over_later() -> None:
            await asyncio.sleep(drain_seconds)
            await self._hand_over()

        self._handing_over = asyncio.create_task(hand_over_later())

    async def close(self) -> None:
        """Hand over what still runs."""
        self._drain.begin(0)
        if self._handing_over is not None:
            self._handing_over.cancel()
        await self._hand_over()

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Hold a place among the generations of this process while one begins."""
        if self._drain.has_begun:
            raise ShuttingDownError
        if len(self._runs) + self._beginning >= MOST_GENERATIONS:
            raise OverloadedError(f"{MOST_GENERATIONS} generations are running")
        self._beginning += 1
        try:
            yield
        finally:
            self._beginning -= 1

    @contextmanager
    def _follower(self) -> Iterator[None]:
        """Count who follows other processes' generations: each asks the database ever again."""
        if self._followers >= MOST_FOLLOWERS:
            raise OverloadedError(f"{MOST_FOLLOWERS} follow other processes' generations")
        self._followers += 1
        try:
            yield
        finally:
            self._followers -= 1

    async def _claimed_one(self) -> bool:
        """Go on with a generation that nobody makes; return whether there was one."""
        lease = Lease(seconds=self._lease_seconds)
        with self._place():
            record = await self._store.generations.claim(lease)
            if record is not None:
                logger.warning("going on with generation %s", record.generation_id)
                await self._make(record, lease)
        return record is not None

    async def _make(self, record: GenerationRecord, lease: Lease) -> None:
        """Make a generation's roadmap here, on from what is kept of it.

        Raises:
            HandedOverError: the database took longer than this process may go on.
        """
        try:
            known = await self._store.generations.parts(record.generation_id)
            if self._drain.is_over:
                raise HandedOverError(record.generation_id)
        except MomentumError:
            # Else nobody could go on with it before the lease ends.
            with suppress(StoreError):
                await self._store.generations.release(lease.lease_id)
            raise
        run = GenerationRun(
            record=record,
            known=known,
            lease=lease,
            store=self._store,
            planner=self._planner,
            timeout_seconds=self._timeout_seconds,
        )
        self._runs[record.generation_id] = run

        def forget(_: object) -> None:
            # Unless it was taken over, here, from a run that had lost its lease.
            if self._runs.get(record.generation_id) is run:
                del self._runs[record.generation_id]

        run.task.add_done_callback(forget)

    async def _outcome(self, generation_id: UUID) -> SavedRoadmap | MomentumError:
        if run := self._runs.get(generation_id):
            end = await run.outcome()
            if self._drain.is_over or not isinstance(end, HandedOverError):
                return end
        try:
            get = partial(self._store.generations.get, generation_id)
            async with self._drain.within(HandedOverError(generation_id)):
                record = await get()
            if record.finished_at is None:
                async with asyncio.timeout(self._timeout_seconds):
                    record = await self._finished(generation_id, get)
        except TimeoutError:
            raise GenerationRunningError(generation_id) from None
        except (StoreError, OverloadedError) as error:
            error.generation_id = generation_id
            raise
        return outcome_of(record)

    async def _finished(
        self, generation_id: UUID, get: Callable[[], Awaitable[GenerationRecord]]
    ) -> GenerationRecord:
        """Wait until another process has finished a generation."""
        with self._follower():
            while True:
                await self._until_the_next_look(generation_id)
                record = await self._looked_up(generation_id, get)
                if record.finished_at is not None:
                    return record

    async def _recorded_events(
        self, generation_id: UUID, after: int, user_id: UUID | None
    ) -> AsyncGenerator[tuple[int, GenerationEvent], None]:
        number = after
        generations = self._store.generations
        while True:
            # In this order: what is finished has all its parts.
            get = partial(generations.get, generation_id, user_id)
            record = await self._looked_up(generation_id, get)
            get_parts = partial(generations.parts, generation_id, number, user_id)
            for part in await self._looked_up(generation_id, get_parts):
                number += 1
                yield number, part
            if record.finished_at is not None:
                yield number + 1, outcome_of(record)
                return
            await self._until_the_next_look(generation_id)

    async def _looked_up(self, generation_id: UUID, look: Callable[[], Awaitable[T]]) -> T:
        """Look, and again for as long as those who make roadmaps wait for the database, too."""
        latest = time.monotonic() + self._lease_seconds
        while True:
            try:
                async with self._drain.within(HandedOverError(generation_id)):
                    return await look()
            except (StoreUnavailableError, StoreTooSlowError, StoreOverloadedError):
                if time.monotonic() > latest:
                    raise
            await self._until_the_next_look(generation_id)

    async def _until_the_next_look(self, generation_id: UUID) -> None:
        async with self._drain.within(HandedOverError(generation_id)):
            await asyncio.sleep(POLL_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311

    async def _hand_over(self) -> None:
        await asyncio.gather(*(run.stop() for run in list(self._runs.values())))
