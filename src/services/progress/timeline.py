"""When the tasks of a roadmap are due, and how many minutes its days have."""

from dataclasses import dataclass
from datetime import date
from operator import sub

from src.domain.progress import ProgressFacts, TaskGroup
from src.domain.roadmap import Roadmap, Task
from src.domain.schedule import ONE_DAY, DaysOff, ScheduledTask, ScheduleSettings
from src.services.progress.days import Reader, local_day
from src.services.progress.workload import DueWork, days_before, planned_day


@dataclass(frozen=True, slots=True)
class Timeline:
    """A roadmap's days: when it starts, what is due when, and what is off."""

    today: date
    start: date
    work: DueWork
    """With the groups in the order of the facts."""
    minutes_per_day: float
    off: DaysOff

    @property
    def end(self) -> date:
        """The last due day; the start if there are no tasks."""
        last = max(self.work.due, default=None)
        return self.start if last is None else self.today + last * ONE_DAY


def start_of(roadmap: Roadmap, schedule: ScheduleSettings, reader: Reader) -> date:
    """Return the first day: what the learner has said, or the day on which the roadmap was made."""
    return schedule.start or local_day(roadmap.created_at, reader.zone, reader.rollover)


def minutes_per_day(roadmap: Roadmap, schedule: ScheduleSettings) -> float:
    """Return the minutes of a day: what the learner has said, or the roadmap's hours."""
    return schedule.minutes_per_day or roadmap.daily_hours * 60


def timeline(facts: ProgressFacts, reader: Reader) -> Timeline:
    """Return what is due on which day: on its own date, or on the plan's day from the start on."""
    groups, today = facts.groups, reader.today
    start = start_of(facts.roadmap, facts.schedule, reader)
    until_start = (start - today).days
    work = DueWork(
        [
            (due - today).days if due else until_start + days_before(week, day)
            for week, day, due in zip(
                groups.week_number, groups.day_number, groups.due_date, strict=True
            )
        ],
        groups.tasks,
        tuple(map(sub, groups.tasks, groups.completed_tasks)),
        tuple(map(sub, groups.minutes, groups.completed_minutes)),
    )
    minutes = minutes_per_day(facts.roadmap, facts.schedule)
    return Timeline(today, start, work, minutes, facts.schedule.days_off)


def due_day(tasks: TaskGroup | ScheduledTask | Task, start: date) -> date:
    """Return the day on which one or more tasks are due, in a plan that starts on `start`."""
    return tasks.due_date or planned_day(start, tasks.week_number, tasks.day_number)
