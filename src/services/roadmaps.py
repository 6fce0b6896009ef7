"""Stored roadmaps: list, read, tick off tasks, delete."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from src.dao import Store
from src.domain.errors import WeekNotFoundError
from src.domain.progress import RoadmapTotals
from src.domain.roadmap import Roadmap, Task, WeekDetail, WeekProgress
from src.services.progress.percent import whole_percent


class ListedRoadmap(Roadmap):
    """A roadmap in a list and, where that was asked for, how much is done, in whole percent."""

    total_tasks: int | None = None
    completed_tasks: int | None = None
    progress: Annotated[int, Field(ge=0, le=100)] | None = None


class RoadmapService:
    """Reads and changes stored roadmaps.

    If `user_id` is given, another user's roadmap or task is treated as if it did not exist. If
    there is none, methods raise `RoadmapNotFoundError` or `TaskNotFoundError`.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def list_roadmaps(self, user_id: UUID) -> list[Roadmap]:
        """Return the user's roadmaps, newest first; empty for an unknown user."""
        return await self._store.list_roadmaps(user_id)

    async def list_roadmaps_with_progress(self, user_id: UUID) -> list[ListedRoadmap]:
        """Return the same with the number of tasks, in one request to the store as well."""
        totals = await self._store.schedules.list_totals(user_id)
        return [_with_progress(each) for each in totals]

    async def list_tasks(self, roadmap_id: int, user_id: UUID | None) -> list[Task]:
        """Return all tasks by week, day and position in the day."""
        return await self._store.list_tasks(roadmap_id, user_id)

    async def list_weeks(self, roadmap_id: int, user_id: UUID | None) -> list[WeekProgress]:
        """Return every week's totals and progress, by week number."""
        return [
            WeekProgress(
                **week.model_dump(), progress=whole_percent(week.completed_tasks, week.total_tasks)
            )
            for week in await self._store.list_weeks(roadmap_id, user_id)
        ]

    async def get_week(self, roadmap_id: int, week_number: int, user_id: UUID | None) -> WeekDetail:
        """Return a week with its tasks by day.

        Raises:
            WeekNotFoundError: the roadmap has no such week.
        """
        tasks = await self._store.list_tasks(roadmap_id, user_id, week_number=week_number)
        if not tasks:
            raise WeekNotFoundError(roadmap_id, week_number)
        days: dict[int, list[Task]] = {}
        for task in tasks:
            days.setdefault(task.day_number, []).append(task)
        return WeekDetail(
            week_number=week_number,
            weekly_goal=tasks[0].weekly_goal,
            progress=whole_percent(sum(task.completed for task in tasks), len(tasks)),
            days=days,
        )

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
