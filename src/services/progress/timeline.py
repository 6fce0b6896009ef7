"""When the tasks of a roadmap are due, and how many minutes its days have."""

from dataclasses import dataclass
from datetime import date
from operator import sub

from src.domain.progress import ProgressFacts
from src.domain.roadmap import Roadmap, Task
from src.domain.schedule import ONE_DAY, DaysOff, ScheduledTask, ScheduleSettings, days_before
from src.domain.vocabulary import DAYS_PER_WEEK
from src.services.progress.days import Reader, local_day
from src.services.progress.workload import DueWork, planned_day


@dataclass(frozen=True, slots=True)
class Timeline:
    """A roadmap's days: when it starts, what is due when, and what is off."""

    start: date
    end: date
    """The last due day; the start if there are no tasks."""
    work: DueWork
    """With the groups in the order of the facts."""
    minutes_per_day: float
    off: DaysOff


def start_of(roadmap: Roadmap, schedule: ScheduleSettings, reader: Reader) -> date:
    """Return the first day: what the learner has said, or the day on which the roadmap was made."""
    return schedule.start or local_day(roadmap.created_at, reader.zone, reader.rollover)


def minutes_per_day(roadmap: Roadmap, schedule: ScheduleSettings) -> float:
    """Return the minutes of a day: what the learner has said, or the roadmap's hours."""
    return schedule.minutes_per_day or roadmap.daily_hours * 60


def timeline(facts: ProgressFacts, reader: Reader) -> Timeline:
    """Return what is due on which day: on its own date, or on the plan's day from the start on.

    Raises:
        OverflowError: a task is due beyond the calendar.
    """
    groups, today = facts.groups, reader.today
    start = start_of(facts.roadmap, facts.schedule, reader)
    until_start = (start - today).days
    # `days_before` counts evenly. Calling it for each group would take as long as all the rest.
    until_day_zero = until_start + days_before(0, 0)
    dates = zip(groups.week_number, groups.day_number, groups.due_date, strict=True)
    due = [
        (own - today).days if own else until_day_zero + DAYS_PER_WEEK * week + day
        for week, day, own in dates
    ]
    end = today + max(due, default=until_start) * ONE_DAY
    work = DueWork(
        due,
        groups.tasks,
        tuple(map(sub, groups.tasks, groups.completed_tasks)),
        tuple(map(sub, groups.minutes, groups.completed_minutes)),
    )
    minutes = minutes_per_day(facts.roadmap, facts.schedule)
    return Timeline(start, end, work, minutes, facts.schedule.days_off)


def due_day(task: ScheduledTask | Task, start: date) -> date:
    """Return the day on which a task is due, in a plan that starts on `start`."""
    return task.due_date or planned_day(start, task.week_number, task.day_number)
