"""The dates of a plan's tasks, whether they were set or count from its start."""

from collections.abc import Mapping
from datetime import date

from src.domain.schedule import DatedPlan, ScheduleSettings
from src.services.progress.days import Reader
from src.services.progress.rescheduling import DatedTask
from src.services.progress.timeline import due_day, minutes_per_day, start_of
from src.services.progress.workload import Capacity, DueWork, leeway


def due_dates(plan: DatedPlan, reader: Reader) -> dict[str, date]:
    """Return the date of each task by its id, in the plan's order."""
    start = start_of(plan.roadmap, plan.settings, reader)
    return {task.id: due_day(task, start) for task in plan.tasks}


def dated_tasks(plan: DatedPlan, dates: Mapping[str, date]) -> list[DatedTask]:
    """Return the tasks as schedules see them: what is done or moved by hand is fixed."""
    return [
        DatedTask(
            task.id,
            task.week_number,
            task.day_number,
            task.minutes,
            dates[task.id],
            is_fixed=task.completed_at is not None or task.is_moved_by_hand,
        )
        for task in plan.tasks
    ]


def cushion_of(
    plan: DatedPlan, dates: Mapping[str, date], settings: ScheduleSettings, reader: Reader
) -> int:
    """Return the cushion in whole minutes that a plan has with these dates and settings."""
    today = reader.today
    is_open = [task.completed_at is None for task in plan.tasks]
    work = DueWork(
        [(dates[task.id] - today).days for task in plan.tasks],
        [1] * len(plan.tasks),
        [int(each) for each in is_open],
        [task.minutes * each for task, each in zip(plan.tasks, is_open, strict=True)],
    )
    used = sum(
        task.minutes
        for task in plan.tasks
        if task.completed_at and reader.day_of(task.completed_at, task.completed_tz) == today
    )
    minutes = minutes_per_day(plan.roadmap, settings)
    return round(leeway(work, Capacity(today, minutes, settings.days_off, used)).cushion_minutes)
