"""How the minutes of a day are divided among its tasks."""

from collections.abc import Sequence
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.domain.minutes import divide_minutes, with_minutes
from src.domain.plan import PlannedTask
from src.domain.plan_rules import TASKS_PER_DAY
from src.domain.vocabulary import MAX_MINUTES, MINUTES_STEP, Effort

MOST_TASKS = max(most for _, most in TASKS_PER_DAY.values())

efforts: st.SearchStrategy[Effort] = st.sampled_from(get_args(Effort))
minutes_of_a_task = st.integers(1, MAX_MINUTES // MINUTES_STEP).map(lambda n: n * MINUTES_STEP)
hours = st.integers(1, 16).map(lambda halves: halves / 2)


def task(effort: Effort, minutes: int | None = None) -> PlannedTask:
    return PlannedTask(text="Read.", effort=effort, category="reading", estimated_minutes=minutes)


days = st.lists(
    st.builds(task, efforts, st.none() | minutes_of_a_task), min_size=1, max_size=MOST_TASKS
)


def minutes_in(tasks: Sequence[PlannedTask]) -> list[int]:
    return [task.estimated_minutes or 0 for task in tasks]


@given(days, hours)
def test_minutes_fill_the_day(tasks: list[PlannedTask], daily_hours: float) -> None:
    """Whatever the tasks say, they get valid minutes that add up, and change in nothing else.

    Doing it again changes nothing.
    """
    timed = with_minutes(tasks, daily_hours)
    assert sum(minutes_in(timed)) == daily_hours * 60
    for before, after in zip(tasks, timed, strict=True):
        assert PlannedTask.model_validate(after.model_dump()) == after
        assert after.model_copy(update={"estimated_minutes": before.estimated_minutes}) == before
    assert with_minutes(timed, daily_hours) == timed


@given(st.integers(0, MAX_MINUTES), st.lists(st.integers(1, 500), min_size=1, max_size=20))
def test_parts_are_proportional(minutes: int, weights: list[int]) -> None:
    """They add up, keep the order of their weights, and are off by less than what the step takes.

    The one-step minimum takes at most one step per part from the others.
    """
    parts = divide_minutes(minutes, weights)
    whole = max(minutes // MINUTES_STEP, len(weights)) * MINUTES_STEP
    assert sum(parts) == whole
    assert all(part >= MINUTES_STEP and part % MINUTES_STEP == 0 for part in parts)
    exact = [whole * weight / sum(weights) for weight in weights]
    if min(exact) >= MINUTES_STEP:
        assert all(abs(a - b) < MINUTES_STEP for a, b in zip(parts, exact, strict=True))
    by_weight = [part for _, part in sorted(zip(weights, parts, strict=True))]
    assert by_weight == sorted(parts)


@pytest.mark.parametrize(
    ("tasks", "hours", "minutes"),
    [
        # Nobody says how long they take: by effort.
        ([task("light"), task("medium"), task("deep")], 1, [10, 20, 30]),
        ([task("light"), task("light")], 0.5, [15, 15]),
        ([task("medium")], 8, [480]),
        # What adds up stays; what does not is scaled.
        ([task("deep", 10), task("light", 50)], 1, [10, 50]),
        ([task("light", 30), task("light", 30)], 2, [60, 60]),
        ([task("light", 60), task("light", 60), task("light", 60)], 2, [40, 40, 40]),
        ([task("light", 10), task("light", 10), task("light", 10)], 0.5, [10, 10, 10]),
        # The one without minutes goes at the rate of the others: 10 minutes a share.
        ([task("light", 10), task("medium", 20), task("deep")], 1, [10, 20, 30]),
        # No task is too short to be one.
        ([task("light", 5), task("deep", 480)], 0.5, [5, 25]),
        ([task("light", 5)] * 5 + [task("deep", 480)], 0.5, [5] * 6),
    ],
)
def test_a_day_is_divided(tasks: list[PlannedTask], hours: float, minutes: list[int]) -> None:
    assert minutes_in(with_minutes(tasks, hours)) == minutes


def test_a_day_without_tasks_stays_empty() -> None:
    assert with_minutes([], 1) == ()
