"""The store: the interface that every database implements, and the choice between them."""

import asyncio
import logging
from typing import Protocol
from uuid import UUID

from src.dao.documents import Documents
from src.dao.schedules import Schedules
from src.domain.errors import SettingsError, StoreError, StoreOutdatedError
from src.domain.generation import (
    Failure,
    GenerationRecord,
    GenerationSnapshot,
    Lease,
    NewGeneration,
    ProgressReport,
    StoredPart,
    SweepResult,
)
from src.domain.plan import ModelUsage, NewRoadmap
from src.domain.quotas import NewQuestion, QuotaPolicies
from src.domain.roadmap import RoadmapWithTasks
from src.settings import Settings

__all__ = ["Documents", "Generations", "Questions", "Schedules", "Store", "open_store"]

logger = logging.getLogger(__name__)

SCHEMA_CHECK_SECONDS = 3.0
"""How long the service waits at start for a database that does not answer."""


class Generations(Protocol):
    """Records generations; each method is one atomic step.

    All processes on a database share the records and the database's clock. `get`, `read` and
    `cancel` raise `GenerationNotFoundError` if no generation has this id, or if it belongs to
    another user than the given one. Every method can also raise the errors listed at `Store`.

    What ends a generation also numbers its end, as the event after its last part, in the same
    transaction.
    """

    async def begin(
        self, generation: NewGeneration, lease: Lease, quotas: QuotaPolicies
    ) -> GenerationRecord:
        """Record a generation, or return the existing one that the request repeats.

        With an idempotency key, that is the user's generation with this key, for a day unless it
        failed; without one, the user's unfinished generation of an identical request. If the record
        has the `lease_id` of `lease`, the caller holds the lease and must work on the generation:
        it is new, its previous lease has expired, or it has waited long enough.

        Raises:
            LimitReachedError: a new generation would exceed the quotas.
        """

    async def get(self, generation_id: UUID, user_id: UUID | None = None) -> GenerationRecord:
        """Return one record."""

    async def read(
        self, generation_id: UUID, after: int = 0, user_id: UUID | None = None
    ) -> GenerationSnapshot:
        """Return one record and its parts after number `after`, in order, as of one moment."""

    async def list_parts(self, generation_id: UUID) -> list[StoredPart]:
        """Return all parts in order, for a process that continues the generation.

        Empty if there are none, or if the generation does not exist.
        """

    async def claim(self, lease: Lease) -> GenerationRecord | None:
        """Take over the generation whose lease expired, or whose wait ended, first.

        None if there is no such generation.
        """

    async def record_progress(self, lease: Lease, progress: ProgressReport) -> int:
        """Record new parts and renew the lease; return the number of the last stored part.

        The new parts have the numbers up to that one. Idempotent.

        Raises:
            LeaseLostError: the generation has ended, or another process has taken it over.
        """

    async def release(self, lease_id: UUID) -> None:
        """Give up the lease, so that another process can take the generation over at once."""

    async def postpone(self, lease_id: UUID, seconds: float, failure: Failure) -> GenerationRecord:
        """Give up the lease and let the generation wait so many seconds; return its record.

        If it would wait beyond `MAX_WAITING_SECONDS` after its start, it ends with the failure. One
        that has ended stays as it is.

        Raises:
            LeaseLostError: another process has taken it over.
        """

    async def fail(self, lease_id: UUID, failure: Failure) -> None:
        """End a generation without a roadmap. Does nothing if it has ended."""

    async def cancel(
        self, generation_id: UUID, failure: Failure, user_id: UUID | None = None
    ) -> GenerationRecord:
        """End a generation, whichever process works on it, and return its record.

        A generation that has ended stays as it is.
        """

    async def sweep(self, failure: Failure) -> SweepResult:
        """Delete what dead processes left, and fail generations that keep making no progress.

        Also fails those that still wait `MAX_WAITING_SECONDS` after their start, with the code of
        `ModelUnavailableError`, and deletes requests, parts and answers a day after their
        generation ended, and whole records 31 days after they began.
        """


