"""A learner's progress with a roadmap: where they are, whether they are on track, when it ends.

Pure functions over what a store adds up. pandas takes half a second to import and 30 MB of memory,
so this module is imported, in a thread, when somebody first asks for progress.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

import pandas as pd

from src.domain.progress import Completion, ProgressFacts
from src.domain.schedule import ONE_DAY
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
from src.services.progress.workload import (
    Capacity,
    cushion_minutes,
    days_behind,
    expected_tasks,
    safe_days,
)

SHORT_PACE_DAYS = 7
LONG_PACE_DAYS = 28


def work_by_day(completions: Iterable[Completion], reader: Reader) -> pd.DataFrame:
    """Return `tasks` and `minutes` completed on each of the learner's days, by day."""
    rows = [(reader.day_of(each), each.tasks, each.minutes) for each in completions]
    frame = pd.DataFrame(rows, columns=["day", "tasks", "minutes"])
    frame["day"] = pd.to_datetime(frame["day"])
    return frame.groupby("day").sum()


def tasks_by_day(completions: Iterable[Completion], reader: Reader) -> dict[date, int]:
    """Return how many tasks were completed on each of the learner's days that has some."""
    by_day = work_by_day(completions, reader)
    return {day.date(): int(tasks) for day, tasks, _ in by_day.itertuples()}


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
