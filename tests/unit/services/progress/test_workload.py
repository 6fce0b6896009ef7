"""Cushion, safe days and days behind, against a day-by-day simulation."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from src.domain.schedule import DaysOff
from src.services.progress.workload import (
    Capacity,
    DueWork,
    days_behind,
    expected_tasks,
    leeway,
)

TODAY = date(2026, 3, 4)
DAY = timedelta(days=1)


def due_work(*groups: tuple[int, int, int, float]) -> DueWork:
    """Build work from groups: days until due, tasks, open tasks, open minutes."""
    due, tasks, open_tasks, open_minutes = zip(*groups, strict=True)
    return DueWork(due, tasks, open_tasks, open_minutes)


WORK = st.lists(
    st.builds(
        lambda offset, tasks, completed, minutes: (
            offset,
            tasks,
            tasks - min(completed, tasks),
            minutes * (tasks > completed),
        ),
        st.integers(-10, 25),
        st.integers(1, 4),
        st.integers(0, 4),
        st.integers(0, 90),
    ),
    min_size=1,
    max_size=20,
).map(lambda groups: due_work(*groups))
CAPACITY = st.builds(
    lambda minutes, weekdays, used: Capacity(TODAY, minutes, DaysOff(weekdays), used),
    st.sampled_from([15, 30, 60]),
    st.frozensets(st.integers(0, 6), max_size=3),
    st.integers(0, 90),
)


def smallest_slack(work: DueWork, capacity: Capacity, idle_days: int) -> float:
    """Return the smallest slack of a learner who does nothing on the first days."""
    last = max(*work.due, 0)
    slacks = []
    for number in range(last + 1):
        available = sum(capacity.on(TODAY + n * DAY) for n in range(idle_days, number + 1))
        needed = zip(work.due, work.open_minutes, strict=True)
        slacks.append(available - sum(minutes for due, minutes in needed if due <= number))
    return min(slacks)


@given(WORK, CAPACITY)
def test_cushion_and_safe_days(work: DueWork, capacity: Capacity) -> None:
    """The cushion is the smallest slack; it stays positive for as many idle days as are safe."""
    assert leeway(work, capacity).cushion_minutes == smallest_slack(work, capacity, 0)
    safe = leeway(work, capacity).safe_days
    if any(work.open_minutes) and smallest_slack(work, capacity, 0) >= 0:
        assert smallest_slack(work, capacity, safe) >= 0
        assert smallest_slack(work, capacity, safe + 1) < 0
    elif smallest_slack(work, capacity, 0) < 0:
        assert safe == 0


def test_finished_plan_needs_no_cushion() -> None:
    assert leeway(due_work((0, 2, 0, 0)), Capacity(TODAY, 60, DaysOff())).safe_days == 0


def test_work_of_today_counts_against_today() -> None:
    work = due_work((0, 2, 1, 30), (1, 2, 2, 60))
    assert leeway(work, Capacity(TODAY, 60, DaysOff(), used_today=30)).cushion_minutes == 0
    assert leeway(work, Capacity(TODAY, 60, DaysOff(), used_today=60)).cushion_minutes == -30


def test_days_behind() -> None:
    """Three tasks a day, from the day before yesterday on."""
    work = due_work(*((n, 3, 3, 60) for n in range(-2, 4)))
    done_by_day = {0: 3, 1: 2, 3: 2, 4: 1, 6: 1, 7: 0, 9: 0, 10: -1, 18: -3}
    assert {done: days_behind(work, done) for done in done_by_day} == done_by_day
    assert expected_tasks(work) == 9
    assert days_behind(DueWork((), (), (), ()), 0) == 0
