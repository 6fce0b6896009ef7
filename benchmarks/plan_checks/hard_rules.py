"""Check `hard rules`: what every plan has to satisfy.

Formula: each rule is one constraint: the outline is valid; every week is there exactly once, and
after its days; it has the outline's goal and seven days in order, each of which also came by
itself with the same tasks; each day has its level's number of tasks, and each text is one line of
plain text within its length. The efforts' and categories' vocabulary is held by the types of the
parts, and checked again here, since a part can be built without validation.
Threshold: a plan passes if it satisfies every constraint. The share of plans that do is the macro
rate, and all of them have to. The figure is the share of satisfied constraints, the micro rate.
Source: Xie and others 2024, "TravelPlanner: A Benchmark for Real-World Planning with Language
Agents", section 3.4: micro and macro pass rate of hard constraints.
"""

from collections import Counter
from collections.abc import Iterator
from typing import get_args

from benchmarks.plan_checks.plans import Plan
from benchmarks.plan_checks.verdict import Verdict, share
from src.domain.plan import DayReady, Outline, PlannedDay, PlannedWeek, PlanRequest
from src.domain.plan_rules import day_violations, outline_violations
from src.domain.vocabulary import DAYS_PER_WEEK, Category, Effort


def judge(plan: Plan) -> Verdict:
    """Judge a plan by the rules of `src.domain.plan_rules` and by the protocol of planners."""
    request = plan.goal.request()
    constraints = [*_of_outline(plan, request), *_of_weeks(plan, request), *_of_order(plan)]
    broken = [fault for fault in constraints if fault]
    satisfied = len(constraints) - len(broken)
    return Verdict(not broken, share(satisfied, len(constraints)), tuple(broken))


def _of_outline(plan: Plan, request: PlanRequest) -> Iterator[str]:
    outlines = [part for part in plan.parts if isinstance(part, Outline)]
    yield "" if len(outlines) == 1 else f"{len(outlines)} outlines"
    for outline in outlines:
        yield " ".join(outline_violations(outline, request))


def _of_weeks(plan: Plan, request: PlanRequest) -> Iterator[str]:
    numbers = [week.week_number for week in plan.weeks]
    expected = list(range(1, request.duration_weeks + 1))
    yield "" if numbers == expected else "the weeks are not 1 to the last, each once"
    goals = {week.week_number: week.goal for week in plan.outline.weeks} if plan.outline else {}
    for week in plan.weeks:
        days = [day.day_number for day in week.days]
        name = f"week {week.week_number}"
        yield "" if days == list(range(1, DAYS_PER_WEEK + 1)) else f"{name} has the days {days}"
        yield "" if goals.get(week.week_number) == week.goal else f"{name} has another goal"
        for day in week.days:
            faults = [*day_violations(day, request), *_vocabulary(day)]
            yield f"{name}: {' '.join(faults)}" if faults else ""


def _vocabulary(day: PlannedDay) -> Iterator[str]:
    for task in day.tasks:
        if task.effort not in get_args(Effort) or task.category not in get_args(Category):
            yield f"Day {day.day_number} has a {task.effort} task of {task.category}."


def _of_order(plan: Plan) -> Iterator[str]:
    """Yield a fault or "" per week: each of its days came by itself, once, before the week.

    The days of different weeks may come in any order, since a model plans several at once.
    """
    early: Counter[tuple[int, PlannedDay]] = Counter()
    for part in plan.parts:
        if isinstance(part, DayReady):
            early[part.week_number, part.day] += 1
        if isinstance(part, PlannedWeek):
            alone = all(early[part.week_number, day] == 1 for day in part.days)
            yield "" if alone else f"week {part.week_number} does not come after its days"
