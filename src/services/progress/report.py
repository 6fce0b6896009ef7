"""A learner's progress with a roadmap: where they are, whether they are on track, when it ends.

Pure functions over what a store adds up. pandas takes half a second to import and 30 MB of memory,
so this module is imported, in a thread, when somebody first asks for progress.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import TypeVar, cast

import pandas as pd

from src.domain.progress import Completion, ProgressFacts, TaskGroup
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
from src.services.progress.workload import Capacity, days_behind, expected_tasks, leeway

K = TypeVar("K", int, str)

SHORT_PACE_DAYS = 7
LONG_PACE_DAYS = 28


def work_by_day(completions: Iterable[Completion], reader: Reader) -> pd.DataFrame:
    """Return `tasks` and `minutes` completed on each of the learner's days, by day."""
    return _frame([(0, completions)], reader).groupby("day")[["tasks", "minutes"]].sum()


def _frame(completions: Iterable[tuple[int, Iterable[Completion]]], reader: Reader) -> pd.DataFrame:
    """Return a row for each completion, with the learner's day and the number of its roadmap."""
    rows = [
        (number, reader.day_of(each), each.tasks, each.minutes)
        for number, of_roadmap in completions
        for each in of_roadmap
    ]
    frame = pd.DataFrame(rows, columns=["roadmap", "day", "tasks", "minutes"])
    frame["day"] = pd.to_datetime(frame["day"])
    return frame


def tasks_by_day(completions: Iterable[Completion], reader: Reader) -> dict[date, int]:
    """Return how many tasks were completed on each of the learner's days that has some."""
    by_day = work_by_day(completions, reader)
    return {day.date(): int(tasks) for day, tasks, _ in by_day.itertuples()}


def summarize(all_facts: Sequence[ProgressFacts], reader: Reader) -> list[ProgressSummary]:
    """Return the progress of roadmaps without its lists."""
    frame = _frame(enumerate(facts.completions for facts in all_facts), reader)
    work = frame.groupby(["roadmap", "day"]).sum()
    begun = set(work.index.get_level_values("roadmap"))
    nothing = work_by_day((), reader)
    return [
        _summary(
            facts, reader, cast("pd.DataFrame", work.loc[number]) if number in begun else nothing
        )
        for number, facts in enumerate(all_facts)
    ]


def report(facts: ProgressFacts, reader: Reader) -> ProgressReport:
    """Return a roadmap's progress with its lists."""
    by_day = work_by_day(facts.completions, reader)
    return ProgressReport(
        summary=_summary(facts, reader, by_day),
        weeks=_totals_by(facts.groups, lambda group: group.week_number),
        by_category=_totals_by(facts.groups, lambda group: group.category),
        by_effort=_totals_by(facts.groups, lambda group: group.effort),
        completions=tuple(
            DayOfWork(day.date(), int(tasks), round(minutes))
            for day, tasks, minutes in by_day.itertuples()
        ),
    )


def _totals_by(groups: Iterable[TaskGroup], key: Callable[[TaskGroup], K]) -> dict[K, Totals]:
    """Return the totals of what has the same key, by key; faster than a data frame for so few."""
    sums: defaultdict[K, list[float]] = defaultdict(lambda: [0, 0, 0, 0])
    for group in groups:
        total = sums[key(group)]
        total[0] += group.tasks
        total[1] += group.completed_tasks
        total[2] += group.minutes
        total[3] += group.completed_minutes
    return {each: Totals(*map(round, sums[each])) for each in sorted(sums)}


def _summary(facts: ProgressFacts, reader: Reader, by_day: pd.DataFrame) -> ProgressSummary:
    today, plan = reader.today, timeline(facts, reader)
    totals = _totals_by(facts.groups, lambda _: 0).get(0, Totals(0, 0, 0, 0))
    used = float(by_day["minutes"].get(pd.Timestamp(today), 0))
    capacity = Capacity(today, plan.minutes_per_day, plan.off, used)
    spare = leeway(plan.work, capacity)
    behind = days_behind(plan.work, totals.completed_tasks, today)
    pace = _pace(by_day, plan.start, today)
    return ProgressSummary(
        as_of=today,
        state=_state(totals, plan, today, spare.cushion_minutes, behind),
        totals=totals,
        streaks=streaks((day.date() for day in by_day.index), today, plan.off),
        pace=pace,
        expected_tasks=expected_tasks(plan.work, today),
        days_behind=behind,
        cushion_minutes=round(spare.cushion_minutes),
        safe_days=spare.safe_days,
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
    short, long = (
        by_day.loc[pd.Timestamp(today - (days - 1) * ONE_DAY) : pd.Timestamp(today)].sum()
        / min(days, begun)
        for days in (SHORT_PACE_DAYS, LONG_PACE_DAYS)
    )
    return Pace(
        tasks_per_day_7=round(float(short["tasks"]), 2),
        tasks_per_day_28=round(float(long["tasks"]), 2),
        minutes_per_day_7=round(float(short["minutes"]), 2),
        minutes_per_day_28=round(float(long["minutes"]), 2),
    )
