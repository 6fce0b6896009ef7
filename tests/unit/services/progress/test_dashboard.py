"""What to do today, and the streak over everything."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from src.domain.progress import Completion, ProgressFacts, TaskGroup
from src.domain.schedule import NO_SETTINGS, DaysOff, ScheduledTask
from src.services.progress.dashboard import due_groups, overall_streaks, tasks_for_today
from src.services.progress.days import Reader, zone_of
from src.services.progress.streaks import streaks
from tests.support.plans import fortnight

NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
TODAY = NOON.date()
DAY = timedelta(days=1)
READER = Reader(NOON, zone_of("UTC"))


@st.composite
def plans(draw: st.DrawFn) -> tuple[ProgressFacts, list[ScheduledTask]]:
    """Draw two weeks of tasks, and the same tasks in groups as a store adds them up."""
    tasks: list[ScheduledTask] = []
    groups: dict[tuple[object, ...], TaskGroup] = {}
    for number in range(14):
        for position in range(draw(st.integers(0, 3))):
            week, day = number // 7 + 1, number % 7 + 1
            due = draw(st.none() | st.integers(-9, 9))
            task = ScheduledTask(
                id=f"{number}-{position}",
                week_number=week,
                weekly_goal="Go",
                day_number=day,
                text="Read",
                effort=draw(st.sampled_from(["light", "deep"])),
                category="reading",
                estimated_minutes=None,
                minutes=draw(st.sampled_from([5, 20, 40, 90])),
                completed_at=draw(st.sampled_from([None, NOON])),
                completed_tz=None,
                created_at=NOON,
                due_date=None if due is None else TODAY + due * DAY,
                is_moved_by_hand=False,
                date_changes=0,
            )
            tasks.append(task)
            key = (week, day, task.due_date, task.effort, task.category)
            done = task.completed_at is not None
            group = groups.setdefault(key, TaskGroup(*key, 0, 0, 0, 0))
            groups[key] = group._replace(
                tasks=group.tasks + 1,
                completed_tasks=group.completed_tasks + done,
                minutes=group.minutes + task.minutes,
                completed_minutes=group.completed_minutes + task.minutes * done,
            )
    facts = ProgressFacts(
        fortnight(NOON - draw(st.integers(0, 20)) * DAY), tuple(groups.values()), ()
    )
    return facts, tasks


@given(plans())
def test_today_by_a_plain_reading(plan: tuple[ProgressFacts, list[ScheduledTask]]) -> None:
    """Looking at a few groups gives what looking at all tasks gives."""
    facts, tasks = plan
    start = facts.roadmap.created_at.date()
    due = {
        task.id: task.due_date or start + (7 * task.week_number + task.day_number - 8) * DAY
        for task in tasks
    }
    open_tasks = [task for task in tasks if task.completed_at is None]
    expected: list[str] = []
    minutes: float = 0
    for task in sorted(open_tasks, key=lambda task: due[task.id]):
        minutes += task.minutes
        if due[task.id] > TODAY or (expected and minutes > 60):
            break
        expected.append(task.id)
    chosen = {
        (group.week_number, group.day_number, group.due_date, group.effort)
        for group in due_groups(facts, READER)
    }
    fetched = [
        task
        for task in open_tasks
        if (task.week_number, task.day_number, task.due_date, task.effort) in chosen
    ]
    found = tasks_for_today(facts, fetched, READER)
    assert [task.id for task in found] == expected
    assert [task.due_date for task in found] == [due[task.id] for task in found]
    assert all(first.due_date <= second.due_date for first, second in pairwise(found))  # type: ignore[operator]


def done_on(*days: date) -> tuple[Completion, ...]:
    return tuple(
        Completion(datetime(d.year, d.month, d.day, 12, tzinfo=UTC), None, 1, 5) for d in days
    )


@given(st.lists(st.lists(st.integers(0, 40), max_size=20), max_size=3))
def test_no_roadmap_has_a_longer_streak(histories: list[list[int]]) -> None:
    """The one over everything counts every roadmap's days, and every day that is off in any."""
    all_facts = [
        ProgressFacts(
            fortnight(NOON - 60 * DAY, roadmap_id=number),
            (),
            done_on(*(TODAY - ago * DAY for ago in history)),
            replace(NO_SETTINGS, days_off=DaysOff(frozenset({number}))),
        )
        for number, history in enumerate(histories)
    ]
    overall = overall_streaks(all_facts, READER)
    for facts in all_facts:
        days = [each.completed_at.date() for each in facts.completions]
        own = streaks(days, TODAY, facts.schedule.days_off)
        assert own.longest.count <= overall.longest.count
        assert own.current.count <= overall.current.count
