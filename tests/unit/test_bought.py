"""The chaos run's accounting: what was bought twice, and whether a death excuses it."""

from typing import Any

from tests.support.bought import OUTLINE, Bought, Interruption, Records, account

PORT, OTHER_PORT = 4_001, 4_002
DEATH = Interruption(at=20, until=20, born=5, model_ports=frozenset({PORT}))
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


def bought(kept: dict[int, float], *calls: dict[str, Any]) -> Bought:
    rows = [("id", week, moment) for week, moment in kept.items()]
    return account(Records([GENERATION], rows), calls, [DEATH])


def test_what_was_in_flight_may_be_bought_again() -> None:
    """A call that its worker's death cut off, and that is made again, is excused by that death."""
    found = bought({OUTLINE: 15, 1: 40}, call(11, OUTLINE), call(19, 1), call(30, 1, OTHER_PORT))
    assert (found.calls, found.repeated, found.in_flight) == (3, 1, 1)
    assert (found.of_the_living, found.kept_already, found.interruptions) == (0, 0, 1)


def test_what_was_kept_may_not() -> None:
    """A call for a week that the record held already is told, and no death excuses it."""
    found = bought({1: 18}, call(12, 1), call(30, 1, OTHER_PORT))
    assert (found.repeated, found.in_flight, found.kept_already) == (1, 0, 1)


def test_the_living_have_no_excuse() -> None:
    """A call of another worker than the one that died is not excused."""
    found = bought({1: 40}, call(19, 1, OTHER_PORT), call(30, 1, OTHER_PORT))
    assert (found.repeated, found.in_flight, found.of_the_living) == (1, 0, 1)


def test_days_that_are_missing_are_no_repetition() -> None:
    """Days that were not asked for before, of a week that was, are bought once."""
    found = bought({1: 40}, call(19, 1, PORT, 1, 2, 3, 4), call(30, 1, OTHER_PORT, 5, 6, 7))
    assert (found.repeated, found.in_flight) == (0, 1)


def test_a_generation_after_a_failed_one_is_told_apart() -> None:
    """What a wish's second generation buys is not a repetition of what its first one bought."""
    rows = [("first", "Learn Rust", 10, 25), ("second", "Learn Rust", 28, 60)]
    records = Records(rows, [("first", 1, 18), ("second", 1, 40)])
    found = account(records, [call(12, 1), call(30, 1)], [])
    assert (found.repeated, found.begun_anew, found.kept_already) == (0, 1, 0)
