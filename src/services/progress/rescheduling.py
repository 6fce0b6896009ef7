"""Gives the tasks of a plan new dates: deterministic, and without a model.

Tasks that are finished, and tasks that the learner moved by hand, are fixed: they keep their dates.
The others are placed in the plan's order. No day is filled beyond its capacity by a placement;
fixed tasks take up capacity, too. A task that is longer than a day's capacity gets a day without
any other task.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, islice
from math import ceil
from typing import Literal

from src.domain.errors import ScheduleDoesNotFitError
from src.domain.schedule import ONE_DAY, DaysOff, days_before

Strategy = Literal["as_planned", "shift", "compress", "spread"]

HORIZON_DAYS = 3_660
"""How far from its first day a schedule may reach: ten years, against days off that never end."""

TOLERANCE = 1e-6
"""In minutes: shares of a day's hours do not add up exactly."""


@dataclass(frozen=True, slots=True)
class DatedTask:
    """A task as far as schedules are concerned. A list of them is in the plan's order."""

    id: str
    week_number: int
    day_number: int
    minutes: float
    due: date
    is_fixed: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a learner asks for. `start` counts for `as_planned` alone, `end` for `spread` alone."""

    strategy: Strategy
    start: date
    first_day: date
    end: date
    days_off: DaysOff
    minutes_per_day: float


def reschedule(tasks: Sequence[DatedTask], wanted: Wanted) -> dict[str, date]:
    """Return the date of every task that is not fixed, by its id.

    - `as_planned`: the plan's day, counted from `start`, without days off.
    - `shift`: all move by one offset, so that the first is due on `first_day` or the next day that
      has room; a day that is off or full passes its tasks on to the next one.
    - `compress`: each day from `first_day` on is filled; what is left must fit before the present
      end.
    - `spread`: evenly, by minutes, from `first_day` to `end`.

    Raises:
        ScheduleDoesNotFitError: the tasks do not fit before the end, or within ten years.
    """
    loose = [task for task in tasks if not task.is_fixed]
    if not loose:
        return {}
    days = _Days(wanted, (task for task in tasks if task.is_fixed))
    if wanted.strategy == "as_planned":
        return days.place(loose, days.planned(loose))
    if wanted.strategy == "shift":
        first = loose[0]
        offset = days.place([first], [wanted.first_day])[first.id] - first.due
        return days.place(loose, [task.due + offset for task in loose])
    packed = days.place(loose, [wanted.first_day] * len(loose))
    end = wanted.end if wanted.strategy == "spread" else max(task.due for task in tasks)
    if max(packed.values()) > end:
        raise ScheduleDoesNotFitError(max(packed.values()))
    return packed if wanted.strategy == "compress" else days.place(loose, days.spread(loose, end))


class _Days:
    """The days of a schedule, and how full the fixed tasks make them."""

    def __init__(self, wanted: Wanted, fixed: Iterable[DatedTask]) -> None:
        self._wanted = wanted
        self._off = wanted.days_off
        self._fixed: defaultdict[date, float] = defaultdict(float)
        for task in fixed:
            self._fixed[task.due] += task.minutes

    def place(
        self, tasks: Sequence[DatedTask], targets: Sequence[date], step: timedelta = ONE_DAY
    ) -> dict[str, date]:
        """Give each task, in turn, the first day from its target on that has room for it.

        No task comes before the one that was placed before it; with a negative `step`, none after.
        """
        nearest = max if step > timedelta() else min
        minutes = self._fixed.copy()
        placed: dict[str, date] = {}
        day = targets[0]
        for task, target in zip(tasks, targets, strict=True):
            day = nearest(day, target)
            while day in self._off or not self._has_room(minutes[day], task):
                day += step
                if abs(day - targets[0]).days > HORIZON_DAYS:
                    raise ScheduleDoesNotFitError(None)
            minutes[day] += task.minutes
            placed[task.id] = day
        return placed

    def planned(self, tasks: Sequence[DatedTask]) -> list[date]:
        """Return the plan's day of each task, counted from the start without days off."""
        numbers = [days_before(task.week_number, task.day_number) for task in tasks]
        last = self._wanted.start + HORIZON_DAYS * ONE_DAY
        days = list(islice(self._days_on(self._wanted.start, last), max(numbers) + 1))
        if len(days) <= max(numbers):
            raise ScheduleDoesNotFitError(None)
        return [days[number] for number in numbers]

    def spread(self, tasks: Sequence[DatedTask], end: date) -> list[date]:
        """Return a target for each task: the day on which its share of all minutes is used up.

        A target is never later than the latest day from which all that follows still fits.
        """
        days = list(self._days_on(self._wanted.first_day, end))
        total = sum(task.minutes for task in tasks)
        used = accumulate(task.minutes for task in tasks)
        latest = self.place(tasks[::-1], [end] * len(tasks), -ONE_DAY)
        return [
            min(days[ceil(minutes / total * len(days) - TOLERANCE) - 1], latest[task.id])
            for task, minutes in zip(tasks, used, strict=True)
        ]

    def _days_on(self, first: date, last: date) -> Iterator[date]:
        span = range((last - first).days + 1)
        return (
            day for day in (first + number * ONE_DAY for number in span) if day not in self._off
        )

    def _has_room(self, minutes: float, task: DatedTask) -> bool:
        return minutes == 0 or minutes + task.minutes <= self._wanted.minutes_per_day + TOLERANCE
