"""Check `order`: nothing comes before what it rests on.

Formula: a topic is taught in the first week whose focus names it, on the day of that week on which
most of the tasks name it. Two days with as many tasks are taken in the plan's favour. For every
prerequisite in the curricula and in the syllabi of which both topics are taught, the topic must not
be taught on an earlier day than the one that it rests on.

A prerequisite counts from the first task of reading whose first sentence names it: what was read
about on Tuesday and practised most on Friday is no fault on Wednesday. One that is nowhere read
about is known from before, and counts from the first task of revision; one that is read about later
does not, since one cannot revise what comes later. A syllabus's topics are broader than a plan's:
of "the present subjunctive" a part may be known and another be read about later, so there the first
task of reading or revision counts. What opens with "learn", "study" and the like is reading, too:
on a long day, reading and its exercise are one task.

A topic of another of the goal's subjects ("secrets" of Docker, where Kubernetes has its own) is
that subject's alone. What is named before it is taught, as an outlook or because it cannot be
avoided, is no fault. A prerequisite that a plan leaves out is none either: an advanced learner has
it.

Threshold: no violation. The figure is the number of violations.
Source: prerequisites from the curricula and, independent of planners, from the syllabi.
"""

import re
from collections import Counter
from collections.abc import Iterator

from benchmarks.plan_checks.plans import Plan
from benchmarks.plan_checks.text import sentences, stems
from benchmarks.plan_checks.topics import TopicList, curriculum_of, syllabus_of
from benchmarks.plan_checks.verdict import Verdict

_LESSON = re.compile(r"(learn|study|discover|read|watch)\b", re.IGNORECASE)


def judge(plan: Plan) -> Verdict:
    """Judge the order of a plan's topics."""
    faults: list[str] = []
    names = {subject: _names(subject) for subject in plan.goal.subjects}
    for subject in plan.goal.subjects:
        others = frozenset().union(*(names[s] for s in names if s != subject)) - names[subject]
        faults += violations(plan, curriculum_of(subject), others)
        if syllabus := syllabus_of(subject):
            faults += violations(plan, syllabus, others, is_broad=True)
    return Verdict(bool(plan.tasks) and not faults, len(faults), tuple(faults))


def violations(
    plan: Plan,
    topics: TopicList,
    others: frozenset[tuple[str, ...]] = frozenset(),
    *,
    is_broad: bool = False,
) -> Iterator[str]:
    """Yield a sentence for every topic that is taught before one that it rests on.

    `others` are the names, as stems, of topics that belong to another subject of the plan. Broad
    topics are those of a syllabus.
    """
    taught = _taught(plan, topics, others)
    days = {name: list(_days_of(plan, name, week, topics)) for name, week in taught}
    met = _days_met(plan, topics, is_broad=is_broad)
    for topic in topics.topics:
        for need in topic.needs:
            if topic.name in days and need in days:
                latest, first = max(days[topic.name]), min(days[need])
                if latest < min(first, met.get(need, first)):
                    yield f"{topic.name} (day {latest}) comes before {need}"


def _names(subject: str) -> frozenset[tuple[str, ...]]:
    return frozenset(stems(topic.name) for topic in curriculum_of(subject).topics)


def _taught(
    plan: Plan, topics: TopicList, others: frozenset[tuple[str, ...]]
) -> Iterator[tuple[str, int]]:
    """Yield each topic that the outline teaches, with the first week that does."""
    by_name = {stems(topic.name): topic.name for topic in topics.topics}
    seen: set[str] = set()
    for week, focus in plan.focus():
        if stems(focus) in others:
            continue
        exact = by_name.get(stems(focus))
        for name in [exact] if exact else topics.named_in(focus):
            if name not in seen:
                seen.add(name)
                yield name, week


def _days_met(plan: Plan, topics: TopicList, *, is_broad: bool) -> dict[str, int]:
    """Return for each topic the first day on which a task of reading is about it.

    Of a broad topic, and of one that no such task names, revision counts, too.
    """
    read: dict[str, int] = {}
    revised: dict[str, int] = {}
    for placed in plan.tasks:
        is_revision = placed.task.category == "revision"
        is_reading = placed.task.category == "reading" or bool(_LESSON.match(placed.text))
        if is_revision or is_reading:
            is_read = not is_revision and not is_broad
            about = sentences(placed.text)[0] if is_read else placed.text
            for name in topics.named_in(about):
                (read if is_read else revised).setdefault(name, placed.day)
    return revised | read


def _days_of(plan: Plan, name: str, week: int, topics: TopicList) -> Iterator[int]:
    """Yield the days of a week with the most tasks that name a topic; all days if none does."""
    counts = Counter({(week - 1) * 7 + day: 0 for day in range(1, 8)})
    for placed in plan.tasks:
        if placed.week_number == week and name in topics.named_in(placed.text):
            counts[placed.day] += 1
    most = max(counts.values())
    yield from (day for day, count in counts.items() if count == most)
