"""The generations that this process works on."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

from src.dao import Store
from src.domain import errors
from src.domain.generation import GenerationRecord, Lease
from src.llm import Planner
from src.services.drain import Drain
from src.services.generation.run import RELEASE_SECONDS, GenerationRun

MAX_RUNS = 100
"""How many generations one process runs at once; each keeps its plan in memory until stored."""


class RunRegistry:
    """Starts, finds and stops generations, and releases them when the process shuts down."""

    def __init__(
        self, store: Store, planner: Planner, *, timeout_seconds: float, lease_seconds: float
    ) -> None:
        self._store = store
        self._planner = planner
        self._timeout_seconds = timeout_seconds
        self._lease_seconds = lease_seconds
        self._runs: dict[UUID, GenerationRun] = {}
        self._active: set[GenerationRun] = set()
        """All of them: one that has lost its lease may not know yet that another took its place."""
        self._reserved = 0
        self._releasing: asyncio.Task[None] | None = None
        self.drain = Drain()

    @property
    def is_busy(self) -> bool:
        """Whether any generation runs here or is about to start."""
        return bool(self._active or self._reserved)

    @contextmanager
    def reserve(self) -> Iterator[Lease]:
        """Reserve a place for one more generation, and yield a lease to claim it with.

        Raises:
            ShuttingDownError: this process is shutting down.
            OverloadedError: all places are taken, or the database is too slow for these runs.
        """
        if self.drain.has_begun:
            raise errors.ShuttingDownError
        if len(self._active) + self._reserved >= MAX_RUNS:
            raise errors.OverloadedError(f"{MAX_RUNS} generations are running")
        if any(run.is_late for run in self._active):
            # One more would delay the renewals further, until running ones lost their leases.
            raise errors.OverloadedError("renewing the leases takes too long")
        self._reserved += 1
        try:
            yield Lease(seconds=self._lease_seconds)
        finally:
            self._reserved -= 1

    async def start(self, record: GenerationRecord, lease: Lease, *, is_new: bool) -> None:
        """Work on a generation whose lease this process holds; only an old one has parts to read.

        Raises:
            HandedOverError: this process has to end before it could start.
        """
        try:
            recorded_parts = None
            if not is_new:
                async with self.drain.raise_when_over(errors.HandedOverError(record.generation_id)):
                    recorded_parts = await self._store.generations.list_parts(record.generation_id)
            if self.drain.is_over:
                raise errors.HandedOverError(record.generation_id)
        except errors.MomentumError:
            # Otherwise no process could continue it before the lease expires.
            with suppress(errors.StoreError, TimeoutError):
                async with asyncio.timeout(RELEASE_SECONDS):
                    await self._store.generations.release(lease.lease_id)
            raise
        run = GenerationRun(
            record=record,
            recorded_parts=recorded_parts,
            lease=lease,
            store=self._store,
            planner=self._planner,
            timeout_seconds=self._timeout_seconds,
        )
        self._runs[record.generation_id] = run
        self._active.add(run)

        def forget(_: object) -> None:
            self._active.discard(run)
            # This process may have claimed it again, from a run that had lost its lease.
            if self._runs.get(record.generation_id) is run:
                del self._runs[record.generation_id]

        run.task.add_done_callback(forget)

    def get(self, generation_id: UUID) -> GenerationRun | None:
        """Return a generation's run; None if it does not run here."""
        return self._runs.get(generation_id)

    def begin_drain(self, seconds: float) -> None:
        """Start nothing new, and release what still runs after so many seconds."""
        self.drain.begin(seconds)
        self._releasing = asyncio.create_task(self._release_all(seconds))

    async def close(self) -> None:
        """Release what still runs."""
        self.drain.begin(0)
        if self._releasing is not None:
            self._releasing.cancel()
        await self._release_all()

    async def _release_all(self, delay: float = 0) -> None:
        await asyncio.sleep(delay)
        await asyncio.gather(*(run.stop() for run in list(self._active)))