class Questions(Protocol):
    """Records how much questions to the assistant use, but not their text."""

    async def begin(self, question: NewQuestion, quotas: QuotaPolicies) -> None:
        """Record a question that is about to be sent to the model.

        Raises:
            LimitReachedError: it would exceed the quotas.
        """

    async def finish(self, question_id: UUID, usage: ModelUsage, *, cost_known: bool) -> None:
        """Record how much a question used, and whether that is its whole cost."""


class Store(Protocol):
    """Stores complete roadmaps.

    No method ever returns an incomplete roadmap, and no read is truncated. If `user_id` is given,
    other users' roadmaps and tasks are treated as if they did not exist. What takes a `roadmap_id`
    raises `RoadmapNotFoundError` if there is no such roadmap.

    Every method raises `StoreUnavailableError` if the database cannot serve, `StoreTooSlowError` if
    it does not answer in time, `StoreOverloadedError` if too many requests already wait for
    it or its ledger, and `StoreMisconfiguredError` if it refuses this service.
    """

    @property
    def generations(self) -> Generations:
        """The records of generations."""

    @property
    def questions(self) -> Questions:
        """The records of questions."""

    @property
    def schedules(self) -> Schedules:
        """Progress and dates."""

    @property
    def documents(self) -> Documents:
        """Answers of the API that the database writes."""

    async def check(self) -> None:
        """Check that the database answers and has a schema for this release.

        Raises:
            StoreOutdatedError: this release needs a newer schema.
        """

    async def add_roadmap(self, roadmap: NewRoadmap) -> GenerationRecord:
        """Store a roadmap with all its tasks and finish its generation, or change nothing.

        After a `StoreError`, either both have happened or neither; the generation's record says
        which.

        Raises:
            LeaseLostError: the generation has ended, or another process has taken it over.
        """

    async def get_roadmap_with_tasks(
        self, roadmap_id: int, user_id: UUID | None = None
    ) -> RoadmapWithTasks:
        """Return one roadmap and its tasks, ordered by week, day and position."""

    async def set_task_completed(
        self,
        task_id: str,
        *,
        completed: bool,
        user_id: UUID | None = None,
        time_zone: str | None = None,
    ) -> None:
        """Mark a task as completed or not, in a time zone of the IANA database if it is known.

        Completing it again keeps the first `completed_at` and its time zone.

        Raises:
            TaskNotFoundError: there is no such task, or `task_id` is not a valid id.
        """

    async def delete_roadmap(self, roadmap_id: int, user_id: UUID) -> None:
        """Delete a roadmap of the user with all its tasks."""

    async def close(self) -> None:
        """Finish running work and close the connections. Do not use the store afterwards."""


async def open_store(settings: Settings) -> Store:
    """Open Supabase if it is configured, otherwise the embedded SQLite file.

    A Supabase project that does not answer is no error: it may recover later.

    Raises:
        SettingsError: the schema of the Supabase project is older than this release.
        StoreUnavailableError: the embedded file cannot be opened.
    """
    # Imported only when needed: the Supabase client alone takes half a second to import.
    if settings.supabase_url and settings.supabase_service_role_key:
        from src.dao.supabase.store import SupabaseStore  # noqa: PLC0415

        store = await SupabaseStore.open(
            settings.supabase_url,
            settings.supabase_service_role_key.get_secret_value(),
            timeout=settings.store_timeout_seconds,
            queue_size=settings.store_queue_size,
        )
        try:
            async with asyncio.timeout(SCHEMA_CHECK_SECONDS):
                await store.check()
        except StoreOutdatedError:
            await store.close()
            raise SettingsError(
                "the schema of the Supabase project is older than this release:"
                " apply src/dao/schema.sql to it"
            ) from None
        except (StoreError, TimeoutError) as error:
            logger.warning("could not check the database's schema: %s", type(error).__name__)
        return store
    from src.dao.sqlite.store import SqliteStore  # noqa: PLC0415

    return await SqliteStore.open(settings.sqlite_path, queue_size=settings.store_queue_size)
