"""The store: what the services ask of a database, whichever it is."""

from datetime import timedelta
from typing import Protocol
from uuid import UUID

from src.models import NewRoadmap, Roadmap, Task, WeekTotals
from src.settings import Settings


class Store(Protocol):
    """Keeps roadmaps whole.

    No method ever shows a roadmap of which anything is missing, and every read is complete. Where
    `user_id` is given, another user's roadmap or task is treated as if it did not exist.

    Every method raises `StoreUnavailableError` when the database cannot serve,
    `StoreTooSlowError` when it does not answer in time, and `StoreMisconfiguredError` when it
    refuses this service.
    """

    async def add_roadmap(self, roadmap: NewRoadmap) -> Roadmap:
        """Write a roadmap and all its tasks, or nothing, and return it as stored."""
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

    async def sweep_unpublished(self, older_than: timedelta) -> int:
        """Delete what writers that died left behind, and return how many roadmaps that were."""
        ...

    async def close(self) -> None:
        """Finish what still runs and release the connections. The store is not used afterwards."""
        ...


async def open_store(settings: Settings) -> Store:
    """Open Supabase where it is configured, and the embedded file where it is not.

    Raises:
        StoreUnavailableError: the embedded file cannot be opened.
    """
    # Imported where they are used: the Supabase client alone takes half a second to import.
    if settings.supabase_url and settings.supabase_service_role_key:
        from src.dao.supabase_store import SupabaseStore  # noqa: PLC0415

        return await SupabaseStore.open(
            settings.supabase_url,
            settings.supabase_service_role_key.get_secret_value(),
            timeout=settings.store_timeout_seconds,
        )
    from src.dao.sqlite_store import SqliteStore  # noqa: PLC0415

    return await SqliteStore.open(settings.sqlite_path)
