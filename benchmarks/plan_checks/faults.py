"""Faults for good plans, to see that the checks find them.

A fault takes a plan and some randomness, and returns a spoilt plan; None where the plan has no room
for it (the weeks of a plan of one week cannot change places). What spoils a plan is said in the
terms of the learner: the fault does not know how its check counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from benchmarks.plan_checks.checks import CHECKS
from benchmarks.plan_checks.edits import (
    edit_tasks,
    exchange_days,
    exchange_weeks,
    replace_texts,
    with_minutes,
    with_outline,
    with_weeks,
)
from benchmarks.plan_checks.plans import Plan
from benchmarks.plan_checks.text import words
from benchmarks.plan_checks.topics import Topic, TopicList, curriculum_of, topics_of

Fault = Callable[[Plan, Random], Plan | None]


@dataclass(frozen=True)
class Catch:
    """A fault that was injected, and whether its check found it."""

    check: str
    fault: str
    caught: bool


ROUNDS = 3
"""How often each fault is injected into each plan, each time elsewhere."""

GENERAL = (
    "Spend the time on whatever seems useful today, and be patient with yourself.",
    "Try out something small that is new to you, then change one part of it.",
    "Do the exercise that you like best, slowly and with full attention.",
    "Put together what went well so far, and show it to somebody whom you trust.",
)


# --- hard rules


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


# --- workload


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


# --- subject and coverage


def _general_tasks(plan: Plan, random: Random) -> Plan:
    chosen = random.sample(plan.tasks, round(len(plan.tasks) * 0.4))
    return replace_texts(plan, chosen, lambda _: random.choice(GENERAL))


def _another_subject(plan: Plan, random: Random) -> Plan | None:
    """Exchange 45 % of the tasks for those of a subject that is far away."""
    texts = _CRAFTS if plan.goal.kind in _AT_A_COMPUTER else _COMPUTING
    chosen = random.sample(plan.tasks, round(len(plan.tasks) * 0.45))
    return replace_texts(plan, chosen, lambda _: random.choice(texts))


def _names_left_out(plan: Plan, random: Random) -> Plan | None:
    """Leave out the words that matter in 45 % of the tasks."""
    chosen = random.sample(plan.tasks, round(len(plan.tasks) * 0.45))
    topics = topics_of(plan.goal.subjects)
    return replace_texts(plan, chosen, lambda placed: _without_names(placed.text, topics))


def _without_names(text: str, topics: TopicList) -> str:
    while topics.named_in(text):
        named = {index for _, span in topics.spans(text) for index in span}
        text = " ".join(word for index, word in enumerate(words(text)) if index not in named)
    return f"{text or 'Try it out'}."


def _weeks_keep_other_promises(plan: Plan, random: Random) -> Plan | None:
    if len(plan.weeks) < 2 or not plan.outline:
        return None
    order = list(plan.outline.weeks)
    turn = random.randrange(1, len(order))
    focus = [week.focus for week in order[turn:] + order[:turn]]
    return with_outline(
        plan,
        [week.model_copy(update={"focus": own}) for week, own in zip(order, focus, strict=True)],
    )


def _promises_more(plan: Plan, random: Random) -> Plan | None:
    if not plan.outline:
        return None
    extra = random.choice(("taxidermy", "celestial navigation", "the history of tulips"))
    return with_outline(
        plan,
        [
            week.model_copy(update={"focus": (*week.focus[:5], f"{extra} {week.week_number}")})
            for week in plan.outline.weeks
        ],
    )


def _promises_nothing(plan: Plan, random: Random) -> Plan | None:
    if not plan.outline:
        return None
    silent = random.sample(plan.outline.weeks, -(-len(plan.outline.weeks) // 3))
    return with_outline(
        plan,
        [
            week.model_copy(update={"focus": ()}) if week in silent else week
            for week in plan.outline.weeks
        ],
    )


def _forgets_a_promise(plan: Plan, random: Random) -> Plan | None:
    """Leave out one topic of every week."""
    if not plan.outline:
        return None
    dropped = {week.week_number: random.choice(week.focus) for week in plan.outline.weeks}
    topics = TopicList(Topic(name) for name in dropped.values())
    chosen = [
        placed
        for placed in plan.tasks
        if dropped[placed.week_number] in topics.named_in(placed.text)
    ]
    return replace_texts(plan, chosen, lambda _: random.choice(GENERAL))


# --- order


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
    """Turn around the days of a plan of one week."""
    if len(plan.weeks) > 1:
        return None
    del random
    for day in (1, 2, 3):
        plan = exchange_days(plan, 1, day, 8 - day)
    return plan


# --- retrieval


def _judged_topics(plan: Plan) -> list[tuple[str, int]]:
    """Return topics of the first half, with their weeks."""
    return [(name, week) for week, name in plan.focus() if week <= max(1, plan.goal.weeks // 2)]


def _keep_days(plan: Plan, random: Random, keep: Callable[[int, list[int]], bool]) -> Plan | None:
    """Replace the tasks that name some topic, but for those on the days that `keep` accepts."""
    name, week = random.choice(_judged_topics(plan))
    topics = TopicList([Topic(name)])
    named = [p for p in plan.tasks if p.week_number >= week and topics.named_in(p.text)]
    days = sorted({placed.day for placed in named})
    chosen = [placed for placed in named if not keep(placed.day, days)]
    spoilt = replace_texts(plan, chosen, lambda _: random.choice(GENERAL))
    return spoilt if chosen else None


def _never_again(plan: Plan, random: Random) -> Plan | None:
    return _keep_days(plan, random, lambda day, days: day == days[0])


def _only_next_day(plan: Plan, random: Random) -> Plan | None:
    """Let a topic come back on the next day alone: much too soon for a long plan."""
    if plan.goal.weeks < 4:
        return None
    return _keep_days(plan, random, lambda day, days: day <= days[0] + 1)


def _only_at_the_end(plan: Plan, random: Random) -> Plan | None:
    """Let a topic come back on its last day alone: once, and late."""
    if plan.goal.weeks < 4:
        return None
    return _keep_days(plan, random, lambda day, days: day in (days[0], days[-1]))


# --- demand


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


# --- repetition


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


# --- readability


def _add_to_all(sentence: str) -> Fault:
    def fault(plan: Plan, random: Random) -> Plan:
        del random
        return replace_texts(plan, plan.tasks, lambda p: f"{p.text.rstrip('.')}{sentence}")

    return fault


FAULTS: Mapping[str, Mapping[str, Fault]] = {
    "hard rules": {
        "too many tasks on a day": _too_many_tasks,
        "a day is missing": _missing_day,
        "a week is missing": _missing_week,
        "a week comes before its days": _week_before_its_days,
        "an unknown category": _unknown_category,
        "a task of two lines": _broken_line,
    },
    "workload": {
        "half of a day's minutes": _half_a_day,
        "a day of 140 %": _overfull_day,
        "a task without minutes": _no_minutes,
        "a glossary fills the day": _endless("Make a glossary of ten terms.", "practice"),
        "a quiz fills the day": _endless("Recall ten facts without notes.", "revision"),
    },
    "subject": {
        "40 % general tasks": _general_tasks,
        "45 % tasks of another subject": _another_subject,
        "45 % tasks without their words": _names_left_out,
    },
    "coverage": {
        "weeks keep each other's promises": _weeks_keep_other_promises,
        "a further topic is announced": _promises_more,
        "a third of the weeks announce nothing": _promises_nothing,
        "a topic of each week is left out": _forgets_a_promise,
    },
    "order": {
        "two weeks change places": _weeks_exchanged,
        "the weeks run backwards": _weeks_backwards,
        "a basic week comes late": _basics_last,
        "the days of the only week run backwards": _days_backwards,
    },
    "retrieval": {
        "a topic never comes back": _never_again,
        "a topic comes back on the next day alone": _only_next_day,
        "a topic comes back once, and late": _only_at_the_end,
    },
    "demand": {
        "the last task comes first": _demand_falls,
        "the plan ends with reading": _ends_with_reading,
        "80 % notes": _only_notes,
    },
    "repetition": {
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
    },
    "readability": {
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
            ". Internationalisation, institutionalisation, conceptualisation, differentiation."
        ),
    },
}

_CRAFTS = (
    "Knit ten rows of garter stitch with wool that you like.",
    "Roast a chicken, and let it rest for a quarter of an hour.",
    "Run for twenty minutes at a pace at which you can talk.",
    "Paint a flat sky, and leave a white cloud in it.",
)
_COMPUTING = (
    "Write a Python function that raises an exception.",
    "Deploy two pods with `kubectl`, and delete one of them.",
    "Rebase your branch, and push it to the server.",
    "Test the null hypothesis at the five percent level.",
)
_AT_A_COMPUTER = ("programming", "data", "cloud", "study", "career", "several")


def catch_faults(plan: Plan) -> list[Catch]:
    """Inject every fault into a plan, and return which of them are found.

    A plan gets the faults of those checks that it passes without them.
    """
    catches = []
    for check, faults in FAULTS.items():
        judge = CHECKS[check].judge
        if not CHECKS[check].concerns(plan) or not judge(plan).passed:
            continue
        for name, fault in faults.items():
            for turn in range(ROUNDS):
                spoilt = fault(plan, Random(f"{plan.goal.goal} {name} {turn}"))
                if spoilt is not None:
                    catches.append(Catch(check, name, caught=not judge(spoilt).passed))
    return catches
