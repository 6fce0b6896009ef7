"""What to do today, and the streak over everything."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from src.domain.progress import Completion, ProgressFacts, TaskGroup, TaskGroups
from src.domain.roadmap import Task
from src.domain.schedule import NO_SETTINGS, DaysOff
from src.services.progress.dashboard import due_groups, overall_streaks, tasks_for_today
from src.services.progress.days import Reader, zone_of
from src.services.progress.streaks import streaks
from src.services.progress.timeline import timeline
from tests.support.plans import fortnight

NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
TODAY = NOON.date()
DAY = timedelta(days=1)
READER = Reader(NOON, zone_of("UTC"))


@st.composite
def plans(draw: st.DrawFn) -> tuple[ProgressFacts, dict[Task, float]]:
    """Draw two weeks of tasks with their minutes, and groups of them as a store adds them up.

    A task without an estimate has an equal share of the hour of its day.
    """
    tasks: dict[Task, float] = {}
    groups: dict[tuple[object, ...], TaskGroup] = {}
    for number in range(14):
        week, day = number // 7 + 1, number % 7 + 1
        of_day = draw(st.integers(0, 3))
        for position in range(of_day):
            due = draw(st.none() | st.integers(-9, 9))
            done_at = draw(st.sampled_from([None, NOON]))
            task = Task(
                id=f"{number}-{position}",
                roadmap_id=1,
                week_number=week,
                weekly_goal="Go",
                day_number=day,
                task_text="Read",
                effort=draw(st.sampled_from(["light", "deep"])),
                category="reading",
                completed=done_at is not None,
                completed_at=done_at,
                created_at=NOON,
                estimated_minutes=draw(st.sampled_from([None, 5, 20, 40, 90])),
                due_date=None if due is None else TODAY + due * DAY,
            )
            minutes = tasks[task] = task.estimated_minutes or 60 / of_day
            key = (week, day, task.due_date, task.effort, task.category)
            group = groups.setdefault(key, TaskGroup(*key, 0, 0, 0, 0))
            groups[key] = group._replace(
                tasks=group.tasks + 1,
                completed_tasks=group.completed_tasks + task.completed,
                minutes=group.minutes + minutes,
                completed_minutes=group.completed_minutes + minutes * task.completed,
            )
    facts = ProgressFacts(
        fortnight(NOON - draw(st.integers(0, 20)) * DAY), TaskGroups.of(groups.values()), ()
    )
    return facts, tasks


@given(plans())
def test_today_by_a_plain_reading(plan: tuple[ProgressFacts, dict[Task, float]]) -> None:
    """Looking at a few groups gives what looking at all tasks gives."""
    facts, tasks = plan
    start = facts.roadmap.created_at.date()
    due = {
        task.id: task.due_date or start + (7 * task.week_number + task.day_number - 8) * DAY
        for task in tasks
    }
    open_tasks = [task for task in tasks if not task.completed]
    expected: list[str] = []
    minutes = 0.0
    for task in sorted(open_tasks, key=lambda task: due[task.id]):
        minutes += tasks[task]
        if due[task.id] > TODAY or (expected and minutes > 60):
            break
        expected.append(task.id)
    chosen = {
        (group.week_number, group.day_number, group.due_date, group.effort)
        for group in due_groups(facts, timeline(facts, READER))
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
            TaskGroups(),
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
