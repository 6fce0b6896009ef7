"""The chaos run's accounting: what was bought twice, and whether a death excuses it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.support.bought import OUTLINE, Bought, Interruption, Part, Records, account

PORT, OTHER_PORT = 4_001, 4_002
DEATH = Interruption(at=20, until=20, born=5, model_ports=frozenset({PORT}))
OUTAGE = Interruption(at=20, until=22)
TAKEN_OVER = 25
GENERATION = ("id", "Learn Rust", 10, 60)


def call(started_at: float, week: int, port: int = PORT, *days: int) -> dict[str, Any]:
    kind = "week" if week else "outline"
    return {
        "kind": kind,
        "goal": "Learn Rust",
        "week_number": week,
        "days": list(days),
        "client_port": port,
        "started_at": started_at,
    }


def kept(at: float, *days: int, week: int = 1) -> dict[Part, float]:
    return dict.fromkeys(((week, day) for day in days), at)


def bought(
    kept: Mapping[Part, float],
    *calls: dict[str, Any],
    interruptions: Sequence[Interruption] = (DEATH,),
    handovers: Sequence[float] = (TAKEN_OVER,),
) -> Bought:
    records = Records(
        [GENERATION],
        [("id", week, day, moment) for (week, day), moment in kept.items()],
        [("id", moment) for moment in handovers],
    )
    return account(records, calls, interruptions)


def test_what_was_in_flight_may_be_bought_again() -> None:
    """A call that its worker's death cut off, and that is made again, is excused by that death."""
    found = bought(
        {OUTLINE: 15} | kept(40, 1, 2, 3, 4, 5, 6, 7),
        call(11, 0),
        call(19, 1),
        call(30, 1, OTHER_PORT),
    )
    assert (found.calls, found.repeated, found.in_flight) == (3, 1, 1)
    assert (found.of_the_living, found.kept_already, found.interruptions) == (0, 0, 1)


def test_a_lost_call_is_in_flight_once() -> None:
    """However much befalls a generation while nobody goes on with it, a call is lost once."""
    second = Interruption(at=21, until=22)
    found = bought(
        kept(40, 1, 2), call(19, 1, PORT, 1, 2), interruptions=(DEATH, second), handovers=()
    )
    assert (found.in_flight, found.interruptions) == (1, 2)


def test_what_was_kept_may_not() -> None:
    """A call for days of an unfinished week that the record held is told; no death excuses it."""
    found = bought(
        kept(18, 1, 2, 3, 4), call(12, 1, PORT, 1, 2, 3, 4), call(30, 1, OTHER_PORT, 1, 2, 3, 4)
    )
    assert (found.repeated, found.in_flight, found.kept_already) == (1, 0, 1)


def test_one_kept_day_is_enough() -> None:
    """A call that death cut off between two days is made again for what is missing alone."""
    record = kept(18, 1, 2) | kept(40, 3, 4)
    cut_off = call(12, 1, PORT, 1, 2, 3, 4)
    right = bought(record, cut_off, call(30, 1, OTHER_PORT, 3, 4))
    assert (right.repeated, right.in_flight, right.kept_already) == (1, 1, 0)
    wrong = bought(record, cut_off, call(30, 1, OTHER_PORT, 1, 2, 3, 4))
    assert (wrong.repeated, wrong.in_flight, wrong.kept_already) == (1, 1, 1)


def test_a_kept_outline_may_not_be_bought_again() -> None:
    """What holds for days holds for the outline."""
    found = bought({OUTLINE: 18}, call(12, 0), call(30, 0, OTHER_PORT))
    assert (found.repeated, found.in_flight, found.kept_already) == (1, 0, 1)


def test_the_living_have_no_excuse() -> None:
    """A call of another worker than the one that died is not excused."""
    found = bought(kept(40, 1), call(19, 1, OTHER_PORT, 1), call(30, 1, OTHER_PORT, 1))
    assert (found.repeated, found.in_flight, found.of_the_living) == (1, 0, 1)


def test_who_keeps_the_lease_keeps_what_was_asked() -> None:
    """A time without a database excuses who takes a generation over, not who goes on with it."""
    calls = call(19, 1, PORT, 1), call(30, 1, PORT, 1)
    same = bought(kept(40, 1), *calls, interruptions=(OUTAGE,), handovers=())
    assert (same.repeated, same.in_flight, same.of_the_living) == (1, 1, 1)
    other = bought(kept(40, 1), *calls, interruptions=(OUTAGE,))
    assert (other.repeated, other.in_flight, other.of_the_living) == (1, 1, 0)


@pytest.mark.parametrize(
    ("asked", "handover"),
    [
        pytest.param(19, 19.5, id="before the outage"),
        pytest.param(22.8, 21, id="before the first call"),
    ],
)
def test_another_handover_is_no_excuse(asked: float, handover: float) -> None:
    """Only the handover between what lost a call and its repetition makes this one right."""
    found = bought(
        kept(40, 1),
        call(asked, 1, PORT, 1),
        call(30, 1, PORT, 1),
        interruptions=(OUTAGE,),
        handovers=(handover,),
    )
    assert (found.repeated, found.in_flight, found.of_the_living) == (1, 1, 1)


def test_a_later_death_is_no_excuse() -> None:
    """A call that was made twice before its worker died was not repeated for that death."""
    found = bought(kept(40, 1), call(18, 1, PORT, 1), call(19, 1, PORT, 1))
    assert (found.repeated, found.of_the_living) == (1, 1)


def test_who_lost_a_lease_need_not_know_what_was_kept_since() -> None:
    """A worker that does not know yet of another one repeats calls, against nothing on record."""
    found = bought(kept(27, 1), call(26, 1, OTHER_PORT, 1), call(28, 1, PORT, 1), interruptions=())
    assert (found.repeated, found.of_the_living, found.kept_already) == (1, 1, 0)


def test_days_that_are_missing_are_no_repetition() -> None:
    """Days that were not asked for before, of a week that was, are bought once."""
    found = bought(
        kept(40, 1, 2, 3, 4, 5, 6, 7),
        call(19, 1, PORT, 1, 2, 3, 4),
        call(30, 1, OTHER_PORT, 5, 6, 7),
    )
    assert (found.repeated, found.in_flight) == (0, 1)


def test_a_call_without_days_counts_as_one_for_the_week() -> None:
    """Tasks in place of repeated ones, which the stand-in never makes necessary, are told."""
    found = bought(kept(18, 1, 2), call(12, 1, PORT, 1, 2), call(13, 1), interruptions=())
    assert (found.repeated, found.of_the_living) == (1, 1)


def test_a_generation_after_a_failed_one_is_told_apart() -> None:
    """What a wish's second generation buys is not a repetition of what its first one bought."""
    rows = [("first", "Learn Rust", 10, 25), ("second", "Learn Rust", 28, 60)]
    records = Records(rows, [("first", 1, 1, 18), ("second", 1, 1, 40)], [("first", 20)])
    found = account(records, [call(12, 1, PORT, 1), call(30, 1, PORT, 1)], [])
    assert (found.repeated, found.begun_anew, found.kept_already) == (0, 1, 0)
