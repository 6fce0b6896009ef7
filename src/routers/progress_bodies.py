"""The responses that say where a learner is."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import Field

from src.domain.roadmap import Task
from src.domain.vocabulary import Value
from src.services.progress.dashboard import Dashboard
from src.services.progress.figures import ProgressReport, ProgressSummary, State, Totals
from src.services.progress.streaks import Run, Streaks

Percent = Annotated[int, Field(ge=0, le=100)]


class Streak(Value):
    """Days in a row with a completion: how many, the first and the last."""

    count: int
    start: date | None
    end: date | None


class StreakPair(Value):
    """The streak that lasts, the longest one, and the missed days that the first one bridges."""

    current: Streak
    longest: Streak
    bridged: list[date]


class PaceFigures(Value):
    """Tasks and minutes a day, over the last 7 and 28 days."""

    tasks_per_day_7: float
    tasks_per_day_28: float
    minutes_per_day_7: float
    minutes_per_day_28: float


class ForecastDates(Value):
    """The day on which all is done at the faster pace, and at the slower one (null if it is 0)."""

    earliest: date
    latest: date | None


class TotalsOfTasks(Value):
    """Tasks and minutes, and how many of the tasks are done in percent, rounded down."""

    total_tasks: int
    completed_tasks: int
    total_minutes: int
    completed_minutes: int
    progress: Percent


class TotalsOfWeek(Value):
    """The same of one week."""

    week_number: int
    total_tasks: int
    completed_tasks: int
    total_minutes: int
    completed_minutes: int
    progress: Percent


class DayDone(Value):
    """What was completed on one of the learner's days."""

    date: date
    tasks: int
    minutes: int


class RoadmapSummary(Value):
    """Where the learner is with a roadmap."""

    roadmap_id: int
    as_of: date
    state: State
    total_tasks: int
    completed_tasks: int
    progress: Percent
    total_minutes: int
    completed_minutes: int
    streak: StreakPair
    pace: PaceFigures
    expected_tasks: int
    days_behind: int
    cushion_minutes: int
    safe_days: int
    planned_end: date
    forecast: ForecastDates | None


class RoadmapProgress(RoadmapSummary):
    """The same with lists: by week, by category, by effort, and by day."""

    weeks: list[TotalsOfWeek]
    by_category: dict[str, TotalsOfTasks]
    by_effort: dict[str, TotalsOfTasks]
    completions: list[DayDone]


class DashboardPage(Value):
    """All roadmaps of a learner, the streak over everything, and what to do today."""

    as_of: date
    streak: StreakPair
    today: list[Task]
    roadmaps: list[RoadmapSummary]


def progress_of(roadmap_id: int, report: ProgressReport) -> RoadmapProgress:
    """Return the response with a roadmap's progress."""
    return RoadmapProgress(
        **_summary_fields(roadmap_id, report.summary),
        weeks=[
            TotalsOfWeek(week_number=number, **_totals_fields(totals))
            for number, totals in report.weeks.items()
        ],
        by_category=_totals_by_name(report.by_category),
        by_effort=_totals_by_name(report.by_effort),
        completions=[
            DayDone(date=each.date, tasks=each.tasks, minutes=round(each.minutes))
            for each in report.completions
        ],
    )


def page_of(dashboard: Dashboard) -> DashboardPage:
    """Return the response with a learner's dashboard."""
    return DashboardPage(
        as_of=dashboard.as_of,
        streak=_streak_pair(dashboard.streaks),
        today=list(dashboard.today),
        roadmaps=[
            RoadmapSummary(**_summary_fields(roadmap_id, summary))
            for roadmap_id, summary in dashboard.roadmaps
        ],
    )


def _summary_fields(roadmap_id: int, summary: ProgressSummary) -> dict[str, Any]:
    pace, forecast = summary.pace, summary.forecast
    return _totals_fields(summary.totals) | {
        "roadmap_id": roadmap_id,
        "as_of": summary.as_of,
        "state": summary.state,
        "streak": _streak_pair(summary.streaks),
        "pace": PaceFigures(
            tasks_per_day_7=pace.tasks_per_day_7,
            tasks_per_day_28=pace.tasks_per_day_28,
            minutes_per_day_7=pace.minutes_per_day_7,
            minutes_per_day_28=pace.minutes_per_day_28,
        ),
        "expected_tasks": summary.expected_tasks,
        "days_behind": summary.days_behind,
        "cushion_minutes": summary.cushion_minutes,
        "safe_days": summary.safe_days,
        "planned_end": summary.planned_end,
        "forecast": forecast and ForecastDates(earliest=forecast.earliest, latest=forecast.latest),
    }


def _totals_fields(totals: Totals) -> dict[str, Any]:
    return {
        "total_tasks": totals.total_tasks,
        "completed_tasks": totals.completed_tasks,
        "total_minutes": totals.total_minutes,
        "completed_minutes": totals.completed_minutes,
        "progress": totals.progress,
    }


def _totals_by_name(totals: Mapping[str, Totals]) -> dict[str, TotalsOfTasks]:
    return {name: TotalsOfTasks(**_totals_fields(each)) for name, each in totals.items()}


def _streak_pair(streaks: Streaks) -> StreakPair:
    return StreakPair(
        current=_streak(streaks.current),
        longest=_streak(streaks.longest),
        bridged=list(streaks.bridged),
    )


def _streak(run: Run) -> Streak:
    return Streak(count=run.count, start=run.start, end=run.end)
