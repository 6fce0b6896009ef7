"""The nine checks by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.plan_checks import (
    demand,
    hard_rules,
    order,
    readability,
    repetition,
    retrieval,
    subject,
    workload,
)
from benchmarks.plan_checks.plans import Plan
from benchmarks.plan_checks.verdict import Verdict


@dataclass(frozen=True)
class Check:
    """A check; its module says its formula, threshold and source.

    `figure` says what the figure of a verdict is. `known_only` checks are judged only where a
    curriculum is meant: nobody can know the topics of an unknown subject.
    """

    name: str
    judge: Callable[[Plan], Verdict]
    threshold: str
    figure: str
    known_only: bool = False

    def concerns(self, plan: Plan) -> bool:
        """Whether a plan is judged by the check."""
        return plan.goal.is_known or not self.known_only


CHECKS: Mapping[str, Check] = {
    check.name: check
    for check in (
        Check("hard rules", hard_rules.judge, "all", "rules satisfied"),
        Check("workload", workload.judge, "0.9 to 1.1 a day", "days and tasks within bounds"),
        Check("subject", subject.judge_subject, ">= 70 %", "tasks on the subject", known_only=True),
        Check("coverage", subject.judge_coverage, ">= 95 %", "topics covered", known_only=True),
        Check("order", order.judge, "0 violations", "violations"),
        Check("retrieval", retrieval.judge, "all topics", "topics that come back"),
        Check("demand", demand.judge, ">= 40 %, rising", "tasks that apply or more"),
        Check("repetition", repetition.judge, "<= 30 %, none twice", "tasks without own sentence"),
        Check("readability", readability.judge, "<= grade 10", "grade level"),
    )
}
