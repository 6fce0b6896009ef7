"""The cushion of a dated plan, which is the one that progress reports."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from src.domain.progress import Completion, ProgressFacts, TaskGroup, TaskGroups
from src.domain.schedule import DatedPlan, DaysOff, ScheduledTask, ScheduleSettings
from src.services.progress.days import Reader, zone_of
from src.services.progress.plan_dates import cushion_of, due_dates
from src.services.progress.summary import done_work, summarize
from src.services.progress.timeline import timeline
from tests.support.plans import fortnight

DAY = timedelta(days=1)
NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
ZONES = ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York"]

ROADMAP = fortnight(NOON - 3 * DAY)


def task(
    number: int,
    minutes: float,
    hours_ago: int | None,
    completed_tz: str | None,
    due_date: date | None = None,
) -> ScheduledTask:
    """Build a task of a plan with one task a day."""
    return ScheduledTask(
        id=str(number),
        week_number=number // 7 + 1,
        weekly_goal="Go",
        day_number=number % 7 + 1,
        text="Read",
        effort="light",
        category="reading",
        estimated_minutes=None,
        minutes=minutes,
        completed_at=None if hours_ago is None else NOON - timedelta(hours=hours_ago),
        completed_tz=completed_tz,
        created_at=NOON,
        due_date=due_date,
        is_moved_by_hand=False,
        date_changes=0,
    )


@st.composite
def plans(draw: st.DrawFn) -> DatedPlan:
    """Draw two weeks of tasks; some are completed, here and there, in the last two days."""
    dates = st.none() | st.integers(-5, 9).map(lambda number: NOON.date() + number * DAY)
    tasks = tuple(
        task(
            number,
            draw(st.sampled_from([10, 30, 60, 90])),
            draw(st.none() | st.integers(0, 48)),
            draw(st.none() | st.sampled_from(ZONES)),
            draw(dates),
        )
        for number in range(draw(st.integers(1, 8)))
    )
    off = DaysOff(draw(st.frozensets(st.integers(0, 6), max_size=2)))
    return DatedPlan(ROADMAP, ScheduleSettings(days_off=off), 0, tasks, None)


def facts_of(plan: DatedPlan) -> ProgressFacts:
    """Return the same plan as a store adds it up for a report, a group for each task."""
    groups = TaskGroups.of(
        TaskGroup(
            each.week_number,
            each.day_number,
            each.due_date,
            each.effort,
            each.category,
            1,
            is_done,
            each.minutes,
            each.minutes * is_done,
        )
        for each in plan.tasks
        for is_done in (each.completed_at is not None,)
    )
    done = tuple(
        Completion(each.completed_at, each.completed_tz, 1, each.minutes)
        for each in plan.tasks
        if each.completed_at
    )
    return ProgressFacts(plan.roadmap, groups, done, plan.settings)


@given(plans(), st.sampled_from(ZONES), st.integers(0, 6))
def test_cushion_is_that_of_the_report(plan: DatedPlan, zone: str, rollover: int) -> None:
    """Whatever zone a task was completed in, and whatever zone somebody reads in."""
    reader = Reader(NOON, zone_of(zone), rollover)
    facts = facts_of(plan)
    summary = summarize(facts, timeline(facts, reader), done_work(facts, reader), reader)
    cushion = cushion_of(plan, due_dates(plan, reader), plan.settings, reader)
    assert cushion == summary.cushion_minutes


def test_what_was_done_elsewhere_today_uses_up_no_minute_of_this_day() -> None:
    """In Kiritimati it is tomorrow already, so that today still has its hour for the next task."""
    reader = Reader(NOON, zone_of("UTC"))
    done = task(0, 60, 0, "Pacific/Kiritimati", NOON.date())
    plan = DatedPlan(ROADMAP, ScheduleSettings(), 0, (done, task(1, 60, None, None)), None)
    assert cushion_of(plan, due_dates(plan, reader), plan.settings, reader) == 0
