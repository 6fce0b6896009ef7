"""Stored roadmaps: list, read, tick off tasks, delete."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from src.dao import Store
from src.domain.progress import RoadmapTotals
from src.domain.roadmap import Roadmap
from src.services.progress.percent import whole_percent


class ListedRoadmap(Roadmap):
    """A roadmap in a list and, where that was asked for, how much is done, in whole percent."""

    total_tasks: int | None = None
    completed_tasks: int | None = None
    progress: Annotated[int, Field(ge=0, le=100)] | None = None


class RoadmapService:
    """Reads and changes stored roadmaps. Reads that return bytes return JSON, see `Documents`.

    If `user_id` is given, another user's roadmap or task is treated as if it did not exist. If
    there is none, methods raise `RoadmapNotFoundError` or `TaskNotFoundError`.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._documents = store.documents

    async def list_roadmaps(self, user_id: UUID) -> bytes:
        """Return the user's roadmaps, newest first; empty for an unknown user."""
        return await self._documents.list_roadmaps(user_id)

    async def list_roadmaps_with_progress(self, user_id: UUID) -> list[ListedRoadmap]:
        """Return the same with the number of tasks, in one request to the store as well."""
        totals = await self._store.schedules.list_totals(user_id)
        return [_with_progress(each) for each in totals]

    async def list_tasks(self, roadmap_id: int, user_id: UUID | None) -> bytes:
        """Return an object whose `tasks` are all tasks by week, day and position in the day."""
        return await self._documents.list_tasks(roadmap_id, user_id)

    async def list_weeks(self, roadmap_id: int, user_id: UUID | None) -> bytes:
        """Return every week's totals and progress, by week number."""
        return await self._documents.list_weeks(roadmap_id, user_id)

    async def get_week(self, roadmap_id: int, week_number: int, user_id: UUID | None) -> bytes:
        """Return a week with its tasks by day.

        Raises:
            WeekNotFoundError: the roadmap has no such week.
        """
        return await self._documents.get_week(roadmap_id, week_number, user_id)

    async def update_task(
        self, task_id: str, *, completed: bool, user_id: UUID | None, time_zone: str | None = None
    ) -> None:
        """Mark a task as completed or not completed, in the learner's time zone if it is known."""
        await self._store.set_task_completed(
            task_id, completed=completed, user_id=user_id, time_zone=time_zone
        )

    async def delete(self, roadmap_id: int, user_id: UUID) -> None:
        """Delete the user's roadmap with all its tasks."""
        await self._store.delete_roadmap(roadmap_id, user_id)


def _with_progress(totals: RoadmapTotals) -> ListedRoadmap:
    return ListedRoadmap(
        **totals.roadmap.model_dump(),
        total_tasks=totals.total_tasks,
        completed_tasks=totals.completed_tasks,
        progress=whole_percent(totals.completed_tasks, totals.total_tasks),
    )
