"""How what is left of a plan fits into the days that are left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, takewhile
from math import inf
from operator import sub

from src.domain.schedule import EVERY_DAY, ONE_DAY, DaysOff, days_before


@dataclass(frozen=True, slots=True)
class DueWork:
    """Groups of tasks, each due on one day, and what of them is left.

    In each column, a group has one value.
    """

    due: Sequence[int]
    """In how many days from today; negative if it is overdue."""
    tasks: Sequence[int]
    open_tasks: Sequence[int]
    open_minutes: Sequence[float]


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many minutes a learner has on each day from today on."""

    today: date
    minutes_per_day: float
    off: DaysOff
    used_today: float = 0
    """What was completed today has used up that much of today."""

    def on(self, day: date) -> float:
        """Return the minutes of a day, 0 on days off."""
        if day in self.off:
            return 0
        if day == self.today:
            return max(self.minutes_per_day - self.used_today, 0)
        return self.minutes_per_day

    def on_each(self, count: int) -> list[float]:
        """Return the minutes of each of so many days, of which today is the first."""
        later = [self.minutes_per_day] * (count - 1)
        if self.off != EVERY_DAY:
            days = (self.today + number * ONE_DAY for number in range(1, count))
            later = [self.on(day) for day in days]
        return [self.on(self.today), *later]


def planned_day(start: date, week_number: int, day_number: int) -> date:
    """Return the date of a day of the plan that begins on `start`.

    Raises:
        OverflowError: it lies beyond the calendar.
    """
    return start + timedelta(days_before(week_number, day_number))


@dataclass(frozen=True, slots=True)
class Leeway:
    """How much a learner could leave undone.

    `cushion_minutes` is the smallest slack of all days to come: negative if the plan cannot be
    kept. `safe_days` is on how many days from today one may do nothing before it turns negative.
    Days off count, too. It is 0 if the cushion is negative already, or if nothing is left to do.
    """

    cushion_minutes: float
    safe_days: int


def leeway(work: DueWork, capacity: Capacity) -> Leeway:
    """Return the cushion and the safe days."""
    needs = _needs_by_day(work)
    available = capacity.on_each(len(needs))
    # The slack of a day: the minutes available until then, minus those that all tasks due by then
    # still need.
    slack = list(accumulate(map(sub, available, needs)))
    cushion = min(slack)
    if cushion < 0 or not any(work.open_tasks):
        return Leeway(cushion, 0)
    # Being idle from today through a day lowers the slack of that day and of all later ones by all
    # the minutes until then. A day by which nothing is due cannot become negative.
    first_due = next((day for day, minutes in enumerate(needs) if minutes), len(needs))
    spare = min(slack[first_due:], default=inf)
    idle_days = takewhile(lambda idle: idle <= spare, accumulate(available))
    return Leeway(cushion, sum(1 for _ in idle_days))


def _needs_by_day(work: DueWork) -> list[float]:
    """Return the minutes that each day from today to the last due one needs.

    Work that is overdue counts today.
    """
    needs = [0.0] * (max(0, max(work.due, default=0)) + 1)
    for due, minutes in zip(work.due, work.open_minutes, strict=True):
        if due > 0:
            needs[due] += minutes
        else:
            needs[0] += minutes
    return needs


def days_behind(work: DueWork, completed_tasks: int) -> int:
    """Return today minus the day by which the plan has as many tasks as are done.

    Negative means ahead. With nothing done, that day is the one before the first due one. Without
    tasks it is 0.
    """
    if not work.due:
        return 0
    if completed_tasks == 0:
        return 1 - min(work.due)
    planned = 0
    for due, tasks in sorted(zip(work.due, work.tasks, strict=True)):
        planned += tasks
        if planned >= completed_tasks:
            return -due
    return -max(work.due)


def expected_tasks(work: DueWork) -> int:
    """Return how many tasks are due by today, today included."""
    return sum(tasks for due, tasks in zip(work.due, work.tasks, strict=True) if due <= 0)
