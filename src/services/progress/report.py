"""A learner's progress with a roadmap: where they are, whether they are on track, when it ends.

Pure functions over what a store adds up. pandas takes half a second to import and 30 MB of memory,
so this module is imported, in a thread, when somebody first asks for progress.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pandas as pd

from src.domain.progress import Completion, ProgressFacts, TaskGroup
from src.domain.schedule import ONE_DAY, DaysOff
from src.services.progress.days import local_day, zone_of
from src.services.progress.pace import Forecast, forecast
from src.services.progress.percent import whole_percent
from src.services.progress.streaks import Streaks, streaks
from src.services.progress.workload import (
    Capacity,
    DueWork,
    cushion_minutes,
    days_behind,
    expected_tasks,
    planned_day,
    safe_days,
)

State = Literal["done", "not_started", "behind", "ahead", "on_track"]

SHORT_PACE_DAYS = 7
LONG_PACE_DAYS = 28


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks: the moment, their time zone, and the hour at which their days begin."""

    now: datetime
    zone: ZoneInfo
    rollover: int = 0

    @property
    def today(self) -> date:
        """The reader's day."""
        return local_day(self.now, self.zone, self.rollover)

    def day_of(self, completion: Completion) -> date:
        """Return the day of a completion: in its own zone if it has one, else in the reader's.

        So moving to another zone changes no day of the past. A zone that this machine's database
        does not know counts as none.
        """
        zone = self.zone
        if completion.time_zone:
            try:
                zone = zone_of(completion.time_zone)
            except ValueError:
                zone = self.zone
        return local_day(completion.completed_at, zone, self.rollover)


@dataclass(frozen=True, slots=True)
class Totals:
    """Tasks and minutes, and what of them is completed."""

    total_tasks: int
    completed_tasks: int
    total_minutes: int
    completed_minutes: int

    @property
    def progress(self) -> int:
        """The share of completed tasks in whole percent."""
        return whole_percent(self.completed_tasks, self.total_tasks)


@dataclass(frozen=True, slots=True)
class Pace:
    """Tasks and minutes a day, over the last 7 and 28 days, today included.

    Days before the roadmap's start, or its first completion, count in neither.
    """

    tasks_per_day_7: float
    tasks_per_day_28: float
    minutes_per_day_7: float
    minutes_per_day_28: float


@dataclass(frozen=True, slots=True)
class DayOfWork:
    """What was completed on one of the learner's days."""

    date: date
    tasks: int
    minutes: int


@dataclass(frozen=True, slots=True)
class ProgressSummary:
    """A roadmap's progress without its lists."""

    as_of: date
    state: State
    totals: Totals
    streaks: Streaks
    pace: Pace
    expected_tasks: int
    days_behind: int
    cushion_minutes: int
    safe_days: int
    planned_end: date
    forecast: Forecast | None


