"""Streaks, against a plain reading of their rules."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from src.domain.schedule import DaysOff
from src.services.progress.streaks import Run, Streaks, streaks

FIRST = date(2026, 3, 2)
OFFSETS = st.lists(st.integers(0, 40), max_size=30)
WEEKDAYS = st.frozensets(st.integers(0, 6), max_size=3)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def is_unbroken(start: date, end: date, done: set[date], off: DaysOff) -> bool:
    """Return whether no seven days in a row, from start to end, have three missed ones."""
    span = [start + timedelta(days=number) for number in range((end - start).days + 1)]
    missed = [each not in done and each not in off for each in span]
    return all(sum(missed[at : at + 7]) <= 2 for at in range(len(span)))


def by_definition(done: set[date], today: date, off: DaysOff) -> tuple[Run, Run]:
    """Return the current and the longest streak, by trying every pair of days."""
    days = sorted(done)
    if not days:
        return Run(), Run()
    runs = [
        Run(sum(start <= each <= end for each in days), start, end)
        for start in days
        for end in days
        if start <= end and is_unbroken(start, end, done, off)
    ]
    last = max(days[-1], today - timedelta(days=1))
    lasting = [run for run in runs if run.start and is_unbroken(run.start, last, done, off)]
    lasting = [run for run in lasting if run.end == days[-1]]
    count = max(run.count for run in runs)
    longest = next(
        run for run in sorted(runs, key=lambda run: run.end or today) if run.count == count
    )
    return max(lasting, key=lambda run: run.count, default=Run()), longest


@given(OFFSETS, st.integers(0, 45), WEEKDAYS)
def test_streaks_by_definition(offsets: list[int], today: int, weekdays: frozenset[int]) -> None:
    """Every history gives the streaks that a search through all pairs of days finds."""
    done, off = {day(number) for number in offsets}, DaysOff(weekdays)
    found = streaks(done, day(today), off)
    assert (found.current, found.longest) == by_definition(done, day(today), off)


def test_today_is_not_missed_yet() -> None:
    done = {day(0), day(1)}
    assert streaks(done, day(2)).current == Run(2, day(0), day(1))


def test_bridged_days_are_listed_and_do_not_count() -> None:
    found = streaks({day(0), day(3), day(4)}, day(5))
    assert found == Streaks(Run(3, day(0), day(4)), Run(3, day(0), day(4)), (day(1), day(2)))


def test_third_missed_day_breaks() -> None:
    assert streaks({day(0), day(1)}, day(5)).current == Run()
    assert streaks({day(0), day(1)}, day(4)).current.count == 2


def test_days_off_are_neutral() -> None:
    saturday_and_sunday = DaysOff(frozenset({5, 6}))
    fridays_and_mondays = {day(4), day(7), day(11), day(14)}
    found = streaks(fridays_and_mondays, day(15), DaysOff(frozenset({1, 2, 3, 5, 6})))
    assert found.current.count == 4
    assert found.bridged == ()
    assert streaks({day(4), day(7)}, day(8), saturday_and_sunday).bridged == ()
