"""What a plan is made of, from the request for one to what is stored of it."""

from uuid import UUID

from src.domain.vocabulary import (
    CaseInsensitiveLevel,
    Category,
    DailyHours,
    Effort,
    Goal,
    Value,
    WeekCount,
)


class PlanRequest(Value):
    """What a learner wants: all that a planner gets to know of them."""

    goal: Goal
    duration_weeks: WeekCount
    daily_hours: DailyHours
    level: CaseInsensitiveLevel


class PlannedTask(Value):
    """One thing to do, as plain text on one line."""

    text: str
    effort: Effort
    category: Category


class PlannedDay(Value):
    """A day's tasks, in the order in which they are to be done."""

    day_number: int
    tasks: tuple[PlannedTask, ...]


class WeekOutline(Value):
    """A week before its days are known."""

    week_number: int
    goal: str
    focus: tuple[str, ...]


class Outline(Value):
    """Every week's goal, in order, from week 1."""

    weeks: tuple[WeekOutline, ...]


class PlannedWeek(Value):
    """A complete week: seven days, in order."""

    week_number: int
    goal: str
    days: tuple[PlannedDay, ...]


class DayReady(Value):
    """A day that is complete, told before the rest of its week is."""

    week_number: int
    weekly_goal: str
    day: PlannedDay


class ModelUsage(Value):
    """What a generation asked of the model. Without a model all numbers are zero.

    `cost_dollars` is as the provider reports it, None where it reports none; `priced_calls` are the
    calls of which it did. `retries` are calls that repeated another.
    """

    model: str
    calls: int = 0
    priced_calls: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_dollars: float | None = None

    def plus(self, later: "ModelUsage") -> "ModelUsage":
        """Return both together, under the later one's model."""
        costs = [use.cost_dollars for use in (self, later) if use.cost_dollars is not None]
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
    """A complete plan and its owner, ready to be stored under a generation's lease."""

    lease_id: UUID
    cost_known: bool = False
    """Whether the generation's record says all that it has cost."""
    user_id: UUID
    request: PlanRequest
    weeks: tuple[PlannedWeek, ...]
