"""Faults of how a plan's tasks are worded."""

from collections.abc import Mapping
from random import Random

from benchmarks.plan_checks.edits import (
    edit_tasks,
    replace_texts,
)
from benchmarks.plan_checks.faults.fault import Fault
from benchmarks.plan_checks.plans import Plan


def _demand_falls(plan: Plan, random: Random) -> Plan | None:
    """Turn the tasks around, the last one first."""
    del random
    tasks = [placed.task for placed in reversed(plan.tasks)]
    return edit_tasks(plan, dict(zip(plan.tasks, tasks, strict=True)))


def _ends_with_reading(plan: Plan, random: Random) -> Plan:
    topics = [name for _, name in plan.focus()]
    late = plan.tasks[2 * len(plan.tasks) // 3 :]
    return replace_texts(plan, late, lambda _: f"Read a chapter on {random.choice(topics)}.")


def _only_notes(plan: Plan, random: Random) -> Plan:
    chosen = random.sample(plan.tasks, round(len(plan.tasks) * 0.8))
    topics = [name for _, name in plan.focus()]
    return replace_texts(
        plan, chosen, lambda _: f"Write down what you know of {random.choice(topics)}."
    )


def _task_twice(plan: Plan, random: Random) -> Plan:
    one, other = random.sample(plan.tasks, 2)
    return replace_texts(plan, [one], lambda _: other.text)


def _nearly_twice(plan: Plan, random: Random) -> Plan:
    one, other = random.sample([p for p in plan.tasks if len(p.text) > 50], 2)
    return replace_texts(plan, [one], lambda _: f"{other.text.rstrip('.')} now.")


def _stamps(*templates: str) -> Fault:
    """Return a fault that stamps half of the tasks, with the names of the plan's topics."""

    def fault(plan: Plan, random: Random) -> Plan:
        topics = [name for _, name in plan.focus()]
        chosen = random.sample(plan.tasks, len(plan.tasks) // 2)
        return replace_texts(
            plan, chosen, lambda _: random.choice(templates).format(random.choice(topics))
        )

    return fault


def _reference_to_nowhere(plan: Plan, random: Random) -> Plan:
    chosen = random.choice(plan.tasks)
    number = plan.goal.weeks + random.randrange(1, 9)
    return replace_texts(plan, [chosen], lambda p: f"{p.text} Compare it with week {number}.")


def _reference_to_what_was_not(plan: Plan, random: Random) -> Plan:
    chosen = random.choice([placed for placed in plan.tasks if placed.day_number > 2])
    day = random.randrange(1, chosen.day_number)
    theme = random.choice(("celestial navigation", "taxidermy", "the history of tulips"))
    return replace_texts(
        plan, [chosen], lambda p: f"{p.text} Go back to day {day} of this week ({theme})."
    )


def _reference_to_the_future(plan: Plan, random: Random) -> Plan | None:
    early = [placed for placed in plan.tasks if placed.week_number < plan.goal.weeks]
    if not early:
        return None
    chosen = random.choice(early)
    week = chosen.week_number + 1
    return replace_texts(plan, [chosen], lambda p: f"{p.text} Repeat your work of week {week}.")


def _add_to_all(sentence: str) -> Fault:
    def fault(plan: Plan, random: Random) -> Plan:
        del random
        return replace_texts(plan, plan.tasks, lambda p: f"{p.text.rstrip('.')}{sentence}")

    return fault


DEMAND: Mapping[str, Fault] = {
    "the last task comes first": _demand_falls,
    "the plan ends with reading": _ends_with_reading,
    "80 % notes": _only_notes,
}

REPETITION: Mapping[str, Fault] = {
    "a task stands twice": _task_twice,
    "a task stands twice but for a word": _nearly_twice,
    "half of the tasks from one stamp": _stamps("Explain {} to a friend in five sentences."),
    "half of the tasks from four stamps": _stamps(
        "Explain {} to a friend in five sentences.",
        "Build something small that uses {}, then improve it.",
        "Find a mistake that people make with {}, and repair it.",
        "Practise {} slowly, and stop when it feels easy.",
    ),
    "a reference to a week after the end": _reference_to_nowhere,
    "a reference to a day that had no such theme": _reference_to_what_was_not,
    "a return to a week that is not over": _reference_to_the_future,
}

READABILITY: Mapping[str, Fault] = {
    "an official's language": _add_to_all(
        ". Subsequently operationalise the aforementioned considerations systematically,"
        " notwithstanding organisational particularities."
    ),
    "sentences without an end": _add_to_all(
        ", and after that think about all of it again from the start and ask yourself what"
        " you would do in another way if you had to do the same thing for a second time with"
        " somebody else at your side who has not done it before and does not know the words."
    ),
    "words of five syllables": _add_to_all(
        ". Internationalisation, institutionalisation, conceptualisation, differentiation,"
        " operationalisation, individualisation."
    ),
}
