"""What a learner has done of a roadmap and what is left, as a store adds it up."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from src.domain.roadmap import Roadmap
from src.domain.schedule import NO_SETTINGS, ScheduleSettings


class TaskGroup(NamedTuple):
    """Tasks of one day of the plan that share everything that progress is counted by.

    `minutes` are those of all its tasks. A task without an estimate counts as an equal share of the
    day's hours. `due_date` is None for tasks that are not scheduled.
    """

    week_number: int
    day_number: int
    due_date: date | None
    effort: str
    category: str
    tasks: int
    completed_tasks: int
    minutes: float
    completed_minutes: float


@dataclass(frozen=True, slots=True)
class Completion:
    """Tasks that were completed at one moment, in one time zone (None if it is not known)."""

    completed_at: datetime
    time_zone: str | None
    tasks: int
    minutes: float


@dataclass(frozen=True, slots=True)
class RoadmapTotals:
    """A roadmap, how many tasks it has, and how many of them are completed."""

    roadmap: Roadmap
    total_tasks: int
    completed_tasks: int


@dataclass(frozen=True, slots=True)
class ProgressFacts:
    """A roadmap and everything that its progress is computed from."""

    roadmap: Roadmap
    groups: tuple[TaskGroup, ...]
    completions: tuple[Completion, ...]
    schedule: ScheduleSettings = NO_SETTINGS
