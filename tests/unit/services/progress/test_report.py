"""Progress reports: histories of learners who travel, against a plain reading of the rules."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.domain.progress import Completion, ProgressFacts, TaskGroup, TaskGroups
from src.domain.schedule import DaysOff, ScheduleSettings
from src.services.progress.days import Reader, zone_of
from src.services.progress.figures import ProgressSummary
from src.services.progress.pace import Forecast, forecast
from src.services.progress.report import report
from src.services.progress.summary import done_work, summarize
from src.services.progress.timeline import timeline
from tests.support.plans import fortnight

DAY = timedelta(days=1)
NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
ZONES = st.sampled_from(sorted(available_timezones()))
EDGES = [
    # Daylight saving begins and ends in New York, Berlin, Lord Howe and Santiago.
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
    datetime(2026, 9, 6, 4, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
]


@st.composite
def completions(draw: st.DrawFn, now: datetime) -> tuple[Completion, ...]:
    """Draw what a learner has completed in the last weeks, here and there."""
    hours = draw(st.lists(st.integers(0, 24 * 40), max_size=40))
    zones = draw(st.lists(st.none() | ZONES, min_size=1, max_size=3))
    return tuple(
        Completion(now - timedelta(hours=each, minutes=each % 60), zones[each % len(zones)], 1, 30)
        for each in hours
    )


@st.composite
def histories(draw: st.DrawFn) -> tuple[ProgressFacts, Reader]:
    """Draw a learner's history and the moment at which they ask."""
    now = draw(st.sampled_from(EDGES)) + timedelta(minutes=draw(st.integers(-3_000, 3_000)))
    reader = Reader(now, zone_of(draw(ZONES)), draw(st.integers(0, 6)))
    off = DaysOff(draw(st.frozensets(st.integers(0, 6), max_size=2)))
    groups = TaskGroups.of([TaskGroup(1, 1, None, "light", "coding", 2, 1, 60, 30)])
    done = draw(completions(now))
    facts = ProgressFacts(fortnight(NOON), groups, done, ScheduleSettings(days_off=off))
    return facts, reader


def plain_day(moment: datetime, zone: str, rollover: int) -> date:
    """Return a learner's day, by the text that a clock on their wall would show."""
    shown = moment.astimezone(zone_of(zone)).strftime("%Y-%m-%d %H")
    day = date.fromisoformat(shown[:10])
    return day if int(shown[11:]) >= rollover else day - DAY


def plain_streak(days: Counter[date], off: DaysOff, end: date) -> tuple[int, date | None]:
    """Walk back from a day until the third miss within seven; return the count and the start."""
    missed: list[date] = []
    count, start, day = 0, None, end
    while day >= min(days):
        if days[day]:
            count, start = count + 1, day
        elif day not in off:
            missed.append(day)
            if sum(other < day + 7 * DAY for other in missed) > 2:
                break
        day -= DAY
    return count, start


@given(histories())
def test_days_and_streaks_by_a_plain_reading(history: tuple[ProgressFacts, Reader]) -> None:
    """Any zone, rollover, change of the clock and journey gives the same days and streaks."""
    facts, reader = history
    found = report(facts, reader)
    zone = reader.zone.key
    today = plain_day(reader.now, zone, reader.rollover)
    days = Counter(
        plain_day(each.completed_at, each.time_zone or zone, reader.rollover)
        for each in facts.completions
    )
    assert found.summary.as_of == today
    assert [(each.date, each.tasks, each.minutes) for each in found.completions] == [
        (day, days[day], 30 * days[day]) for day in sorted(days)
    ]
    current, longest = found.summary.streaks.current, found.summary.streaks.longest
    if not days:
        assert (current.count, longest.count) == (0, 0)
        return
    off = facts.schedule.days_off
    ends_today = max(*days, today - DAY)
    assert (current.count, current.start) == plain_streak(days, off, ends_today)
    assert longest.count == max(plain_streak(days, off, day)[0] for day in days)


@given(st.floats(1, 10_000), st.floats(0, 500), st.floats(0, 500), st.floats(0.1, 100))
def test_forecast_is_monotone_in_the_pace(
    minutes: float, pace: float, other: float, more: float
) -> None:
    """A learner who gets faster is never promised a later end."""
    before, after = (forecast(minutes, (each, other), NOON.date()) for each in (pace, pace + more))
    assert after is not None
    assert before is None or (
        after.earliest <= before.earliest
        and (before.latest is None or (after.latest is not None and after.latest <= before.latest))
    )


