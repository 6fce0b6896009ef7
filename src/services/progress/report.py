"""A learner's progress with a roadmap: where they are, whether they are on track, when it ends.

Pure functions over what a store adds up. pandas takes half a second to import and 30 MB of memory,
so this module is imported, in a thread, when somebody first asks for progress.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import TypeVar

import pandas as pd

from src.domain.progress import Completion, ProgressFacts, TaskGroups
from src.services.progress.days import Reader
from src.services.progress.figures import (
    DayOfWork,
    Pace,
    ProgressReport,
    ProgressSummary,
    State,
    Totals,
)
from src.services.progress.pace import forecast
from src.services.progress.streaks import streaks
from src.services.progress.timeline import Timeline, timeline
from src.services.progress.workload import Capacity, days_behind, expected_tasks, leeway

K = TypeVar("K", int, str)

SHORT_PACE_DAYS = 7
LONG_PACE_DAYS = 28


def work_by_day(completions: Iterable[Completion], reader: Reader) -> tuple[DayOfWork, ...]:
    """Return what was completed on each of the learner's days that has something, by day."""
    (days,) = _work_by_day([completions], reader)
    return days


def _work_by_day(
    histories: Sequence[Iterable[Completion]], reader: Reader
) -> list[tuple[DayOfWork, ...]]:
    """Return the same for several histories. They share one data frame, which is quicker."""
    rows = [
        (number, reader.day_of(each.completed_at, each.time_zone), each.tasks, each.minutes)
        for number, completions in enumerate(histories)
        for each in completions
    ]
    frame = pd.DataFrame(rows, columns=["history", "day", "tasks", "minutes"])
    days: list[list[DayOfWork]] = [[] for _ in histories]
    for (number, day), tasks, minutes in frame.groupby(["history", "day"]).sum().itertuples():
        days[number].append(DayOfWork(day, int(tasks), float(minutes)))
    return [tuple(each) for each in days]


def summarize(
    all_facts: Sequence[ProgressFacts], plans: Sequence[Timeline], reader: Reader
) -> list[ProgressSummary]:
    """Return the progress of roadmaps, each with its timeline, without the lists."""
    work = _work_by_day([facts.completions for facts in all_facts], reader)
    return [
        _summary(facts, plan, reader, days)
        for facts, plan, days in zip(all_facts, plans, work, strict=True)
    ]


def report(facts: ProgressFacts, reader: Reader) -> ProgressReport:
    """Return a roadmap's progress with its lists."""
    days = work_by_day(facts.completions, reader)
    return ProgressReport(
        summary=_summary(facts, timeline(facts, reader), reader, days),
        weeks=_totals_by(facts.groups.week_number, facts.groups),
        by_category=_totals_by(facts.groups.category, facts.groups),
        by_effort=_totals_by(facts.groups.effort, facts.groups),
        completions=days,
    )


def _totals_by(keys: Sequence[K], groups: TaskGroups) -> dict[K, Totals]:
    """Return the totals of what has the same key, by key; faster than a data frame for so few."""
    columns = []
    for values in _summable(groups):
        sums: defaultdict[K, float] = defaultdict(int)
        for key, value in zip(keys, values, strict=True):
            sums[key] += value
        columns.append(sums)
    return {key: Totals(*(round(sums[key]) for sums in columns)) for key in sorted(columns[0])}


def _totals(groups: TaskGroups) -> Totals:
    return Totals(*(round(sum(column)) for column in _summable(groups)))


def _summable(groups: TaskGroups) -> tuple[Sequence[float], ...]:
    """Return the columns in the order of the fields of `Totals`."""
    return groups.tasks, groups.completed_tasks, groups.minutes, groups.completed_minutes


def _summary(
    facts: ProgressFacts, plan: Timeline, reader: Reader, days: Sequence[DayOfWork]
) -> ProgressSummary:
    today = reader.today
    totals = _totals(facts.groups)
    used = sum(day.minutes for day in days if day.date == today)
    capacity = Capacity(today, plan.minutes_per_day, plan.off, used)
    spare = leeway(plan.work, capacity)
    behind = days_behind(plan.work, totals.completed_tasks)
    pace = _pace(days, plan.start, today)
    return ProgressSummary(
        as_of=today,
        state=_state(totals, plan, spare.cushion_minutes, behind),
        totals=totals,
        streaks=streaks((day.date for day in days), today, plan.off),
        pace=pace,
        expected_tasks=expected_tasks(plan.work),
        days_behind=behind,
        cushion_minutes=round(spare.cushion_minutes),
        safe_days=spare.safe_days,
        planned_end=plan.end,
        forecast=forecast(
            sum(plan.work.open_minutes),
            (pace.minutes_per_day_7, pace.minutes_per_day_28),
            today,
        ),
    )


def _state(totals: Totals, plan: Timeline, cushion: float, behind: int) -> State:
    if 0 < totals.total_tasks == totals.completed_tasks:
        return "done"
    if totals.completed_tasks == 0 and not any(due < 0 for due in plan.work.due):
        return "not_started"
    if cushion < 0:
        return "behind"
    return "ahead" if behind <= -1 else "on_track"


def _pace(days: Sequence[DayOfWork], start: date, today: date) -> Pace:
    first = min([start, today, *(day.date for day in days[:1])])
    begun = (today - first).days + 1

    def per_day(window: int) -> tuple[float, float]:
        recent = [day for day in days if 0 <= (today - day.date).days < window]
        counted = min(window, begun)
        return (
            round(sum(day.tasks for day in recent) / counted, 2),
            round(sum(day.minutes for day in recent) / counted, 2),
        )

    (tasks_7, minutes_7), (tasks_28, minutes_28) = map(per_day, (SHORT_PACE_DAYS, LONG_PACE_DAYS))
    return Pace(tasks_7, tasks_28, minutes_7, minutes_28)
