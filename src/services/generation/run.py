"""Runs one generation in this process: plans it, records each part, and stores the roadmap."""

import asyncio
import logging
import time
from collections.abc import Coroutine, Sequence
from contextlib import aclosing, suppress
from typing import TypeVar

import stamina

from src.dao import Store
from src.domain import errors
from src.domain.generation import (
    Failure,
    GenerationRecord,
    Lease,
    StoredPart,
    is_cost_known,
)
from src.domain.plan import ModelUsage, NewRoadmap, PlannedWeek
from src.domain.roadmap import SavedRoadmap
from src.llm import Planner
from src.services.generation.pause import seconds_to_pause
from src.services.generation.recording import ProgressRecorder

logger = logging.getLogger(__name__)

RELEASE_SECONDS = 2.0
"""How long releasing a generation may take: a process that is being stopped has no more time."""

T = TypeVar("T")


class GenerationRun:
    """Generates a roadmap under a lease, and emits its events.

    If the generation ends or continues elsewhere, the events end without an end, and the store has
    the others.
    """

    def __init__(
        self,
        *,
        record: GenerationRecord,
        recorded_parts: Sequence[StoredPart] | None,
        lease: Lease,
        store: Store,
        planner: Planner,
        timeout_seconds: float,
    ) -> None:
        """Start; `recorded_parts` are those on record, None if the generation is new."""
        self._record = record
        self._lease = lease
        self._store = store
        self._planner = planner
        self._timeout_seconds = timeout_seconds
        self._recorder = ProgressRecorder(record, recorded_parts, lease, store)
        self._is_stopping = False
        self._has_news = asyncio.Event()
        self._outcome: SavedRoadmap | errors.MomentumError | None = None
        self.is_followed = False
        """Whether a follower holds the place that belongs to this run."""
        self.events = self._recorder.events
        self.task = asyncio.create_task(self._run())
        """Ends without an exception, also if the generation fails."""
        self.task.add_done_callback(self._close_log)

    @property
    def is_late(self) -> bool:
        """Whether its lease may end before another renewal is due."""
        return self._recorder.is_late

    async def wait_for_outcome(self) -> SavedRoadmap | errors.MomentumError:
        """Wait until the work in this process ends, and return how it did."""
        await asyncio.wait({self.task})
        assert self._outcome is not None  # noqa: S101  the task has ended
        return self._outcome

    async def stop(self) -> None:
        """Stop the work in this process and release the generation; its parts stay on record."""
        if not self._is_stopping:
            # Only once: a second cancellation would interrupt the release.
            self._is_stopping = True
            self.task.cancel()
        await asyncio.wait({self.task})

    async def _run(self) -> SavedRoadmap | errors.MomentumError:
        try:
            return await self._run_to_outcome()
        except asyncio.CancelledError:
            return await self._release()

    def _close_log(self, task: asyncio.Task[SavedRoadmap | errors.MomentumError]) -> None:
        """End the events, whatever happened, so that no follower waits forever."""
        self._outcome = errors.HandedOverError(self._record.generation_id)
        if task.cancelled():
            pass  # before it started; its lease expires by itself
        elif error := task.exception():
            logger.error("a generation ended unexpectedly", exc_info=error)
        else:
            self._outcome = task.result()
        self.events.close(self._outcome if isinstance(self._outcome, errors.StoreError) else None)

    async def _run_to_outcome(self) -> SavedRoadmap | errors.MomentumError:
        try:
            return await self._plan_and_store()
        except (errors.LeaseLostError, errors.StoreConflictError) as error:
            # A conflict means that a sweep took this run for dead and deleted the rows it wrote.
            logger.warning("leaving a generation to others: %s: %s", type(error).__name__, error)
            return await self._release()
        except errors.StoreError as error:
            end = await self._release()
            if not isinstance(end, errors.HandedOverError):
                return end
            error.generation_id = self._record.generation_id
            return error
        except errors.MomentumError as error:
            elapsed = time.monotonic() - self._recorder.started_at
            pause = seconds_to_pause(error, elapsed=elapsed, timeout=self._timeout_seconds)
            return await (self._fail(error) if pause is None else self._postpone(error, pause))
        except Exception:
            logger.exception("a generation failed unexpectedly")
            return await self._fail(errors.MomentumError("the generation ended unexpectedly"))

    async def _plan_and_store(self) -> SavedRoadmap:
        weeks = await self._plan_weeks()
        request = self._record.request
        # A bug in the planner must not store a roadmap with missing weeks.
        if request is None or [week.week_number for week in weeks] != list(
            range(1, self._record.weeks_total + 1)
        ):
            raise errors.ModelOutputError("the planner left weeks out")
        record = await self._store_with_retry(
            NewRoadmap(
                lease_id=self._lease.lease_id,
                user_id=self._record.user_id,
                request=request,
                weeks=tuple(weeks),
                cost_known=self._is_cost_known(None),
            )
        )
        saved = record.saved_roadmap
        assert saved is not None and record.end_number is not None  # noqa: S101, PT018  it has just ended
        self.events.append([(record.end_number, saved)])
        logger.info("generated roadmap %d: %s", saved.roadmap_id, saved.generation)
        return saved

    async def _store_with_retry(self, roadmap: NewRoadmap) -> GenerationRecord:
        """Store the roadmap; retry for the duration of a lease."""
        retries = stamina.retry_context(
            on=(errors.StoreUnavailableError, errors.StoreTooSlowError),
            attempts=None,
            timeout=self._lease.seconds,
            wait_initial=self._recorder.retry_seconds / 4,
            wait_max=self._recorder.retry_seconds,
            wait_jitter=self._recorder.retry_seconds / 4,
        )
        async for attempt in retries:
            with attempt:
                record = await self._keep_lease_while(self._store.add_roadmap(roadmap))
        return record

    async def _keep_lease_while(self, work: Coroutine[object, object, T]) -> T:
        """Return what the work returns, and renew the lease while it runs."""
        working = asyncio.create_task(work)
        try:
            while not (await asyncio.wait({working}, timeout=self._recorder.renewal_seconds))[0]:
                await self._recorder.record()
            return await working
        finally:
            working.cancel()
            # It deletes what it wrote, and goes on with that if the database takes longer.
            await asyncio.wait({working}, timeout=RELEASE_SECONDS)

    async def _plan_weeks(self) -> list[PlannedWeek]:
        """Plan, record and emit each part, and return the weeks in order."""
        if self._recorder.is_due:
            await self._recorder.record()
        planning = asyncio.create_task(self._plan())
        planning.add_done_callback(lambda _: self._has_news.set())
        try:
            is_done = False
            while not is_done or self._recorder.is_due:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._recorder.renewal_seconds):
                        await self._has_news.wait()
                self._has_news.clear()
                # Read before recording, so that the last report has the final usage.
                is_done = planning.done()
                await self._recorder.record()
            await planning
        finally:
            planning.cancel()
            await asyncio.wait({planning})
        weeks = [part for part in self._recorder.parts if isinstance(part, PlannedWeek)]
        return sorted(weeks, key=lambda week: week.week_number)

    async def _plan(self) -> None:
        assert self._record.request is not None  # noqa: S101  deleted only after its end
        before, known = self._recorder.usage, tuple(self._recorder.parts)
        try:
            async with (
                asyncio.timeout(self._timeout_seconds),
                aclosing(self._planner.plan(self._record.request, known)) as parts,
            ):
                async for part in parts:
                    if isinstance(part, ModelUsage):
                        self._recorder.usage = before.plus(part)
                        continue
                    self._recorder.add(part)
                    self._has_news.set()
        except TimeoutError:
            raise errors.ModelTooSlowError(f"no plan within {self._timeout_seconds:g} s") from None

    async def _fail(self, error: errors.MomentumError) -> errors.MomentumError:
        # Logged here because perhaps no client waits for the answer.
        logger.error("a generation failed: %s: %s", type(error).__name__, error)
        failure = Failure(problem=error.code, cost_known=self._is_cost_known(error))
        try:
            await self._store.generations.fail(self._lease.lease_id, failure)
        except errors.StoreError as store_error:
            # On record it still runs, so another process will continue it.
            logger.warning("could not record a failure: %s", type(store_error).__name__)
            return errors.HandedOverError(self._record.generation_id)
        return error

    async def _postpone(
        self, error: errors.MomentumError, seconds: float
    ) -> SavedRoadmap | errors.MomentumError:
        """Let the generation wait, or fail if that takes too long; its parts are on record."""
        failure = Failure(problem=error.code, cost_known=self._is_cost_known(error))
        try:
            record = await self._store.generations.postpone(self._lease.lease_id, seconds, failure)
        except errors.LeaseLostError:
            return await self._release()
        except errors.StoreError as store_error:
            # On record it still runs, so another process will continue it.
            logger.warning("could not record a wait: %s", type(store_error).__name__)
            return errors.HandedOverError(self._record.generation_id)
        if record.problem == error.code:
            logger.error("a generation failed: %s: %s", type(error).__name__, error)
            return error
        logger.warning("a generation waits until %s: %s", record.resume_at, error)
        return record.outcome

    async def _release(self) -> SavedRoadmap | errors.MomentumError:
        """Record all parts, release the generation to other processes, and return its outcome.

        If the database does not answer in time, the lease expires by itself.
        """
        with suppress(TimeoutError, errors.MomentumError):
            async with asyncio.timeout(RELEASE_SECONDS):
                with suppress(errors.LeaseLostError):
                    while self._recorder.has_unrecorded_parts:
                        await self._recorder.record()
                await self._store.generations.release(self._lease.lease_id)
                record = await self._store.generations.get(self._record.generation_id)
                if record.state != "running":
                    return record.outcome
        return errors.HandedOverError(self._record.generation_id)

    def _is_cost_known(self, error: errors.MomentumError | None) -> bool:
        return is_cost_known(
            self._recorder.usage, changed_hands=self._record.changed_hands, error=error
        )
