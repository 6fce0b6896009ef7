"""A plan, from the request to what is stored of it."""

from uuid import UUID

from src.domain.vocabulary import (
    CaseInsensitiveLevel,
    Category,
    DailyHours,
    Effort,
    Goal,
    Minutes,
    Value,
    WeekCount,
)


class PlanRequest(Value):
    """What a learner asks for. A planner knows nothing else about them."""

    goal: Goal
    duration_weeks: WeekCount
    daily_hours: DailyHours
    level: CaseInsensitiveLevel


class PlannedTask(Value):
    """One thing to do; its text is one line of plain text."""

    text: str
    effort: Effort
    category: Category
    estimated_minutes: Minutes | None = None
    """None in parts of plans that older releases stored."""


class PlannedDay(Value):
    """A day's tasks, in order."""

    day_number: int
    tasks: tuple[PlannedTask, ...]


class WeekOutline(Value):
    """A week whose days are not planned yet."""

    week_number: int
    goal: str
    focus: tuple[str, ...]


class Outline(Value):
    """All weeks of a plan in outline, in order from week 1."""

    weeks: tuple[WeekOutline, ...]


class PlannedWeek(Value):
    """A complete week: seven days, in order."""

    week_number: int
    goal: str
    days: tuple[PlannedDay, ...]


class DayReady(Value):
    """A complete day, available before the rest of its week."""

    week_number: int
    weekly_goal: str
    day: PlannedDay


class ModelUsage(Value):
    """How much a generation or a question used the model. Without a model all numbers are zero.

    `cost_dollars` is the cost that the provider reported, or None if it reported none, and
    `priced_calls` counts the calls with a reported cost. `retries` counts repeated calls.
    """

    model: str
    calls: int = 0
    priced_calls: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_dollars: float | None = None

    def plus(self, later: "ModelUsage") -> "ModelUsage":
        """Return the sum of both, with the model of the later one."""
        costs = [usage.cost_dollars for usage in (self, later) if usage.cost_dollars is not None]
        return ModelUsage(
            model=later.model,
            calls=self.calls + later.calls,
            priced_calls=self.priced_calls + later.priced_calls,
            retries=self.retries + later.retries,
            prompt_tokens=self.prompt_tokens + later.prompt_tokens,
            completion_tokens=self.completion_tokens + later.completion_tokens,
            cost_dollars=sum(costs) if costs else None,
        )


class NewRoadmap(Value):
    """A complete plan and its owner, to be stored under a generation's lease."""

    lease_id: UUID
    cost_known: bool = False
    """Whether the generation's record holds its whole cost."""
    user_id: UUID
    request: PlanRequest
    weeks: tuple[PlannedWeek, ...]
