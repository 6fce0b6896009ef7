"""What the chaos run judges of what was bought twice."""

import pytest

from tests.support.bought import Bought
from tests.support.crash_report import LOST_LEASE, CrashPlan, CrashReport
from tests.support.data_plane import Database
from tests.support.keyed_load import KeyedLoad, Wish
from tests.support.onlookers import DatabaseLook, Readers

CALLS_PER_ROADMAP = 7
"""An outline, and two calls for each of three weeks."""


def faults(bought: Bought, log: str = "") -> list[str]:
    load = KeyedLoad("", learners=0)
    load.wishes.append(Wish("key", {"duration_weeks": 3}, answer={}))
    report = CrashReport(
        CrashPlan(0, 0, 0, 0), load, Readers("", load), DatabaseLook(Database("")), log=log
    )
    report.swept_after, report.bought = 0.0, bought
    return list(report.faults())


def test_what_was_in_flight_may_be_repeated() -> None:
    """As many calls as were in flight may be made again, and no more."""
    assert not faults(Bought(repeated=2, in_flight=2))
    assert faults(Bought(repeated=3, in_flight=2)) == ["3 calls repeated, more than were in flight"]


def test_kept_days_may_not_be_bought() -> None:
    """One call for days on record is one too many, whoever lost a lease."""
    fault = ["1 calls for days that were kept already"]
    assert faults(Bought(kept_already=1)) == fault
    assert faults(Bought(kept_already=1), LOST_LEASE) == fault


@pytest.mark.parametrize("lost_leases", [0, 1, 2])
def test_two_may_plan_side_by_side_for_a_lost_lease(lost_leases: int) -> None:
    """Workers that live repeat nothing, but for the calls of a roadmap per lost lease."""
    most, log = lost_leases * CALLS_PER_ROADMAP, f"{LOST_LEASE}: \n" * lost_leases
    assert not faults(Bought(of_the_living=most), log)
    assert faults(Bought(of_the_living=most + 1), log) == [
        f"{most + 1} calls repeated for workers that lived"
    ]
