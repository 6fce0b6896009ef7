"""Changes to plans, by which faults are made."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from benchmarks.plan_checks.plans import PlacedTask, Plan
from src.domain.plan import DayReady, Outline, PlannedTask, PlannedWeek, WeekOutline


def rebuild(plan: Plan, outline: Outline, weeks: Sequence[PlannedWeek]) -> Plan:
    """Return a plan of weeks in a planner's order: outline, and each week after its days."""
    parts: list[Outline | DayReady | PlannedWeek] = [outline]
    for week in weeks:
        parts += [
            DayReady(week_number=week.week_number, weekly_goal=week.goal, day=day)
            for day in week.days
        ]
        parts.append(week)
    return replace(plan, parts=tuple(parts))


def with_outline(plan: Plan, weeks: Sequence[WeekOutline]) -> Plan:
    """Return the plan with another outline."""
    return replace(plan, parts=(Outline(weeks=tuple(weeks)), *plan.parts[1:]))


def with_weeks(plan: Plan, changed: Mapping[int, PlannedWeek]) -> Plan:
    """Return the plan with some of its weeks changed."""
    weeks = [changed.get(week.week_number, week) for week in plan.weeks]
    return rebuild(plan, _outline(plan), weeks)


def edit_tasks(plan: Plan, changed: Mapping[PlacedTask, PlannedTask]) -> Plan:
    """Return the plan with some of its tasks changed."""
    tasks = iter(plan.tasks)
    weeks = []
    for week in plan.weeks:
        days = []
        for day in week.days:
            edited = tuple(changed.get(next(tasks), task) for task in day.tasks)
            days.append(day.model_copy(update={"tasks": edited}))
        weeks.append(week.model_copy(update={"days": tuple(days)}))
    return rebuild(plan, _outline(plan), weeks)


def replace_texts(
    plan: Plan, chosen: Iterable[PlacedTask], text: Callable[[PlacedTask], str]
) -> Plan:
    """Return the plan with other texts for some of its tasks."""
    return edit_tasks(
        plan, {placed: placed.task.model_copy(update={"text": text(placed)}) for placed in chosen}
    )


def with_minutes(task: PlannedTask, minutes: int | None) -> PlannedTask:
    """Return a task with other minutes."""
    return task.model_copy(update={"estimated_minutes": minutes})


def exchange_weeks(plan: Plan, one: int, other: int) -> Plan:
    """Return the plan with two weeks exchanged, in the outline as well."""
    outline = _outline(plan)
    numbers = {one: other, other: one}
    announced = {
        number: outline.weeks[numbers.get(number, number) - 1].model_copy(
            update={"week_number": number}
        )
        for number in range(1, len(outline.weeks) + 1)
    }
    weeks = [
        plan.weeks[numbers.get(number, number) - 1].model_copy(update={"week_number": number})
        for number in announced
    ]
    return rebuild(plan, Outline(weeks=tuple(announced.values())), weeks)


def exchange_days(plan: Plan, week_number: int, one: int, other: int) -> Plan:
    """Return the plan with two days of a week exchanged."""
    week = plan.weeks[week_number - 1]
    numbers = {one: other, other: one}
    days = tuple(
        week.days[numbers.get(day.day_number, day.day_number) - 1].model_copy(
            update={"day_number": day.day_number}
        )
        for day in week.days
    )
    return with_weeks(plan, {week_number: week.model_copy(update={"days": days})})


def _outline(plan: Plan) -> Outline:
    if plan.outline is None:
        raise ValueError("a plan without an outline cannot be edited")
    return plan.outline
