"""How the minutes of a day are divided among its tasks."""

from collections.abc import Sequence

from src.domain.plan import PlannedTask
from src.domain.vocabulary import MINUTES_STEP, Effort

EFFORT_SHARES: dict[Effort, int] = {"light": 1, "medium": 2, "deep": 3}
"""How the minutes of a day are shared if nobody says how long its tasks take.

The words give an order and no ratio; equal steps assume the least about it.
"""


def equal_share(daily_hours: float, tasks: int) -> float:
    """Return the minutes of a task without an estimate, on a day that has so many tasks in all."""
    return 60 * daily_hours / tasks


def with_minutes(tasks: Sequence[PlannedTask], daily_hours: float) -> tuple[PlannedTask, ...]:
    """Return a day's tasks with minutes that add up to its hours.

    Minutes that tasks have are scaled. A task without any gets its share by effort, at the rate of
    the tasks that have some. Minutes that add up already stay as they are.
    """
    rate = _minutes_per_share(tasks)
    weights = [task.estimated_minutes or rate * EFFORT_SHARES[task.effort] for task in tasks]
    divided = divide_minutes(round(daily_hours * 60), weights)
    return tuple(
        task.model_copy(update={"estimated_minutes": minutes})
        for task, minutes in zip(tasks, divided, strict=True)
    )


def _minutes_per_share(tasks: Sequence[PlannedTask]) -> float:
    """Return the rate of the tasks that have minutes; 1 if none has any."""
    known = [(task.estimated_minutes, task.effort) for task in tasks if task.estimated_minutes]
    shares = sum(EFFORT_SHARES[effort] for _, effort in known)
    return sum(minutes for minutes, _ in known) / shares if known else 1


def divide_minutes(minutes: int, weights: Sequence[float]) -> list[int]:
    """Divide minutes in proportion to positive weights, by the largest remainders.

    Each part is a multiple of `MINUTES_STEP` and at least one step. The parts add up to the minutes
    in whole steps, or to one step per weight if that is more. Without weights there are none.
    """
    steps = max(minutes // MINUTES_STEP, len(weights)) if weights else 0
    total = sum(weights)
    exact = [steps * weight / total for weight in weights]
    parts = [max(1, int(part)) for part in exact]

    def lack(index: int) -> float:
        return exact[index] - parts[index]

    for _ in range(steps - sum(parts)):
        parts[max(range(len(parts)), key=lack)] += 1
    # Parts that were raised to one step took it from the others.
    for _ in range(sum(parts) - steps):
        parts[min((i for i, part in enumerate(parts) if part > 1), key=lack)] -= 1
    return [part * MINUTES_STEP for part in parts]