@dataclass(frozen=True, slots=True)
class ProgressReport:
    """A roadmap's progress with its lists."""

    summary: ProgressSummary
    weeks: Mapping[int, Totals]
    by_category: Mapping[str, Totals]
    by_effort: Mapping[str, Totals]
    completions: tuple[DayOfWork, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """A roadmap's days: when it starts, what is due when, and what is off."""

    start: date
    work: tuple[DueWork, ...]
    minutes_per_day: float
    off: DaysOff

    @property
    def end(self) -> date:
        """The last due day; the start if there are no tasks."""
        return max((each.due for each in self.work), default=self.start)


def timeline(facts: ProgressFacts, reader: Reader) -> Timeline:
    """Return when each task is due: on its own date, or on the plan's day from the start on.

    The start is what the learner has said, or the day on which the roadmap was made.
    """
    schedule = facts.schedule
    start = schedule.start or local_day(facts.roadmap.created_at, reader.zone, reader.rollover)
    work = tuple(
        DueWork(
            due_day(group, start),
            group.tasks,
            group.tasks - group.completed_tasks,
            group.minutes - group.completed_minutes,
        )
        for group in facts.groups
    )
    minutes = schedule.minutes_per_day or facts.roadmap.daily_hours * 60
    return Timeline(start, work, minutes, schedule.days_off)


def due_day(group: TaskGroup, start: date) -> date:
    """Return the day on which these tasks are due, in a plan that starts on `start`."""
    return group.due_date or planned_day(start, group.week_number, group.day_number)


def work_by_day(completions: Iterable[Completion], reader: Reader) -> pd.DataFrame:
    """Return `tasks` and `minutes` completed on each of the learner's days, by day."""
    rows = [(reader.day_of(each), each.tasks, each.minutes) for each in completions]
    frame = pd.DataFrame(rows, columns=["day", "tasks", "minutes"])
    frame["day"] = pd.to_datetime(frame["day"])
    return frame.groupby("day").sum()


def summarize(facts: ProgressFacts, reader: Reader) -> ProgressSummary:
    """Return a roadmap's progress without its lists."""
    return _summary(facts, reader, work_by_day(facts.completions, reader))


def report(facts: ProgressFacts, reader: Reader) -> ProgressReport:
    """Return a roadmap's progress with its lists."""
    by_day = work_by_day(facts.completions, reader)
    groups = pd.DataFrame(
        [
            (
                group.week_number,
                group.category,
                group.effort,
                group.tasks,
                group.completed_tasks,
                group.minutes,
                group.completed_minutes,
            )
            for group in facts.groups
        ],
        columns=["week", "category", "effort", *_TOTALS],
    )
    return ProgressReport(
        summary=_summary(facts, reader, by_day),
        weeks=_totals_by(groups, "week"),
        by_category=_totals_by(groups, "category"),
        by_effort=_totals_by(groups, "effort"),
        completions=tuple(
            DayOfWork(day.date(), int(tasks), round(minutes))
            for day, tasks, minutes in by_day.itertuples()
        ),
    )


_TOTALS = ["tasks", "completed_tasks", "minutes", "completed_minutes"]


def _totals_by(groups: pd.DataFrame, column: str) -> dict[Any, Totals]:
    sums = groups.groupby(column)[_TOTALS].sum()
    return {
        key: Totals(int(tasks), int(completed), round(minutes), round(completed_minutes))
        for key, tasks, completed, minutes, completed_minutes in sums.itertuples()
    }


def _summary(facts: ProgressFacts, reader: Reader, by_day: pd.DataFrame) -> ProgressSummary:
    today, plan = reader.today, timeline(facts, reader)
    totals = Totals(
        sum(group.tasks for group in facts.groups),
        sum(group.completed_tasks for group in facts.groups),
        round(sum(group.minutes for group in facts.groups)),
        round(sum(group.completed_minutes for group in facts.groups)),
    )
    used = float(by_day["minutes"].get(pd.Timestamp(today), 0))
    capacity = Capacity(today, plan.minutes_per_day, plan.off, used)
    cushion = cushion_minutes(plan.work, capacity)
    behind = days_behind(plan.work, totals.completed_tasks, today)
    pace = _pace(by_day, plan.start, today)
    return ProgressSummary(
        as_of=today,
        state=_state(totals, plan, today, cushion, behind),
        totals=totals,
        streaks=streaks((day.date() for day in by_day.index), today, plan.off),
        pace=pace,
        expected_tasks=expected_tasks(plan.work, today),
        days_behind=behind,
        cushion_minutes=round(cushion),
        safe_days=safe_days(plan.work, capacity),
        planned_end=plan.end,
        forecast=forecast(
            sum(each.open_minutes for each in plan.work),
            (pace.minutes_per_day_7, pace.minutes_per_day_28),
            today,
        ),
    )


def _state(totals: Totals, plan: Timeline, today: date, cushion: float, behind: int) -> State:
    if totals.completed_tasks == totals.total_tasks:
        return "done"
    if totals.completed_tasks == 0 and not any(each.due < today for each in plan.work):
        return "not_started"
    if cushion < 0:
        return "behind"
    return "ahead" if behind <= -1 else "on_track"


def _pace(by_day: pd.DataFrame, start: date, today: date) -> Pace:
    first = min([start, today, *(day.date() for day in by_day.index[:1])])
    begun = (today - first).days + 1
    window = pd.date_range(today - (LONG_PACE_DAYS - 1) * ONE_DAY, today)
    recent = by_day.reindex(window, fill_value=0)
    short = recent.tail(SHORT_PACE_DAYS).sum() / min(SHORT_PACE_DAYS, begun)
    long = recent.sum() / min(LONG_PACE_DAYS, begun)
    return Pace(
        tasks_per_day_7=round(float(short["tasks"]), 2),
        tasks_per_day_28=round(float(long["tasks"]), 2),
        minutes_per_day_7=round(float(short["minutes"]), 2),
        minutes_per_day_28=round(float(long["minutes"]), 2),
    )
