"""Faults of what a plan is about, and of when it comes back."""

from collections.abc import Callable, Mapping
from random import Random

from benchmarks.plan_checks.edits import (
    replace_texts,
    with_outline,
)
from benchmarks.plan_checks.faults.fault import GENERAL, Fault
from benchmarks.plan_checks.plans import Plan
from benchmarks.plan_checks.text import words
from benchmarks.plan_checks.topics import Topic, TopicList, topics_of

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


SUBJECT: Mapping[str, Fault] = {
    "40 % general tasks": _general_tasks,
    "45 % tasks of another subject": _another_subject,
    "45 % tasks without their words": _names_left_out,
}

COVERAGE: Mapping[str, Fault] = {
    "weeks keep each other's promises": _weeks_keep_other_promises,
    "a further topic is announced": _promises_more,
    "a third of the weeks announce nothing": _promises_nothing,
    "a topic of each week is left out": _forgets_a_promise,
}

RETRIEVAL: Mapping[str, Fault] = {
    "a topic never comes back": _never_again,
    "a topic comes back on the next day alone": _only_next_day,
    "a topic comes back once, and late": _only_at_the_end,
}
