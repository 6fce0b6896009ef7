"""Each check passes a good plan and finds what is spoilt in it."""

from random import Random

import pytest

from benchmarks.plan_checks.checks import CHECKS
from benchmarks.plan_checks.faults import FAULTS
from benchmarks.plan_checks.plans import Plan
from src.domain.plan import PlannedWeek
from tests.support.good_plans import SAMPLES, good_plan

PYTHON, *_, ONE_WEEK = SAMPLES


@pytest.fixture(scope="module")
def plans() -> tuple[Plan, Plan]:
    """Return a good plan of four weeks, and one of one week."""
    return good_plan(PYTHON), good_plan(ONE_WEEK)


@pytest.mark.parametrize("check", CHECKS)
def test_good_plans_pass(check: str, plans: tuple[Plan, Plan]) -> None:
    for plan in plans:
        assert CHECKS[check].judge(plan).faults == ()
        assert CHECKS[check].judge(plan).passed


@pytest.mark.parametrize(
    ("check", "fault"), [(check, fault) for check, faults in FAULTS.items() for fault in faults]
)
def test_spoilt_plans_fail(check: str, fault: str, plans: tuple[Plan, Plan]) -> None:
    """The fault is injected where a plan has room for it, and is found with a reason."""
    spoilt = [FAULTS[check][fault](plan, Random(1)) for plan in plans]
    verdicts = [CHECKS[check].judge(plan) for plan in spoilt if plan is not None]
    assert verdicts
    for verdict in verdicts:
        assert not verdict.passed
        assert verdict.faults


@pytest.mark.parametrize("check", CHECKS)
def test_plan_that_failed_fails(check: str) -> None:
    """Where the model gave no plan, no check passes for want of anything to judge."""
    assert not CHECKS[check].judge(Plan(PYTHON, ())).passed


def test_weeks_may_be_planned_at_once(plans: tuple[Plan, Plan]) -> None:
    """A model's plan may bring the days of all weeks before the first complete week."""
    first, *others = plans[0].parts
    days_first = sorted(others, key=lambda part: isinstance(part, PlannedWeek))
    assert CHECKS["hard rules"].judge(Plan(PYTHON, (first, *days_first))).passed


def test_every_check_has_at_least_three_faults() -> None:
    assert FAULTS.keys() == CHECKS.keys()
    assert min(map(len, FAULTS.values())) >= 3
