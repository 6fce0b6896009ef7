"""Check `workload`: the minutes of every day, and of every task.

Formula: the sum of a day's `estimated_minutes` divided by its hours; and for each task its minutes
against the bounds of its kind. Minutes that are missing count as none.
Threshold: 0.9 to 1.1 on every day, and no task outside its bounds. The figure is the share of days
and tasks that are within.
Source: the product's rule for the days. The bounds of kinds follow Ericsson, Krampe and
Tesch-Römer 1993, "The Role of Deliberate Practice in the Acquisition of Expert Performance": full
concentration lasts for sessions of about an hour to an hour and a half, and for about four hours
a day. Hence nothing without named steps is longer than two hours, and nothing longer than four.
The shorter bounds (a list of words is no evening's work) are a judgement of ours.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.plan_checks.demand import opens_with_verb
from benchmarks.plan_checks.plans import Plan
from benchmarks.plan_checks.text import sentences
from benchmarks.plan_checks.verdict import Verdict, share
from src.domain.plan import PlannedTask

LEAST, MOST = 0.9, 1.1
MIN_STEPS = 3
SHORTEST = 5


@dataclass(frozen=True)
class Bounds:
    """The most minutes of a kind of task, at once and as a session with named steps."""

    kind: str
    at_once: int
    with_steps: int


EXAM = Bounds("a mock exam", 240, 240)
LIST = Bounds("a list", 45, 45)
RECALL = Bounds("recall", 45, 60)
REVISION = Bounds("revision", 60, 120)
READING = Bounds("reading", 90, 120)
PRACTICE = Bounds("practice", 120, 240)

_EXAM = re.compile(r"\b(mock|past|practice|timed|full|model) (exam|paper|test)s?\b", re.IGNORECASE)
_LIST = re.compile(
    r"\b(make|write|compile|prepare|create|draw up|start|keep|learn)\b[^.;:]*?"
    r"\b(glossary|glossaries|flash ?cards?|index cards?|(word|vocabulary) lists?|cheat ?sheet"
    r"|list of (the )?(\w+ )?(terms|words))\b",
    re.IGNORECASE,
)
_RECALL = re.compile(
    r"\b(recall|recite|quiz|from memory|without (your )?notes|test yourself|warm-up)\b",
    re.IGNORECASE,
)
_STEP = re.compile(r"[;:]|\bthen\b|\bfinally\b|\d\)", re.IGNORECASE)


def bounds_of(task: PlannedTask) -> Bounds:
    """Return the bounds of a task's kind."""
    if _EXAM.search(task.text):
        return EXAM
    if _LIST.search(task.text):
        return LIST
    if task.category == "reading":
        return READING
    if task.category == "revision":
        return RECALL if _RECALL.search(task.text) else REVISION
    return PRACTICE


def has_steps(text: str) -> bool:
    """Whether a task names at least three steps: sentences, clauses or items after a colon."""
    parts = [part for line in sentences(text) for part in _STEP.split(line)]
    listed = text.partition(":")[2]
    return (
        sum(opens_with_verb(part) for part in parts) >= MIN_STEPS
        or len(re.findall(r"[,;]", listed)) >= MIN_STEPS - 1
    )


def judge(plan: Plan) -> Verdict:
    """Judge the minutes of a plan's days and tasks."""
    faults = [*_days(plan), *_tasks(plan)]
    whole = plan.last_day + len(plan.tasks)
    return Verdict(
        bool(plan.tasks) and not faults, share(whole - len(faults), whole), tuple(faults)
    )


def _days(plan: Plan) -> Iterator[str]:
    asked = plan.goal.hours * 60
    for week, day in plan.days():
        minutes = sum(task.estimated_minutes or 0 for task in day.tasks)
        # In whole numbers: 0.9 times an hour and a half is a little more than 81 in binary.
        if not LEAST * asked - 1e-6 <= minutes <= MOST * asked + 1e-6:
            yield f"week {week.week_number} day {day.day_number}: {minutes} of {asked:.0f} minutes"


def _tasks(plan: Plan) -> Iterator[str]:
    for placed in plan.tasks:
        minutes = placed.task.estimated_minutes or 0
        bounds = bounds_of(placed.task)
        most = bounds.with_steps if has_steps(placed.text) else bounds.at_once
        if not SHORTEST <= minutes <= most:
            yield f"{minutes} minutes of {bounds.kind} (at most {most}): {placed.text}"
