"""Check `repetition`: nothing is stamped out, and nothing stands twice.

Formula, for a plan: the tasks that repeat another one, as the registry judges by which the service
itself refuses a model's repeats; the largest share of tasks that have one sentence's skeleton in
common; and the share of tasks that have no sentence of their own, which is a skeleton that no other
task of the plan has. For the skeletons the names of topics and of the subject, numbers, and what
is quoted are masked (`skeletons.py`). For two plans of equal length and level for different
subjects: the tasks of which the whole skeleton stands in the other plan, too, divided by all tasks;
a skeleton is the same from the similarity on by which the registry calls two texts a repeat. Twelve
weeks are compared, and of the shorter plan's tasks a hundred, evenly spread.
Threshold: no repeats; each share at most 30 %; for two subjects at most 20 %; and no reference to
another day or week that is not true (`references.py`). The figure of a plan is the share of its
tasks that have no sentence of their own. Two plans for unknown subjects are not compared: all that
can be said of either is how to begin with something unknown.
Source: the product's rule; `src.llm.openrouter.repeats` for what a repeat is.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from rapidfuzz import fuzz, process

from benchmarks.plan_checks.plans import Goal, Plan
from benchmarks.plan_checks.references import untrue_references
from benchmarks.plan_checks.skeletons import mask_of
from benchmarks.plan_checks.verdict import Verdict, share
from src.llm.openrouter.repeats import MIN_SIMILARITY, TaskRegistry

MOST_STAMPED = 0.3
MOST_SHARED = 0.2
COMPARED_WEEKS = 12
COMPARED_TASKS = 100


@dataclass(frozen=True)
class Stamps:
    """The skeletons of a plan's whole tasks, to be compared with another plan's."""

    goal: Goal
    tasks: tuple[str, ...]


def judge(plan: Plan) -> Verdict:
    """Judge the repetition within a plan, and its references."""
    mask = mask_of(plan)
    texts = [placed.text for placed in plan.tasks]
    skeletons = [set(mask.skeletons(text)) for text in texts]
    counts = Counter(skeleton for task in skeletons for skeleton in task)
    commonest, count = max(counts.items(), key=lambda item: item[1], default=("", 0))
    without_own = sum(all(counts[skeleton] > 1 for skeleton in task) for task in skeletons)
    stamped = share(without_own, len(texts))
    faults = [f"repeats: {texts[index]}" for index in TaskRegistry().find_repeats(texts)]
    if share(count, len(texts)) > MOST_STAMPED and count > 1:
        faults.append(f"{count} tasks of {len(texts)} say: {commonest}")
    if stamped > MOST_STAMPED:
        faults.append(f"{stamped:.0%} of the tasks have no sentence of their own")
    faults += untrue_references(plan)
    return Verdict(bool(texts) and not faults, stamped, tuple(faults))


def stamps_of(plan: Plan) -> Stamps:
    """Return what other plans are compared by."""
    mask = mask_of(plan)
    return Stamps(
        plan.goal,
        tuple(mask.whole(p.text) for p in plan.tasks if p.week_number <= COMPARED_WEEKS),
    )


def shared_tasks(one: Stamps, other: Stamps) -> float:
    """Return the share of a plan's tasks that another plan has as well."""
    shorter, longer = sorted((one.tasks, other.tasks), key=len)
    sample = shorter[:: -(-len(shorter) // COMPARED_TASKS) or 1]
    if not sample:
        return 0.0
    alike = sum(
        process.extractOne(task, longer, scorer=fuzz.ratio, score_cutoff=MIN_SIMILARITY) is not None
        for task in sample
    )
    return share(alike, len(sample))


def pairs(plans: Sequence[Stamps]) -> Iterator[tuple[Stamps, Stamps]]:
    """Yield the pairs of plans of equal length and level for different subjects."""
    for one, other in combinations(plans, 2):
        alike = (one.goal.weeks, one.goal.level) == (other.goal.weeks, other.goal.level)
        if alike and not set(one.goal.subjects) & set(other.goal.subjects):
            yield one, other
