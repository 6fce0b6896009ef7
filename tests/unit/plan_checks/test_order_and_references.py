"""What comes before what, and what a task says of other days and weeks."""

from collections.abc import Sequence

import pytest

from benchmarks.plan_checks.order import violations
from benchmarks.plan_checks.plans import Goal, Plan, plan_of
from benchmarks.plan_checks.references import untrue_references
from benchmarks.plan_checks.topics import Topic, TopicList
from src.domain.plan import Outline, PlannedDay, PlannedTask, PlannedWeek, WeekOutline
from src.domain.vocabulary import Category

READ: Category = "reading"
REVISE: Category = "revision"
DO: Category = "practice"
SECRETS = TopicList([Topic("pods"), Topic("services", needs=("pods",)), Topic("secrets")])
Tasks = Sequence[tuple[int, Category, str]]
REVISED: Tasks = [(1, REVISE, "pods"), (2, DO, "services")]
PRACTISED: Tasks = [(4, DO, "pods"), (4, DO, "pods too")]


def plan(tasks: Tasks, focus: tuple[str, ...] = (), weeks: int = 1) -> Plan:
    """Return a plan of such tasks, each with its day; the first week announces the focus."""
    placed = {
        day: tuple(
            PlannedTask(text=text, effort="light", category=category)
            for on, category, text in tasks
            if on == day
        )
        for day in range(1, 7 * weeks + 1)
    }
    numbers = range(1, weeks + 1)
    return plan_of(
        Goal("given", "goal", (), weeks, 1, "beginner"),
        Outline(
            weeks=tuple(
                WeekOutline(week_number=n, goal=f"goal {n}", focus=focus if n == 1 else ())
                for n in numbers
            )
        ),
        (
            PlannedWeek(
                week_number=n,
                goal=f"goal {n}",
                days=tuple(
                    PlannedDay(day_number=day, tasks=placed[7 * (n - 1) + day])
                    for day in range(1, 8)
                ),
            )
            for n in numbers
        ),
    )


@pytest.mark.parametrize(
    ("tasks", "is_fault"),
    [
        # Read about on day 1, practised most on day 4.
        ([(1, READ, "pods"), (2, DO, "services"), (4, DO, "pods"), (4, DO, "pods too")], False),
        # Known from before, and only revised.
        ([*REVISED, *PRACTISED], False),
        # Revised before it is read about: the days were turned around.
        ([*REVISED, (4, READ, "pods"), (4, DO, "pods")], True),
        ([(2, READ, "services"), (4, READ, "pods")], True),
        # Reading and its exercise in one task.
        ([*REVISED, (4, DO, "Learn pods by doing."), (4, DO, "pods")], True),
        # Revised, and named later where something else is read about.
        ([*REVISED, (3, READ, "Read on nodes. They run pods."), *PRACTISED], False),
        # Named in passing, which is no teaching.
        ([(1, DO, "pods"), (2, READ, "services"), (3, READ, "pods"), (3, DO, "pods")], True),
    ],
)
def test_a_prerequisite_counts_from_its_first_reading(tasks: Tasks, *, is_fault: bool) -> None:
    found = list(violations(plan(tasks, ("services", "pods")), SECRETS))
    assert bool(found) is is_fault


def test_a_broad_topic_may_be_known_in_part() -> None:
    """The present subjunctive is revised; its use after some words is read about later."""
    tasks: Tasks = [*REVISED, (4, READ, "pods"), (4, DO, "pods")]
    parts = plan(tasks, ("services", "pods"))
    assert list(violations(parts, SECRETS))
    assert not list(violations(parts, SECRETS, is_broad=True))


def test_a_topic_of_another_subject_is_that_subjects_alone() -> None:
    """Docker's secrets rest on nothing of Kubernetes, although both call them so."""
    topics = TopicList([Topic("pods"), Topic("secrets", needs=("pods",))])
    spoilt = plan([(1, READ, "secrets"), (3, READ, "pods")], ("secrets", "pods"))
    assert list(violations(spoilt, topics))
    assert not list(violations(spoilt, topics, frozenset({("secret",)})))


@pytest.mark.parametrize(
    ("text", "is_untrue"),
    [
        ("Recall week 1.", False),
        ("Recall week 3.", True),
        ("Go back to day 1 of this week (pods).", False),
        ("Go back to day 1 of this week (tulips).", True),
        ("Go back to day 6 of this week.", True),
        ("Recall what you built yesterday (pods).", True),
        # The data of a day, and a price and that of the day before, are no references.
        ("Compare the price of day 9 with that of the day before.", False),
        ("Fill in the table from day 0 on.", False),
        ("Chart the sales of last week.", False),
        # A chapter's title, and the week of another plan.
        ("Read CS50's Introduction, Week 0: Functions.", False),
        ("Read `week 0` of the course.", False),
        ("Do week 9 of Couch to 5K.", False),
        ("Week 9 was hard: note why.", True),
    ],
)
def test_references_to_other_days_are_true(text: str, *, is_untrue: bool) -> None:
    tasks: Tasks = [(1, READ, "Read about pods."), (5, DO, text)]
    assert bool(untrue_references(plan(tasks, ("pods",)))) is is_untrue
