"""Faults for good plans, to see that the checks find them.

A fault takes a plan and some randomness, and returns a spoilt plan; None where the plan has no room
for it (the weeks of a plan of one week cannot change places). What spoils a plan is said in the
terms of the learner: the fault does not know how its check counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from benchmarks.plan_checks.checks import CHECKS
from benchmarks.plan_checks.faults import content, structure, wording
from benchmarks.plan_checks.faults.fault import Fault
from benchmarks.plan_checks.plans import Plan

ROUNDS = 3
"""How often each fault is injected into each plan, each time elsewhere."""

FAULTS: Mapping[str, Mapping[str, Fault]] = {
    "hard rules": structure.HARD_RULES,
    "workload": structure.WORKLOAD,
    "subject": content.SUBJECT,
    "coverage": content.COVERAGE,
    "order": structure.ORDER,
    "retrieval": content.RETRIEVAL,
    "demand": wording.DEMAND,
    "repetition": wording.REPETITION,
    "readability": wording.READABILITY,
}
"""The faults that each check has to find, by what they are."""


@dataclass(frozen=True)
class Catch:
    """A fault that was injected, and whether its check found it."""

    check: str
    fault: str
    caught: bool


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
