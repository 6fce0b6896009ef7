"""The store: what the services ask of a database, whichever it is."""

import asyncio
import logging
from typing import Protocol
from uuid import UUID

from src.domain.errors import SettingsError, StoreError, StoreOutdatedError
from src.domain.generation import (
    Failure,
    GenerationRecord,
    Lease,
    NewGeneration,
    PlannedPart,
    ProgressReport,
    SweepResult,
)
from src.domain.plan import ModelUsage, NewRoadmap
from src.domain.quotas import NewQuestion, QuotaPolicies
from src.domain.roadmap import Roadmap, Task, WeekTotals
from src.settings import Settings

logger = logging.getLogger(__name__)

SCHEMA_CHECK_SECONDS = 3.0
"""How long a start waits for a database that does not answer."""


class Generations(Protocol):
    """Keeps the record of every generation; each method is one atomic step.

    All processes on a database share one record, and its clock. Every method raises what those of
    `Store` raise.
    """

    async def begin(
        self, generation: NewGeneration, lease: Lease, quotas: QuotaPolicies
    ) -> GenerationRecord:
        """Record a generation, or return the one that stands for the same wish.

        That is the one of the user's key, kept for a day unless it failed; without a key, the
        user's generation of the same request that still runs. The caller has the generation to
        make exactly where the record's `lease_id` is that of `lease`: it is new, or its former
        holder is gone.

        Raises:
            LimitReachedError: a new one would be beyond the bounds.
        """
        ...

    async def get(self, generation_id: UUID, user_id: UUID | None = None) -> GenerationRecord:
        """Return one record.

        Raises:
            GenerationNotFoundError: there is none.
        """
        ...

    async def list_parts(
        self, generation_id: UUID, after: int = 0, user_id: UUID | None = None
    ) -> list[PlannedPart]:
        """Return the parts in order, from the one that follows number `after` on.

        Empty where there are none, or the generation is another user's.
        """
        ...

    async def claim(self, lease: Lease) -> GenerationRecord | None:
        """Take over the generation that waits longest for somebody; None where none does."""
        ...

    async def record_progress(self, lease: Lease, progress: ProgressReport) -> None:
        """Keep new parts and renew the lease. May be repeated.

        Raises:
            LeaseLostError: the generation has ended, or another has taken it over.
        """
        ...

    async def release(self, lease_id: UUID) -> None:
        """Let whoever asks first take the generation over; the lease counts no more."""
        ...

    async def fail(self, lease_id: UUID, failure: Failure) -> None:
        """End a generation without a roadmap. Nothing happens if it has ended."""
        ...

    async def cancel(
        self, generation_id: UUID, failure: Failure, user_id: UUID | None = None
    ) -> GenerationRecord:
        """End a generation, whichever process works on it, and return its record.

        One that has ended stays as it is.

        Raises:
            GenerationNotFoundError: there is none.
        """
        ...

    async def sweep(self, failure: Failure) -> SweepResult:
        """Delete what dead processes left, and fail generations that were resumed without progress.

        What learners asked for is deleted a day after it was answered.
        """
        ...


class Questions(Protocol):
    """Keeps the ledger of questions to the assistant, as `Generations` does that of roadmaps."""

    async def begin(self, question: NewQuestion, quotas: QuotaPolicies) -> None:
        """Enter a question that is about to be put to the model.

        Raises:
            LimitReachedError: it would be beyond the bounds.
        """
        ...

    async def finish(self, question_id: UUID, usage: ModelUsage, *, cost_known: bool) -> None:
        """Record what a question has cost, and whether that is all of it."""
        ...


class Store(Protocol):
    """Keeps roadmaps whole.

    No method ever shows a roadmap of which anything is missing, and every read is complete. Where
    `user_id` is given, another user's roadmap or task is treated as if it did not exist.

    Every method raises `StoreUnavailableError` when the database cannot serve,
    `StoreTooSlowError` when it does not answer in time, `StoreOverloadedError` at once when too
    much waits for it already, and `StoreMisconfiguredError` when it refuses this service.
    """

    @property
    def generations(self) -> Generations:
        """The record of how roadmaps came about."""
        ...

    @property
    def questions(self) -> Questions:
        """The ledger of questions."""
        ...

    async def add_roadmap(self, roadmap: NewRoadmap) -> GenerationRecord:
        """Write a roadmap and all its tasks, or nothing, and finish its generation with it.

        After a `StoreError` the roadmap is stored whole or not at all, and its generation knows.

        Raises:
            LeaseLostError: the generation has ended, or another has taken it over.
        """
        ...

    async def list_roadmaps(self, user_id: UUID) -> list[Roadmap]:
        """Return the user's roadmaps, newest first; empty for an unknown user."""
        ...

    async def get_roadmap(self, roadmap_id: int, user_id: UUID | None = None) -> Roadmap:
        """Return one roadmap.

        Raises:
            RoadmapNotFoundError: there is none.
        """
        ...

    async def list_tasks(
        self, roadmap_id: int, user_id: UUID | None = None, *, week_number: int | None = None
    ) -> list[Task]:
        """Return the tasks by week, day and position; only that week's where one is named.

        Empty where the roadmap has no such week.

        Raises:
            RoadmapNotFoundError: there is no such roadmap.
        """
        ...

    async def list_weeks(self, roadmap_id: int, user_id: UUID | None = None) -> list[WeekTotals]:
        """Return the totals of every week that has tasks, by week number.

        Raises:
            RoadmapNotFoundError: there is no such roadmap.
        """
        ...

    async def set_task_completed(
        self, task_id: str, *, completed: bool, user_id: UUID | None = None
    ) -> None:
        """Complete a task or undo that. Completing twice keeps the first `completed_at`.

        Raises:
            TaskNotFoundError: there is no such task; also when `task_id` is not an id at all.
        """
        ...

    async def delete_roadmap(self, roadmap_id: int, user_id: UUID) -> None:
        """Delete the user's roadmap with all its tasks.

        Raises:
            RoadmapNotFoundError: there is none.
        """
        ...

    async def close(self) -> None:
        """Finish what still runs and release the connections. The store is not used afterwards."""
        ...


async def open_store(settings: Settings) -> Store:
    """Open Supabase where it is configured, and the embedded file where it is not.

    A database that does not answer now is opened all the same: it may do so later.

    Raises:
        SettingsError: the schema of the Supabase project is older than this release.
        StoreUnavailableError: the embedded file cannot be opened.
    """
    # Imported where they are used: the Supabase client alone takes half a second to import.
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
                await store.check_schema()
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
