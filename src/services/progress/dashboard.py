"""What a learner can do today, and their streak over all roadmaps."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from src.domain.minutes import equal_share
from src.domain.progress import ProgressFacts, TaskGroup
from src.domain.roadmap import Task
from src.domain.schedule import DaysOff
from src.services.progress.days import Reader
from src.services.progress.figures import ProgressSummary
from src.services.progress.streaks import Streaks, streaks
from src.services.progress.timeline import Timeline, due_day, minutes_per_day, start_of


@dataclass(frozen=True, slots=True)
class Dashboard:
    """All of a learner's roadmaps on one page, the newest first."""

    as_of: date
    streaks: Streaks
    today: tuple[Task, ...]
    roadmaps: tuple[tuple[int, ProgressSummary], ...]
    """Each with its id."""


@dataclass(frozen=True, slots=True)
class OffInAny:
    """The days that are off in any of a learner's roadmaps.

    So no roadmap's own streak is longer than the one over everything.
    """

    days_off: Sequence[DaysOff]

    def __contains__(self, day: date) -> bool:
        return any(day in each for each in self.days_off)


def overall_streaks(all_facts: Iterable[ProgressFacts], reader: Reader) -> Streaks:
    """Return the streaks over all roadmaps; a day that any of them has off is neutral."""
    facts = tuple(all_facts)
    done = {
        reader.day_of(completion.completed_at, completion.time_zone)
        for each in facts
        for completion in each.completions
    }
    off = {each.schedule.days_off for each in facts}
    return streaks(done, reader.today, OffInAny(tuple(off)))


def due_groups(facts: ProgressFacts, plan: Timeline) -> list[TaskGroup]:
    """Return the groups whose open tasks a learner could do today: those due first, to the minute.

    Together they hold at least the minutes of a day, if so many are due by today.
    """
    groups, work = facts.groups, plan.work
    due = sorted(
        (day, groups.week_number[number], groups.day_number[number], number)
        for number, day in enumerate(work.due)
        if day <= 0 and work.open_tasks[number]
    )
    found: list[TaskGroup] = []
    planned = 0.0
    last_day: list[int] = []
    for *day, number in due:
        # Whole days of the plan: the tasks of a day are in several groups, in no order.
        if planned >= plan.minutes_per_day and day != last_day:
            break
        found.append(groups.group(number))
        planned += work.open_minutes[number]
        last_day = day
    return found


def tasks_for_today(facts: ProgressFacts, open_tasks: Iterable[Task], reader: Reader) -> list[Task]:
    """Return what to do today: by due date, then in the plan's order.

    It is as much as the minutes of a day hold, but one task at least.
    """
    roadmap, schedule = facts.roadmap, facts.schedule
    start = start_of(roadmap, schedule, reader)
    limit: float = minutes_per_day(roadmap, schedule)
    dated = [task.model_copy(update={"due_date": due_day(task, start)}) for task in open_tasks]
    # Sorting is stable, and keeps the plan's order within a date.
    found: list[Task] = []
    for task in sorted(dated, key=lambda task: task.due_date or date.max):
        limit -= _minutes(task, facts)
        if found and limit < 0:
            break
        found.append(task)
    return found


def _minutes(task: Task, facts: ProgressFacts) -> float:
    """Return a task's estimate or its share of its day's hours, as the stores count them."""
    if task.estimated_minutes is not None:
        return task.estimated_minutes
    of_its_day = sum(
        group.tasks
        for group in facts.groups.each()
        if (group.week_number, group.day_number) == (task.week_number, task.day_number)
    )
    return equal_share(facts.roadmap.daily_hours, of_its_day)
