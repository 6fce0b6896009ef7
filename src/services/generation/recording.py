"""Records what a run has planned, under its lease; each record renews the lease."""

import asyncio
import logging
import random
import time
from collections.abc import Sequence

from src.dao import Store
from src.domain import errors
from src.domain.generation import (
    GenerationRecord,
    Lease,
    PlannedPart,
    ProgressReport,
    StoredPart,
)
from src.domain.plan import DayReady, PlannedWeek
from src.services.generation.event_log import EventLog

logger = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 4
"""How often a lease is renewed, at least, within its duration."""

TRIES_PER_RENEWAL = 4
"""How often a failed write is retried within one renewal interval."""


class ProgressRecorder:
    """Stores the parts of one generation and what they used, and emits what is stored.

    An event is emitted only after it is stored under the lease, with the number that the store gave
    it: so it means the same in every process, and no part is paid for twice.
    """

    def __init__(
        self,
        record: GenerationRecord,
        recorded_parts: Sequence[StoredPart] | None,
        lease: Lease,
        store: Store,
    ) -> None:
        """Start; `recorded_parts` are those on record, None if the generation is new."""
        self.renewal_seconds = lease.seconds / RENEWALS_PER_LEASE
        self.retry_seconds = self.renewal_seconds / TRIES_PER_RENEWAL
        self.started_at = time.monotonic()
        self.usage = record.usage
        self.parts = [stored.part for stored in recorded_parts or ()]
        """Those that are stored."""
        self.events = EventLog((stored.number, stored.part) for stored in recorded_parts or ())
        self._lease = lease
        self._store = store
        self._last_number = recorded_parts[-1].number if recorded_parts else 0
        self._first_day_seconds = record.first_day_seconds
        self._unrecorded: list[PlannedPart] = []
        self._renewed_at = lease.requested_at
        # A claimed lease has aged while the parts were read, a new one if its answer came late.
        age = self.started_at - lease.requested_at
        self._must_record = recorded_parts is not None or age > self.renewal_seconds

    @property
    def is_due(self) -> bool:
        """Whether there is something to record, or a lease to renew at once."""
        return bool(self._unrecorded) or self._must_record

    @property
    def is_late(self) -> bool:
        """Whether the lease may end before another renewal is due."""
        age = time.monotonic() - self._renewed_at
        return age > self._lease.seconds - self.renewal_seconds

    @property
    def has_unrecorded_parts(self) -> bool:
        """Whether parts are in memory alone."""
        return bool(self._unrecorded)

    def add(self, part: PlannedPart) -> None:
        """Take a part that was planned, to be recorded soon."""
        if isinstance(part, DayReady) and self._first_day_seconds is None:
            self._first_day_seconds = round(time.monotonic() - self.started_at, 3)
        self._unrecorded.append(part)

    async def record(self) -> None:
        """Record the new parts, if any, and renew the lease; then emit them.

        If the database does not answer, wait a moment: the parts stay, and are due.

        Raises:
            StoreError: the database has not answered for the duration of the lease.
            LeaseLostError: somebody else goes on with the generation.
        """
        parts = tuple(self._unrecorded)
        report = ProgressReport(
            parts=parts,
            first_number=self._last_number + 1,
            weeks_done=sum(isinstance(part, PlannedWeek) for part in (*self.parts, *parts)),
            usage=self.usage,
            first_day_seconds=self._first_day_seconds,
        )
        try:
            last_number = await self._store.generations.record_progress(self._lease, report)
        except errors.StoreError as error:
            # The parts stay in memory: they survive a restart of the database.
            self._must_record = True
            if time.monotonic() - self._renewed_at > self._lease.seconds:
                raise
            logger.warning("could not record progress: %s: %s", type(error).__name__, error)
            await asyncio.sleep(self.retry_seconds * random.uniform(0.8, 1.2))  # noqa: S311
            return
        self._must_record = False
        self._renewed_at = time.monotonic()
        del self._unrecorded[: len(parts)]
        self.parts += parts
        self._last_number = last_number
        self.events.append(enumerate(parts, start=last_number - len(parts) + 1))
