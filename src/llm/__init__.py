"""The two protocols of the language model, and the choice between their implementations."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from src.models import Outline, PlannedWeek, PlanRequest, Roadmap, Task


class Planner(Protocol):
    """Turns a request into a plan."""

    @property
    def name(self) -> str:
        """What made the plan, in one word: `offline` or `openrouter`."""
        ...

    def plan(self, request: PlanRequest) -> AsyncIterator[Outline | PlannedWeek]:
        """Yield the outline first, then every week of it exactly once, in any order.

        What is yielded satisfies `src.plan_rules`.

        Raises:
            ModelError: no valid plan came about; which subclass says why.
        """
        ...

    async def close(self) -> None:
        """Release the connections. The planner is not used afterwards."""
        ...


@dataclass(frozen=True)
class AssistantContext:
    """What the assistant may speak of.

    `tasks` are all tasks of the roadmap, ordered by week, day and position in the day. The scope
    is `week_number` and `day_number`, each None where it does not narrow the question: a day
    without a week means that day of every week.
    """

    roadmap: Roadmap
    tasks: Sequence[Task]
    week_number: int | None
    day_number: int | None

    def tasks_in_scope(self) -> list[Task]:
        """Return the tasks that the question is about, in order; may be empty."""
        return [
            task
            for task in self.tasks
            if self.week_number in (None, task.week_number)
            and self.day_number in (None, task.day_number)
        ]


class Assistant(Protocol):
    """Answers a question about a roadmap."""

    async def answer(self, question: str, context: AssistantContext) -> str:
        """Return the answer as plain text, never empty.

        Raises:
            ModelError: no answer came about; which subclass says why.
        """
        ...

    async def close(self) -> None:
        """Release the connections. The assistant is not used afterwards."""
        ...
