"""One generation in this process: planned, kept part by part, and stored."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing, suppress
from typing import TypeAlias, TypeVar

import stamina

from src.dao import Store
from src.domain.errors import (
    GenerationNotFoundError,
    HandedOverError,
    LeaseLostError,
    ModelOutputError,
    ModelTooSlowError,
    MomentumError,
    StoreConflictError,
    StoreError,
    StoreTooSlowError,
    StoreUnavailableError,
    recorded_error,
)
from src.domain.generation import GenerationRecord, Lease, PlannedPart, Progress
from src.domain.plan import DayReady, ModelUsage, NewRoadmap, PlannedWeek
from src.domain.roadmap import SavedRoadmap
from src.llm import Planner

logger = logging.getLogger(__name__)

HEARTBEATS_PER_LEASE = 4
"""How often a lease is renewed, at least, before it would end."""

TRIES_PER_HEARTBEAT = 4
"""How often a write that failed is tried again, for as long as a lease lasts."""

FAREWELL_SECONDS = 2.0
"""How long at most it takes to let a generation go: a server that ends has no more."""

GenerationEvent: TypeAlias = PlannedPart | SavedRoadmap | MomentumError
"""What happens to a generation; the last is the saved roadmap or the error that ended it.

A `StoreError` and a `HandedOverError` end the making in one process alone: another goes on.
The first then names the generation.
"""

T = TypeVar("T")


def outcome_of(record: GenerationRecord) -> SavedRoadmap | MomentumError:
    """Return how a finished generation ended; after a day a roadmap is not known any more."""
    if record.problem is not None:
        return recorded_error(record.problem, record.generation_id)
    return record.saved or GenerationNotFoundError()


class GenerationRun:
    """Makes the roadmap of a generation under a lease, and tells what happens.

    A part is told once it is kept, never before: its number then stands for it, whichever process
    tells it, and it is not paid for again.
    """

    def __init__(
        self,
        *,
        record: GenerationRecord,
        known: Sequence[PlannedPart],
        lease: Lease,
        store: Store,
        planner: Planner,
        timeout_seconds: float,
    ) -> None:
        self._record = record
        self._known = tuple(known)
        self._lease = lease
        self._heartbeat_seconds = lease.seconds / HEARTBEATS_PER_LEASE
        self._retry_seconds = self._heartbeat_seconds / TRIES_PER_HEARTBEAT
        self._store = store
        self._planner = planner
        self._timeout_seconds = timeout_seconds
        self._began = time.monotonic()
        self._first_day_seconds = record.first_day_seconds
        self._usage = record.usage
        self._events: list[GenerationEvent] = list(known)
        self._unkept: list[PlannedPart] = []
        self._kept_at = self._began
        self._is_behind = False
        self._is_stopping = False
        self._planned = asyncio.Event()
        self._told = asyncio.Event()
        self._is_over = False
        self.task = asyncio.create_task(self._run())
        self.task.add_done_callback(self._tell_end)
        """The making, which ends without an error, however the generation does."""

    async def events(self, after: int = 0) -> AsyncGenerator[tuple[int, GenerationEvent], None]:
        """Yield every event with its number, counted from 1, from the one that follows `after` on.

        Leaving does not end the generation.
        """
        number = after
        while True:
            told = self._told
            for event in self._events[number:]:
                number += 1
                yield number, event
            if number >= len(self._events):
                if self._is_over:
                    return
                await told.wait()

    async def outcome(self) -> SavedRoadmap | MomentumError:
        """Wait for the end and return it."""
        await asyncio.wait({self.task})  # and tell, which was to be done first
        last = self._events[-1]
        assert isinstance(last, SavedRoadmap | MomentumError)  # noqa: S101  told at the end
        return last

    async def stop(self) -> None:
        """End the making in this process; what was planned is kept."""
        if not self._is_stopping:
            # Once: a second time would strike while the first is being told.
            self._is_stopping = True
            self.task.cancel()
        await asyncio.wait({self.task})

    async def _run(self) -> SavedRoadmap | MomentumError:
        try:
            return await self._ended()
        except asyncio.CancelledError:
            return await self._let_go()

    def _tell_end(self, task: asyncio.Task[SavedRoadmap | MomentumError]) -> None:
        """Tell the end, whatever it was, lest anybody waits for ever."""
        self._is_over = True
        if task.cancelled():  # before it had begun; its lease ends by itself
            self._tell(HandedOverError(self._record.generation_id))
        elif error := task.exception():
            logger.error("a generation ended unexpectedly", exc_info=error)
            self._tell(HandedOverError(self._record.generation_id))
        else:
            self._tell(task.result())

    async def _ended(self) -> SavedRoadmap | MomentumError:
        try:
            return await self._made()
        except (LeaseLostError, StoreConflictError) as error:
            # The second where a sweep took the rows from under a write that was given up for dead.
            logger.warning("a generation is left to others: %s: %s", type(error).__name__, error)
            return await self._let_go()
        except StoreError as error:
            end = await self._let_go()
            if not isinstance(end, HandedOverError):
                return end
            error.generation_id = self._record.generation_id
            return error
        except MomentumError as error:
            return await self._failed(error)
        except Exception:
            logger.exception("a generation failed unexpectedly")
            return await self._failed(MomentumError("the generation ended unexpectedly"))

    async def _made(self) -> SavedRoadmap:
        weeks = await self._planned_weeks()
        request = self._record.request
        # A planner that broke its promise must not make a roadmap with a hole.
        if request is None or [week.week_number for week in weeks] != list(
            range(1, self._record.weeks_total + 1)
        ):
            raise ModelOutputError("the planner left weeks out")
        record = await self._stored(
            NewRoadmap(
                lease_id=self._lease.lease_id,
                user_id=self._record.user_id,
                request=request,
                weeks=tuple(weeks),
            )
        )
        saved = record.saved
        assert saved is not None  # noqa: S101  it was just finished with a roadmap
        logger.info("generated roadmap %d: %s", saved.roadmap_id, saved.generation)
        return saved

    async def _stored(self, roadmap: NewRoadmap) -> GenerationRecord:
        """Store the roadmap, trying again for as long as a lease lasts."""
        retries = stamina.retry_context(
            on=(StoreUnavailableError, StoreTooSlowError),
            attempts=None,
            timeout=self._lease.seconds,
            wait_initial=self._retry_seconds / 4,
            wait_max=self._retry_seconds,
            wait_jitter=self._retry_seconds / 4,
        )
        async for attempt in retries:
            with attempt:
                record = await self._leased(self._store.add_roadmap(roadmap))
        return record

    async def _leased(self, work: Coroutine[object, object, T]) -> T:
        """Return what work returns, and renew the lease as long as it takes."""
        working = asyncio.create_task(work)
        try:
            while not (await asyncio.wait({working}, timeout=self._heartbeat_seconds))[0]:
                await self._keep()
            return await working
        finally:
            working.cancel()
            # It undoes what it wrote, which goes on if the database takes longer.
            await asyncio.wait({working}, timeout=FAREWELL_SECONDS)

    async def _planned_weeks(self) -> list[PlannedWeek]:
        """Plan, keep each part and tell it; return the weeks in order."""
        await self._keep()  # What is known may have grown old, if another took over meanwhile.
        planning = asyncio.create_task(self._plan())
        planning.add_done_callback(lambda _: self._planned.set())
        try:
            is_over = False
            while not is_over or self._unkept or self._is_behind:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._heartbeat_seconds):
                        await self._planned.wait()
                self._planned.clear()
                # Seen before the last write, which then has the usage of the very end.
                is_over = planning.done()
                await self._keep()
            await planning
        finally:
            planning.cancel()
            await asyncio.wait({planning})
        weeks = [event for event in self._events if isinstance(event, PlannedWeek)]
        return sorted(weeks, key=lambda week: week.week_number)

    async def _plan(self) -> None:
        assert self._record.request is not None  # noqa: S101  forgotten only once it has ended
        before = self._usage
        try:
            async with (
                asyncio.timeout(self._timeout_seconds),
                aclosing(self._planner.plan(self._record.request, self._known)) as parts,
            ):
                async for part in parts:
                    if isinstance(part, ModelUsage):
                        self._usage = before.plus(part)
                        continue
                    if isinstance(part, DayReady) and self._first_day_seconds is None:
                        self._first_day_seconds = round(time.monotonic() - self._began, 3)
                    self._unkept.append(part)
                    self._planned.set()
        except TimeoutError:
            raise ModelTooSlowError(f"no plan within {self._timeout_seconds:g} s") from None

    async def _keep(self) -> None:
        """Write what is new to the record, then tell it; without news, renew the lease."""
        parts = tuple(self._unkept)
        weeks_done = sum(isinstance(each, PlannedWeek) for each in (*self._events, *parts))
        progress = Progress(
            parts=parts,
            first_number=len(self._events) + 1,
            weeks_done=weeks_done,
            usage=self._usage,
            first_day_seconds=self._first_day_seconds,
        )
        try:
            await self._store.generations.record_progress(self._lease, progress)
        except StoreError as error:
            # What was planned stays in memory: a database that restarts costs nothing.
            self._is_behind = True
            if time.monotonic() - self._kept_at > self._lease.seconds:
                raise
            logger.warning("could not record progress: %s: %s", type(error).__name__, error)
            await asyncio.sleep(self._retry_seconds * random.uniform(0.8, 1.2))  # noqa: S311
            return
        self._is_behind = False
        self._kept_at = time.monotonic()
        del self._unkept[: len(parts)]
        for part in parts:
            self._tell(part)

    def _tell(self, event: GenerationEvent) -> None:
        self._events.append(event)
        told, self._told = self._told, asyncio.Event()
        told.set()

    async def _failed(self, error: MomentumError) -> MomentumError:
        # Here, since perhaps nobody waits to be told.
        logger.error("a generation failed: %s: %s", type(error).__name__, error)
        try:
            await self._store.generations.fail(self._lease.lease_id, type(error).__name__)
        except StoreError as store_error:
            # It has not ended: it would be wrong to say so.
            logger.warning("could not record a failure: %s", type(store_error).__name__)
            return HandedOverError(self._record.generation_id)
        return error

    async def _let_go(self) -> SavedRoadmap | MomentumError:
        """Leave the generation to others with all that was planned; return what became of it.

        Where the database does not take that in time, the lease ends by itself.
        """
        with suppress(TimeoutError, MomentumError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                with suppress(LeaseLostError):
                    while self._unkept:
                        await self._keep()
                await self._store.generations.release(self._lease.lease_id)
                record = await self._store.generations.get(self._record.generation_id)
                if record.finished_at is not None:
                    return outcome_of(record)
        return HandedOverError(self._record.generation_id)
