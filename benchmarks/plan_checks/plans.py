"""The plans that are judged: the goals they are for, and how a planner's parts become a plan."""

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from src.domain.errors import ModelError
from src.domain.generation import PlannedPart
from src.domain.plan import ModelUsage, Outline, PlannedDay, PlannedTask, PlannedWeek, PlanRequest
from src.domain.vocabulary import DAYS_PER_WEEK, Level
from src.llm import Planner

GOALS = Path(__file__).parent / "goals.toml"


@dataclass(frozen=True)
class Goal:
    """What somebody asks for. `subjects` names curricula; empty where no curriculum is meant."""

    kind: str
    goal: str
    subjects: tuple[str, ...]
    weeks: int
    hours: float
    level: Level

    @property
    def is_known(self) -> bool:
        """Whether a curriculum is meant."""
        return bool(self.subjects)

    def request(self) -> PlanRequest:
        """Return the request that a planner gets."""
        return PlanRequest(
            goal=self.goal, duration_weeks=self.weeks, daily_hours=self.hours, level=self.level
        )


@dataclass(frozen=True)
class PlacedTask:
    """A task and its place; `day` counts from the plan's first day, which is 1."""

    week_number: int
    day_number: int
    task: PlannedTask

    @property
    def day(self) -> int:
        """Return the day of the plan."""
        return (self.week_number - 1) * DAYS_PER_WEEK + self.day_number

    @property
    def text(self) -> str:
        """Return the task's text."""
        return self.task.text


@dataclass(frozen=True)
class Plan:
    """A plan in the order in which its parts came. A plan that failed has no parts."""

    goal: Goal
    parts: tuple[PlannedPart, ...]

    @cached_property
    def outline(self) -> Outline | None:
        """Return the first outline."""
        return next((part for part in self.parts if isinstance(part, Outline)), None)

    @cached_property
    def weeks(self) -> tuple[PlannedWeek, ...]:
        """Return the complete weeks by their number."""
        weeks = [part for part in self.parts if isinstance(part, PlannedWeek)]
        return tuple(sorted(weeks, key=lambda week: week.week_number))

    @cached_property
    def tasks(self) -> tuple[PlacedTask, ...]:
        """Return all tasks, in order."""
        return tuple(
            PlacedTask(week.week_number, day.day_number, task)
            for week, day in self.days()
            for task in day.tasks
        )

    @property
    def last_day(self) -> int:
        """Return the number of days that were asked for."""
        return self.goal.weeks * DAYS_PER_WEEK

    def days(self) -> Iterator[tuple[PlannedWeek, PlannedDay]]:
        """Yield every day with its week, in order."""
        for week in self.weeks:
            for day in week.days:
                yield week, day

    def focus(self) -> Iterator[tuple[int, str]]:
        """Yield the outline's topics with the numbers of their weeks, in order."""
        for week in self.outline.weeks if self.outline else ():
            for topic in week.focus:
                yield week.week_number, topic


def read_goals(path: Path = GOALS) -> tuple[Goal, ...]:
    """Return the goals of a TOML file like `goals.toml`."""
    with path.open("rb") as file:
        rows = tomllib.load(file)["goals"]
    return tuple(Goal(**{**row, "subjects": tuple(row["subjects"])}) for row in rows)


async def make_plan(planner: Planner, goal: Goal) -> Plan:
    """Let a planner plan for a goal. Where the model fails, the plan has no parts."""
    try:
        parts = [part async for part in planner.plan(goal.request())]
    except ModelError:
        return Plan(goal, ())
    return Plan(goal, tuple(part for part in parts if not isinstance(part, ModelUsage)))


def plan_of(goal: Goal, outline: Outline, weeks: Iterable[PlannedWeek]) -> Plan:
    """Return a plan of complete weeks, for those that do not come from a planner."""
    return Plan(goal, (outline, *weeks))
