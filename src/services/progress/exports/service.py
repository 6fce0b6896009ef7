"""Writes roadmaps in the formats that learners take along."""

from datetime import date
from typing import Literal
from uuid import UUID

from src.dao import Schedules
from src.domain.schedule import DatedPlan
from src.services.progress.computing import Computing
from src.services.progress.days import Reader
from src.services.progress.exports import ExportedTask
from src.services.progress.exports.markdown import to_markdown
from src.services.progress.plan_dates import due_dates

Format = Literal["ics", "csv", "md"]


class ExportService:
    """Writes roadmaps. Another user's roadmap raises `RoadmapNotFoundError`."""

    def __init__(self, schedules: Schedules, computing: Computing) -> None:
        self._schedules = schedules
        self._computing = computing

    async def export(
        self,
        user_id: UUID,
        roadmap_id: int,
        reader: Reader,
        file_format: Format,
        alarm_hour: int | None = None,
    ) -> bytes:
        """Return a roadmap as a file.

        In a calendar, with `alarm_hour`, each task that is not done has an alarm at that hour.

        Raises:
            ProgressOverloadedError: too much is being computed.
        """
        plan = await self._schedules.get_plan(user_id, roadmap_id)
        return await self._computing.run(_write, plan, reader, file_format, alarm_hour)


def _write(plan: DatedPlan, reader: Reader, file_format: Format, alarm_hour: int | None) -> bytes:
    """Run in a thread, and import pandas or icalendar there."""
    name, tasks = plan.roadmap.description, _exported(plan, due_dates(plan, reader))
    if file_format == "md":
        return to_markdown(name, tasks)
    if file_format == "csv":
        from src.services.progress.exports.table import to_csv  # noqa: PLC0415

        return to_csv(tasks)
    from src.services.progress.exports.calendar import to_calendar  # noqa: PLC0415

    return to_calendar(name, tasks, alarm_hour)


def _exported(plan: DatedPlan, dates: dict[str, date]) -> list[ExportedTask]:
    return [
        ExportedTask(
            id=task.id,
            week_number=task.week_number,
            weekly_goal=task.weekly_goal,
            day_number=task.day_number,
            due=dates[task.id],
            text=task.text,
            minutes=task.estimated_minutes,
            effort=task.effort,
            category=task.category,
            completed_at=task.completed_at,
            created_at=task.created_at,
            date_changes=task.date_changes,
        )
        for task in plan.tasks
    ]
