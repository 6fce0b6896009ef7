"""What a learner has done of a roadmap and what is left, as a store adds it up."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, Self

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


class TaskGroups(NamedTuple):
    """Groups of tasks: in each column, one value per group. The columns are the fields of a group.

    A dashboard has ten thousand groups, and Python adds up columns several times as fast as
    objects.
    """

    week_number: Sequence[int] = ()
    day_number: Sequence[int] = ()
    due_date: Sequence[date | None] = ()
    effort: Sequence[str] = ()
    category: Sequence[str] = ()
    tasks: Sequence[int] = ()
    completed_tasks: Sequence[int] = ()
    minutes: Sequence[float] = ()
    completed_minutes: Sequence[float] = ()

    @classmethod
    def of(cls, groups: Iterable[TaskGroup]) -> Self:
        """Return the columns of groups."""
        return cls(*zip(*groups, strict=True))

    def group(self, number: int) -> TaskGroup:
        """Return a group by its place, of which 0 is the first."""
        return TaskGroup._make(column[number] for column in self)

    def each(self) -> Iterator[TaskGroup]:
        """Yield the groups in their order."""
        return map(TaskGroup, *self)


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
    groups: TaskGroups
    completions: tuple[Completion, ...]
    schedule: ScheduleSettings = NO_SETTINGS
