"""Checks `subject` and `coverage`: the plan is about its subject, and keeps what it announces.

Subject. Formula: the tasks whose text names a topic of the subject, divided by all tasks.
`topics.py` says what naming is. Where a goal means several subjects, each of them has to have its
part: at least half of an equal share.
Threshold: at least 70 %, for known subjects. Source: the product's rule; the topics come from the
syllabi in `syllabi/`.

Coverage. Formula: the topics in the outline's focus that a task of their week names, divided by all
of them; a topic of the syllabus that the outline names has to come in a task of the week, too. A
week without focus counts as a topic that is not covered.
Threshold: at least 95 %. Source: the product's rule.
"""

from collections.abc import Iterator

from benchmarks.plan_checks.plans import Plan
from benchmarks.plan_checks.topics import Topic, TopicList, topics_of
from benchmarks.plan_checks.verdict import Verdict, share

LEAST_SUBJECT = 0.7
LEAST_COVERAGE = 0.95
FAIR_PART = 0.5


def judge_subject(plan: Plan) -> Verdict:
    """Judge how many tasks are about the subjects that the goal means."""
    topics = topics_of(plan.goal.subjects)
    strangers = [placed.text for placed in plan.tasks if not topics.named_in(placed.text)]
    about = 1 - share(len(strangers), len(plan.tasks)) if plan.tasks else 0.0
    faults = [*_neglected(plan)]
    if about < LEAST_SUBJECT:
        example = f", for example not: {strangers[0]}" if strangers else ""
        faults.append(f"{about:.0%} of the tasks name a topic{example}")
    return Verdict(not faults, about, tuple(faults))


def _neglected(plan: Plan) -> Iterator[str]:
    """Yield the subjects that have less than half of an equal share of the tasks."""
    subjects = plan.goal.subjects
    if len(subjects) < 2:
        return
    for subject in subjects:
        topics = topics_of((subject,))
        part = share(sum(bool(topics.named_in(p.text)) for p in plan.tasks), len(plan.tasks))
        if part < FAIR_PART * LEAST_SUBJECT / len(subjects):
            yield f"{part:.0%} of the tasks are about {subject}"


def announced(plan: Plan) -> Iterator[tuple[int, str, TopicList]]:
    """Yield the week, the name, and a list of one for every topic that the outline announces."""
    topics = topics_of(plan.goal.subjects)
    for week, focus in plan.focus():
        yield week, focus, TopicList([Topic(focus)])
        for name in topics.named_in(focus):
            yield week, name, topics


def judge_coverage(plan: Plan) -> Verdict:
    """Judge whether the weeks keep what the outline announces."""
    texts: dict[int, list[str]] = {}
    for placed in plan.tasks:
        texts.setdefault(placed.week_number, []).append(placed.text)
    covered, missing = 0, []
    for week, name, topics in announced(plan):
        if any(name in topics.named_in(text) for text in texts.get(week, [])):
            covered += 1
        else:
            missing.append(f"week {week} does not name {name}")
    with_focus = {week for week, _ in plan.focus()}
    missing += [
        f"week {week} has no focus"
        for week in range(1, plan.goal.weeks + 1)
        if week not in with_focus
    ]
    coverage = share(covered, covered + len(missing))
    return Verdict(coverage >= LEAST_COVERAGE, coverage, tuple(missing))
