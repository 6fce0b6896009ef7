"""The rules that every plan keeps."""

import pytest

from src.domain.plan import Outline, PlannedDay, PlannedTask, PlannedWeek, PlanRequest, WeekOutline
from src.domain.plan_rules import TASKS_PER_DAY, outline_violations, same_text_key, tasks_for_day
from src.domain.vocabulary import Category, Level
from src.services.progress.percent import whole_percent
from tests.support.plans import week_violations

REQUEST = PlanRequest(goal="Go", duration_weeks=2, daily_hours=2, level="beginner")


def task(text: str, category: Category = "reading") -> PlannedTask:
    return PlannedTask(text=text, effort="light", category=category, estimated_minutes=60)


def days(**changes: PlannedDay) -> list[PlannedDay]:
    plain = [
        PlannedDay(day_number=n, tasks=(task(f"Read page {n}."), task(f"Try exercise {n}.")))
        for n in range(1, 8)
    ]
    for name, day in changes.items():
        plain[int(name.removeprefix("day")) - 1] = day
    return plain


def violations(days: list[PlannedDay], **arguments: frozenset[str]) -> list[str]:
    week = PlannedWeek(week_number=1, goal="Start", days=tuple(days))
    return week_violations(week, 1, REQUEST, **arguments)


def test_valid_week_has_no_violations() -> None:
    assert violations(days()) == []


@pytest.mark.parametrize(
    ("week", "sentence"),
    [
        (days()[:6], "numbered 1 to 7"),
        (days()[::-1], "numbered 1 to 7"),
        (days(day2=PlannedDay(day_number=2, tasks=())), "Day 2 has 0 tasks; it needs 2 to 3."),
        (
            days(day2=PlannedDay(day_number=2, tasks=tuple(task(f"Do {n}") for n in range(4)))),
            "Day 2 has 4 tasks",
        ),
        (
            days(day3=PlannedDay(day_number=3, tasks=(task("Once more."), task("ONCE  more!")))),
            "Task 2 of day 3 repeats",
        ),
        (
            days(day3=PlannedDay(day_number=3, tasks=(task(" "), task("Read.")))),
            "Task 1 of day 3 is empty",
        ),
        (
            days(day3=PlannedDay(day_number=3, tasks=(task("x" * 501), task("Read.")))),
            "Task 1 of day 3 is longer than 500",
        ),
        (
            days(day3=PlannedDay(day_number=3, tasks=(task("a\nb"), task("Read.")))),
            "Task 1 of day 3 must be one line",
        ),
        (
            days(
                day3=PlannedDay(
                    day_number=3,
                    tasks=(
                        task("Read."),
                        task("Write.").model_copy(update={"estimated_minutes": None}),
                    ),
                )
            ),
            "Task 2 of day 3 has no minutes",
        ),
    ],
)
def test_violations_are_named(week: list[PlannedDay], sentence: str) -> None:
    """Each violation is a sentence that says to the model what to correct."""
    assert any(sentence in violation for violation in violations(week))


def test_repetition_of_an_earlier_week_is_a_violation() -> None:
    taken = frozenset({same_text_key("read PAGE 1")})
    assert violations(days(), taken=taken) == ["Task 1 of day 1 repeats an earlier task."]


def test_week_of_another_number_is_a_violation() -> None:
    week = PlannedWeek(week_number=2, goal="Start", days=tuple(days()))
    assert week_violations(week, 1, REQUEST) == ["The week's number must be 1."]


@pytest.mark.parametrize(
    ("numbers", "goals", "sentence"),
    [
        ([1], ["a"], "numbered 1 to 2"),
        ([2, 1], ["a", "b"], "numbered 1 to 2"),
        ([1, 2], ["Same.", "same"], "some goals repeat"),
        ([1, 2], ["a", ""], "The goal of week 2 is empty"),
        ([1, 2], ["a", "b" * 301], "longer than 300"),
    ],
)
def test_outline_violations(numbers: list[int], goals: list[str], sentence: str) -> None:
    """An outline has every week once, in order, each with a goal of its own."""
    weeks = tuple(
        WeekOutline(week_number=number, goal=goal, focus=())
        for number, goal in zip(numbers, goals, strict=True)
    )
    found = outline_violations(Outline(weeks=weeks), REQUEST)
    assert any(sentence in violation for violation in found)


@pytest.mark.parametrize("level", TASKS_PER_DAY)
def test_more_hours_never_mean_fewer_tasks(level: Level) -> None:
    """From the level's fewest at half an hour to its most at a long day."""
    counts = [tasks_for_day(level, half / 2) for half in range(1, 17)]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == TASKS_PER_DAY[level]


@pytest.mark.parametrize(
    ("done", "total", "percent"), [(0, 0, 0), (0, 9, 0), (199, 200, 99), (1, 3, 33), (7, 7, 100)]
)
def test_progress_is_rounded_down(done: int, total: int, percent: int) -> None:
    """100 means that everything is done; a week without tasks is not done."""
    assert whole_percent(done, total) == percent
