"""New dates for tasks, in random plans."""

from collections import defaultdict
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.domain.errors import ScheduleDoesNotFitError
from src.domain.schedule import DaysOff
from src.services.progress.rescheduling import DatedTask, Wanted, reschedule

START = date(2026, 3, 2)
DAY = timedelta(days=1)


@st.composite
def plans(draw: st.DrawFn) -> list[DatedTask]:
    """Draw a plan of up to three weeks, some of whose tasks are fixed somewhere."""
    tasks = []
    for number in range(draw(st.integers(1, 21))):
        for position in range(draw(st.integers(1, 3))):
            is_fixed = draw(st.booleans()) and draw(st.booleans())
            moved = draw(st.integers(-5, 30)) if is_fixed else 0
            tasks.append(
                DatedTask(
                    id=f"{number}-{position}",
                    week_number=number // 7 + 1,
                    day_number=number % 7 + 1,
                    minutes=draw(st.sampled_from([5, 20, 20.0 / 3, 45, 90, 240])),
                    due=START + (number + moved) * DAY,
                    is_fixed=is_fixed,
                )
            )
    return tasks


@st.composite
def requests(draw: st.DrawFn) -> Wanted:
    first_day = START + draw(st.integers(0, 30)) * DAY
    off = draw(st.integers(0, 20))
    return Wanted(
        strategy=draw(st.sampled_from(["as_planned", "shift", "compress", "spread"])),
        start=START,
        first_day=first_day,
        end=first_day + draw(st.integers(0, 90)) * DAY,
        days_off=DaysOff(
            draw(st.frozensets(st.integers(0, 6), max_size=3)),
            ((START + off * DAY, START + (off + draw(st.integers(0, 9))) * DAY),),
        ),
        minutes_per_day=draw(st.sampled_from([30, 60, 120, 480])),
    )


def applied(tasks: list[DatedTask], dates: dict[str, date]) -> list[DatedTask]:
    return [
        DatedTask(
            task.id,
            task.week_number,
            task.day_number,
            task.minutes,
            dates.get(task.id, task.due),
            task.is_fixed,
        )
        for task in tasks
    ]


@given(plans(), requests())
def test_every_schedule(tasks: list[DatedTask], wanted: Wanted) -> None:
    """Nothing is lost or out of order, no day is overfilled, and twice is once."""
    try:
        dates = reschedule(tasks, wanted)
    except ScheduleDoesNotFitError as error:
        assert_fits_until_the_named_end(tasks, wanted, error.earliest_end)
        return
    loose = [task for task in tasks if not task.is_fixed]
    assert list(dates) == [task.id for task in loose]
    assert all(earlier <= later for earlier, later in pairwise(dates.values()))
    assert not any(day in wanted.days_off for day in dates.values())
    assert_capacity(tasks, dates, wanted)
    if wanted.strategy != "as_planned" and dates:
        assert min(dates.values()) >= wanted.first_day
    if wanted.strategy == "compress" and dates:
        assert max(dates.values()) <= max(task.due for task in tasks)
    if wanted.strategy == "spread" and dates:
        assert max(dates.values()) <= wanted.end
    assert reschedule(tasks, wanted) == dates
    assert reschedule(applied(tasks, dates), wanted) == dates


def assert_capacity(tasks: list[DatedTask], dates: dict[str, date], wanted: Wanted) -> None:
    by_day: dict[date, list[DatedTask]] = defaultdict(list)
    for task in applied(tasks, dates):
        by_day[task.due].append(task)
    for day in set(dates.values()):
        total = sum(task.minutes for task in by_day[day])
        assert total <= wanted.minutes_per_day + 0.001 or len(by_day[day]) == 1


def assert_fits_until_the_named_end(
    tasks: list[DatedTask], wanted: Wanted, earliest_end: date | None
) -> None:
    """Expect that the named end is the first that does."""
    assert wanted.strategy in {"compress", "spread"}
    assert earliest_end is not None

    def until(end: date) -> Wanted:
        return Wanted(
            "spread", wanted.start, wanted.first_day, end, wanted.days_off, wanted.minutes_per_day
        )

    assert max(reschedule(tasks, until(earliest_end)).values()) == earliest_end
    with pytest.raises(ScheduleDoesNotFitError):
        reschedule(tasks, until(earliest_end - DAY))


def task(number: int, minutes: float = 60, *, is_fixed: bool = False) -> DatedTask:
    return DatedTask(str(number), 1, number, minutes, START + (number - 1) * DAY, is_fixed=is_fixed)


def wanted(strategy: str, **changes: object) -> Wanted:
    values = {
        "strategy": strategy,
        "start": START,
        "first_day": START,
        "end": START + 20 * DAY,
        "days_off": DaysOff(),
        "minutes_per_day": 60,
    }
    return Wanted(**(values | changes))  # type: ignore[arg-type]


def test_as_planned_skips_days_off() -> None:
    dates = reschedule(
        [task(5), task(6)], wanted("as_planned", days_off=DaysOff(frozenset({5, 6})))
    )
    assert list(dates.values()) == [START + 4 * DAY, START + 7 * DAY]


def test_shift_keeps_gaps() -> None:
    dates = reschedule([task(1), task(4)], wanted("shift", first_day=START + 9 * DAY))
    assert list(dates.values()) == [START + 9 * DAY, START + 12 * DAY]


def test_spread_ends_on_the_last_day() -> None:
    dates = reschedule([task(n, 30) for n in range(1, 5)], wanted("spread", end=START + 7 * DAY))
    assert list(dates.values()) == [START + n * DAY for n in (1, 3, 5, 7)]


def test_long_task_gets_a_day_alone() -> None:
    dates = reschedule([task(1, 10), task(2, 300), task(3, 10)], wanted("as_planned"))
    assert list(dates.values()) == [START, START + DAY, START + 2 * DAY]


def test_days_off_without_end() -> None:
    never = DaysOff(frozenset(), ((START, date.max),))
    with pytest.raises(ScheduleDoesNotFitError) as caught:
        reschedule([task(1)], wanted("as_planned", days_off=never))
    assert caught.value.earliest_end is None
