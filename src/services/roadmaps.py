"""What a roadmap holds, and how much of it is done."""

from uuid import UUID

from src.dao import Store
from src.domain.errors import WeekNotFoundError
from src.domain.roadmap import Task, WeekDetail, WeekProgress


def whole_percent(completed: int, total: int) -> int:
    """Return the share in whole percent, rounded down: 100 only when everything is done."""
    return 100 * completed // total if total else 0


class ProgressTracker:
    """Reads a roadmap's tasks and weeks, and marks tasks as done."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def tasks(self, roadmap_id: int, user_id: UUID | None) -> list[Task]:
        """Return all tasks by week, day and position in the day.

        Raises:
            RoadmapNotFoundError: there is no such roadmap (of this user, where one is named).
        """
        return await self._store.list_tasks(roadmap_id, user_id)

    async def weeks(self, roadmap_id: int, user_id: UUID | None) -> list[WeekProgress]:
        """Return every week's totals and progress, by week number.

        Raises:
            RoadmapNotFoundError: there is no such roadmap (of this user, where one is named).
        """
        return [
            WeekProgress(
                **week.model_dump(), progress=whole_percent(week.completed_tasks, week.total_tasks)
            )
            for week in await self._store.list_weeks(roadmap_id, user_id)
        ]

    async def week(self, roadmap_id: int, week_number: int, user_id: UUID | None) -> WeekDetail:
        """Return a week with its tasks by day.

        Raises:
            RoadmapNotFoundError: there is no such roadmap (of this user, where one is named).
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

    async def update_task(self, task_id: str, *, completed: bool, user_id: UUID | None) -> None:
        """Mark a task as done or not done.

        Raises:
            TaskNotFoundError: there is no such task (of this user, where one is named).
        """
        await self._store.set_task_completed(task_id, completed=completed, user_id=user_id)
