"""How what is left of a plan fits into the days that are left."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from typing import NamedTuple

from src.domain.schedule import ONE_DAY, DaysOff
from src.domain.vocabulary import DAYS_PER_WEEK


class DueWork(NamedTuple):
    """Tasks that are due on one day, and what of them is left."""

    due: date
    tasks: int
    open_tasks: int
    open_minutes: float

    def plus(self, other: "DueWork") -> "DueWork":
        """Return both together; they are due on the same day."""
        return DueWork(
            self.due,
            self.tasks + other.tasks,
            self.open_tasks + other.open_tasks,
            self.open_minutes + other.open_minutes,
        )


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


def planned_day(start: date, week_number: int, day_number: int) -> date:
    """Return the date of a day of the plan that begins on `start`.

    Raises:
        OverflowError: it lies beyond the calendar.
    """
    return start + timedelta(DAYS_PER_WEEK * (week_number - 1) + day_number - 1)


def slack_by_day(work: Sequence[DueWork], capacity: Capacity) -> Iterator[tuple[date, float]]:
    """Yield, for each day from today to the last due one, the minutes that are to spare by then.

    That is the minutes available until then, minus those that all tasks due by then still need.
    Work that is overdue counts from today on.
    """
    needs: defaultdict[date, float] = defaultdict(float)
    for each in work:
        needs[max(each.due, capacity.today)] += each.open_minutes
    slack: float = 0
    day, last = capacity.today, max(needs, default=capacity.today)
    while day <= last:
        slack += capacity.on(day) - needs[day]
        yield day, slack
        day += ONE_DAY


@dataclass(frozen=True, slots=True)
class Leeway:
    """How much a learner could leave undone.

    `cushion_minutes` is the smallest slack of all days to come: negative if the plan cannot be
    kept. `safe_days` is on how many days from today one may do nothing before it turns negative.
    Days off count, too. It is 0 if the cushion is negative already, or if nothing is left to do.
    """

    cushion_minutes: float
    safe_days: int


def leeway(work: Sequence[DueWork], capacity: Capacity) -> Leeway:
    """Return the cushion and the safe days."""
    remaining = list(slack_by_day(work, capacity))
    smallest_after = list(accumulate((slack for _, slack in reversed(remaining)), min))[::-1]
    cushion = smallest_after[0]
    if cushion < 0 or not any(each.open_tasks for each in work):
        return Leeway(cushion, 0)
    idle: float = 0
    for number, (day, _) in enumerate(remaining):
        idle += capacity.on(day)
        # Being idle through this day lowers the slack of it and of all later days by `idle`.
        if smallest_after[number] < idle:
            return Leeway(cushion, number)
    return Leeway(cushion, len(remaining))


def days_behind(work: Sequence[DueWork], completed_tasks: int, today: date) -> int:
    """Return today minus the day by which the plan has as many tasks as are done.

    Negative means ahead. With nothing done, that day is the one before the first due one. Without
    tasks it is 0.
    """
    planned: defaultdict[date, int] = defaultdict(int)
    for each in work:
        planned[each.due] += each.tasks
    if not planned:
        return 0
    days = sorted(planned)
    if completed_tasks == 0:
        return (today - days[0]).days + 1
    reached = accumulate(planned[day] for day in days)
    day = next(
        (day for day, total in zip(days, reached, strict=True) if total >= completed_tasks),
        days[-1],
    )
    return (today - day).days


def expected_tasks(work: Sequence[DueWork], today: date) -> int:
    """Return how many tasks are due by today, today included."""
    return sum(each.tasks for each in work if each.due <= today)
