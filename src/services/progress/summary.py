"""Where a learner is with a roadmap, in one figure for each question.

Pure functions over what a store adds up. This module does without pandas, so that a dashboard need
not wait for its import.
"""

from collections.abc import Sequence
from datetime import date

from src.domain.progress import ProgressFacts, TaskGroups
from src.domain.schedule import ONE_DAY
from src.services.progress.days import Reader
from src.services.progress.figures import DayOfWork, Pace, ProgressSummary, State, Totals
from src.services.progress.pace import forecast
from src.services.progress.streaks import streaks
from src.services.progress.timeline import Timeline
from src.services.progress.workload import Capacity, days_behind, expected_tasks, leeway

SHORT_PACE_DAYS = 7
LONG_PACE_DAYS = 28


def done_work(facts: ProgressFacts, reader: Reader) -> list[DayOfWork]:
    """Return what was completed, by time: one entry per completion, so that days may repeat."""
    return [
        DayOfWork(reader.day_of(each.completed_at, each.time_zone), each.tasks, each.minutes)
        for each in facts.completions
    ]


def summarize(
    facts: ProgressFacts, plan: Timeline, done: Sequence[DayOfWork], reader: Reader
) -> ProgressSummary:
    """Return the progress of a roadmap without its lists, from its timeline and what is done."""
    today = reader.today
    totals = _totals(facts.groups)
    used = sum(each.minutes for each in done if each.date == today)
    capacity = Capacity(today, plan.minutes_per_day, plan.off, used)
    spare = leeway(plan.work, capacity)
    behind = days_behind(plan.work, totals.completed_tasks)
    pace = _pace(done, plan.start, today)
    return ProgressSummary(
        as_of=today,
        state=_state(totals, plan, spare.cushion_minutes, behind),
        totals=totals,
        streaks=streaks((each.date for each in done), today, plan.off),
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


def summable(groups: TaskGroups) -> tuple[Sequence[float], ...]:
    """Return the columns in the order of the fields of `Totals`."""
    return groups.tasks, groups.completed_tasks, groups.minutes, groups.completed_minutes


def _totals(groups: TaskGroups) -> Totals:
    return Totals(*(round(sum(column)) for column in summable(groups)))


def _state(totals: Totals, plan: Timeline, cushion: float, behind: int) -> State:
    if 0 < totals.total_tasks == totals.completed_tasks:
        return "done"
    if totals.completed_tasks == 0 and not any(due < 0 for due in plan.work.due):
        return "not_started"
    if cushion < 0:
        return "behind"
    return "ahead" if behind <= -1 else "on_track"


def _pace(done: Sequence[DayOfWork], start: date, today: date) -> Pace:
    first = min([start, today, *(each.date for each in done)])
    begun = (today - first).days + 1

    def per_day(window: int) -> tuple[float, float]:
        recent = [each for each in done if today - window * ONE_DAY < each.date <= today]
        counted = min(window, begun)
        return (
            round(sum(each.tasks for each in recent) / counted, 2),
            round(sum(each.minutes for each in recent) / counted, 2),
        )

    (tasks_7, minutes_7), (tasks_28, minutes_28) = map(per_day, (SHORT_PACE_DAYS, LONG_PACE_DAYS))
    return Pace(tasks_7, tasks_28, minutes_7, minutes_28)
