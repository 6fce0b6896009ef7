"""The figures of progress, as `summary` and `report` compute them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from src.services.progress.pace import Forecast
from src.services.progress.percent import whole_percent
from src.services.progress.streaks import Streaks

State = Literal["done", "not_started", "behind", "ahead", "on_track"]


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


class DayOfWork(NamedTuple):
    """What was completed on one of the learner's days."""

    date: date
    tasks: int
    minutes: float


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