def test_forecast_without_pace() -> None:
    today = NOON.date()
    assert forecast(60, (0, 0), today) is None
    assert forecast(0, (0, 0), today) is None
    assert forecast(60, (30, 0), today) == Forecast(today + 2 * DAY, None)
    assert forecast(1e9, (0.001, 0.001), today) is None
    assert forecast(0, (30, 20), today) == Forecast(today, today)


def plan(done_days: int, *, tasks: int = 3) -> TaskGroups:
    """Return two weeks of which the first days are done: an hour a day, in a few tasks."""
    return TaskGroups.of(
        TaskGroup(
            number // 7 + 1,
            number % 7 + 1,
            None,
            "light" if number % 2 else "deep",
            "coding",
            tasks,
            tasks if number < done_days else 0,
            60,
            60 if number < done_days else 0,
        )
        for number in range(14)
    )


def summary_of(facts: ProgressFacts, reader: Reader) -> ProgressSummary:
    return summarize(facts, timeline(facts, reader), done_work(facts, reader), reader)


@pytest.mark.parametrize(
    ("done_days", "days_later", "state"),
    [
        (0, 0, "not_started"),
        (0, 1, "behind"),
        (1, 0, "on_track"),
        (2, 0, "ahead"),
        (3, 3, "on_track"),
        (2, 3, "behind"),
        (14, 3, "done"),
    ],
)
def test_states(done_days: int, days_later: int, state: str) -> None:
    """One completed day is an hour, done on the day before the reader looks."""
    now = NOON + days_later * DAY
    done = tuple(Completion(now - (n + 1) * DAY, None, 3, 60) for n in range(done_days))
    facts = ProgressFacts(fortnight(NOON), plan(done_days), done)
    summary = summary_of(facts, Reader(now, zone_of("UTC")))
    assert summary.state == state
    assert (summary.totals.progress == 100) == (state == "done")
    assert summary.planned_end == NOON.date() + 13 * DAY


def test_plan_without_tasks_is_not_done() -> None:
    """Older code could leave one. It is at 0 percent, and nothing of it was ever due."""
    summary = summary_of(
        ProgressFacts(fortnight(NOON), TaskGroups(), ()), Reader(NOON, zone_of("UTC"))
    )
    assert (summary.state, summary.totals.progress) == ("not_started", 0)
    assert (summary.planned_end, summary.forecast) == (NOON.date(), None)


def test_report_of_a_plan_half_done() -> None:
    """Sums by week, category and effort, and the pace of a learner who began a week ago."""
    now = NOON + 6 * DAY
    done = tuple(Completion(NOON + n * DAY, None, 3, 60) for n in range(7))
    found = report(ProgressFacts(fortnight(NOON), plan(7), done), Reader(now, zone_of("UTC")))
    assert {week: totals.progress for week, totals in found.weeks.items()} == {1: 100, 2: 0}
    assert found.by_category["coding"].total_minutes == 840
    assert set(found.by_effort) == {"light", "deep"}
    pace = found.summary.pace
    assert (pace.tasks_per_day_7, pace.minutes_per_day_28) == (3, 60)
    assert found.summary.forecast == Forecast(now.date() + 7 * DAY, now.date() + 7 * DAY)
    assert (found.summary.days_behind, found.summary.expected_tasks) == (0, 21)
    assert (found.summary.cushion_minutes, found.summary.safe_days) == (0, 1)


def test_pace_counts_the_last_days_up_to_today() -> None:
    """Neither the day before, nor the one after today, which travelling can bring about."""
    done = tuple(Completion(NOON - ago * DAY, None, 14, 28) for ago in (-1, 6, 6, 7, 7, 27, 27, 28))
    facts = ProgressFacts(fortnight(NOON - 60 * DAY), plan(0), done)
    pace = summary_of(facts, Reader(NOON, zone_of("UTC"))).pace
    assert (pace.tasks_per_day_7, pace.minutes_per_day_7) == (4, 8)
    assert (pace.tasks_per_day_28, pace.minutes_per_day_28) == (3, 6)


def test_own_due_dates_go_before_the_plan() -> None:
    moved = TaskGroup(1, 1, NOON.date() + 40 * DAY, "light", "coding", 1, 0, 60, 0)
    facts = ProgressFacts(fortnight(NOON), TaskGroups.of([moved]), ())
    summary = summary_of(facts, Reader(NOON, zone_of("UTC")))
    assert summary.planned_end == NOON.date() + 40 * DAY
