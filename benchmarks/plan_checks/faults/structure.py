"""Faults of a plan's parts, its minutes and its order."""

from collections.abc import Mapping
from random import Random

from benchmarks.plan_checks.edits import (
    edit_tasks,
    exchange_days,
    exchange_weeks,
    replace_texts,
    with_minutes,
    with_weeks,
)
from benchmarks.plan_checks.faults.fault import Fault
from benchmarks.plan_checks.plans import Plan
from benchmarks.plan_checks.topics import curriculum_of


def _too_many_tasks(plan: Plan, random: Random) -> Plan:
    week = random.choice(plan.weeks)
    day = random.choice(week.days)
    crowded = day.model_copy(update={"tasks": day.tasks * 4})
    days = tuple(crowded if other == day else other for other in week.days)
    return with_weeks(plan, {week.week_number: week.model_copy(update={"days": days})})


def _missing_day(plan: Plan, random: Random) -> Plan:
    week = random.choice(plan.weeks)
    left_out = random.choice(week.days)
    days = tuple(day for day in week.days if day != left_out)
    return with_weeks(plan, {week.week_number: week.model_copy(update={"days": days})})


def _missing_week(plan: Plan, random: Random) -> Plan:
    week = random.choice(plan.weeks)
    return Plan(plan.goal, tuple(part for part in plan.parts if part != week))


def _week_before_its_days(plan: Plan, random: Random) -> Plan:
    week = random.choice(plan.weeks)
    others = [part for part in plan.parts if part != week]
    return Plan(plan.goal, (others[0], week, *others[1:]))


def _unknown_category(plan: Plan, random: Random) -> Plan:
    chosen = random.choice(plan.tasks)
    # `model_copy` does not validate, as a careless planner would not.
    return edit_tasks(plan, {chosen: chosen.task.model_copy(update={"category": "watching"})})


def _broken_line(plan: Plan, random: Random) -> Plan:
    chosen = random.choice(plan.tasks)
    return replace_texts(plan, [chosen], lambda placed: placed.text.replace(" ", "\n", 1))


def _half_a_day(plan: Plan, random: Random) -> Plan:
    return _minutes_of_a_day(plan, random, 0.5)


def _overfull_day(plan: Plan, random: Random) -> Plan:
    return _minutes_of_a_day(plan, random, 1.4)


def _minutes_of_a_day(plan: Plan, random: Random, factor: float) -> Plan:
    day = random.choice(plan.tasks).day
    return edit_tasks(
        plan,
        {
            placed: with_minutes(
                placed.task, max(5, round((placed.task.estimated_minutes or 0) * factor / 5) * 5)
            )
            for placed in plan.tasks
            if placed.day == day
        },
    )


def _no_minutes(plan: Plan, random: Random) -> Plan:
    chosen = random.choice(plan.tasks)
    return edit_tasks(plan, {chosen: with_minutes(chosen.task, None)})


def _endless(text: str, category: str) -> Fault:
    """Return a fault that gives a short task the whole day but five minutes for each other."""

    def fault(plan: Plan, random: Random) -> Plan | None:
        day = random.choice(plan.tasks).day
        first, *others = [placed for placed in plan.tasks if placed.day == day]
        rest = round(plan.goal.hours * 60) - 5 * len(others)
        if rest <= 45:
            return None
        short = first.task.model_copy(update={"text": text, "category": category})
        return edit_tasks(
            plan,
            {first: with_minutes(short, rest), **{o: with_minutes(o.task, 5) for o in others}},
        )

    return fault


def _prerequisites(plan: Plan) -> list[tuple[int, int]]:
    """Return pairs of weeks: the first teaches what the second rests on."""
    taught: dict[str, int] = {}
    for week, focus in plan.focus():
        taught.setdefault(focus, week)
    return [
        (taught[need], taught[topic.name])
        for subject in plan.goal.subjects
        for topic in curriculum_of(subject).topics
        for need in topic.needs
        if need in taught and topic.name in taught and taught[need] < taught[topic.name]
    ]


def _weeks_exchanged(plan: Plan, random: Random) -> Plan | None:
    found = _prerequisites(plan)
    return exchange_weeks(plan, *random.choice(found)) if found else None


def _weeks_backwards(plan: Plan, random: Random) -> Plan | None:
    del random
    return _reversed(plan) if _prerequisites(plan) else None


def _reversed(plan: Plan) -> Plan:
    last = len(plan.weeks)
    for week in range(1, last // 2 + 1):
        plan = exchange_weeks(plan, week, last + 1 - week)
    return plan


def _basics_last(plan: Plan, random: Random) -> Plan | None:
    """Put a week that others rest on at the plan's end."""
    found = _prerequisites(plan)
    if not found:
        return None
    first, later = random.choice(found)
    for week in range(first, later):
        plan = exchange_weeks(plan, week, week + 1)
    return plan


def _days_backwards(plan: Plan, random: Random) -> Plan | None:
    """Turn around the days of a plan of one week in which a topic rests on another."""
    taught = {name for _, name in plan.focus()}
    needed = any(
        topic.name in taught and taught & set(topic.needs)
        for subject in plan.goal.subjects
        for topic in curriculum_of(subject).topics
    )
    if len(plan.weeks) > 1 or not needed:
        return None
    del random
    for day in (1, 2, 3):
        plan = exchange_days(plan, 1, day, 8 - day)
    return plan


HARD_RULES: Mapping[str, Fault] = {
    "too many tasks on a day": _too_many_tasks,
    "a day is missing": _missing_day,
    "a week is missing": _missing_week,
    "a week comes before its days": _week_before_its_days,
    "an unknown category": _unknown_category,
    "a task of two lines": _broken_line,
}

WORKLOAD: Mapping[str, Fault] = {
    "half of a day's minutes": _half_a_day,
    "a day of 140 %": _overfull_day,
    "a task without minutes": _no_minutes,
    "a glossary fills the day": _endless("Make a glossary of ten terms.", "practice"),
    "a quiz fills the day": _endless("Recall ten facts without notes.", "revision"),
}

ORDER: Mapping[str, Fault] = {
    "two weeks change places": _weeks_exchanged,
    "the weeks run backwards": _weeks_backwards,
    "a basic week comes late": _basics_last,
    "the days of the only week run backwards": _days_backwards,
}
