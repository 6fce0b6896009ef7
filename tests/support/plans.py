"""Builders of the plans that tests store, and what is wrong with a stored one."""

import itertools
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from src.dao import Store
from src.domain.generation import GenerationRecord, Lease, NewGeneration, PlannedPart
from src.domain.plan import (
    DayReady,
    NewRoadmap,
    Outline,
    PlannedDay,
    PlannedTask,
    PlannedWeek,
    PlanRequest,
    WeekOutline,
)
from src.domain.plan_rules import day_violations, same_text_key
from src.domain.quotas import QuotaPolicies, Requester
from src.domain.roadmap import Roadmap
from src.domain.vocabulary import DAYS_PER_WEEK, MAX_WEEKS, Level

MOST_TASKS_PER_DAY = 6


def fortnight(created_at: datetime, *, roadmap_id: int = 1) -> Roadmap:
    """Build a roadmap of two weeks as a store returns it."""
    return Roadmap(
        roadmap_id=roadmap_id,
        user_id=UUID(int=1),
        description="Learn Go",
        level="beginner",
        duration_weeks=2,
        daily_hours=1,
        is_active=True,
        created_at=created_at,
    )


def new_roadmap(
    user_id: UUID | None = None,
    *,
    goal: str = "Learn Rust",
    weeks: int = 2,
    tasks_per_day: int = 3,
    daily_hours: float = 2,
    level: Level = "intermediate",
) -> NewRoadmap:
    """Build a complete plan, of a new user by default."""
    return NewRoadmap(
        lease_id=uuid4(),
        user_id=user_id or uuid4(),
        request=PlanRequest(goal=goal, duration_weeks=weeks, daily_hours=daily_hours, level=level),
        weeks=tuple(_week(number, tasks_per_day) for number in range(1, weeks + 1)),
    )


UNBOUNDED = QuotaPolicies(limits=(), budget_dollars=1e9, address_budget_dollars=1e9)
"""For generations and questions that no limit concerns."""


def asked_for(
    request: PlanRequest, user_id: UUID | None = None, key: str | None = None
) -> NewGeneration:
    """Build a request for a generation, of a new user by default."""
    requester = Requester(user_id=user_id or uuid4(), client_key="somewhere")
    return NewGeneration(requester=requester, request=request, idempotency_key=key)


async def begun(store: Store, roadmap: NewRoadmap) -> NewRoadmap:
    """Record the generation of a plan, so that it can be stored under its lease."""
    lease = Lease(lease_id=roadmap.lease_id, seconds=60)
    asked = asked_for(roadmap.request, roadmap.user_id, key=str(uuid4()))
    record = await store.generations.begin(asked, lease, UNBOUNDED)
    assert record.lease_id == roadmap.lease_id
    return roadmap


async def stored(store: Store, roadmap: NewRoadmap) -> Roadmap:
    return roadmap_of(await store.add_roadmap(await begun(store, roadmap)))


def roadmap_of(record: GenerationRecord) -> Roadmap:
    assert record.roadmap is not None
    return record.roadmap


def year_roadmap(user_id: UUID | None = None) -> NewRoadmap:
    """Build the largest plan that there is: 52 weeks of seven days of six tasks, 2,184 in all."""
    return new_roadmap(
        user_id, weeks=MAX_WEEKS, tasks_per_day=MOST_TASKS_PER_DAY, daily_hours=8, level="advanced"
    )


def roadmap_of_texts(texts: list[str], user_id: UUID | None = None) -> NewRoadmap:
    """Build a plan of one week whose first day has these tasks, and its other days none."""
    tasks = tuple(
        PlannedTask(text=text, effort="light", category="reading", estimated_minutes=5)
        for text in texts
    )
    day = PlannedDay(day_number=1, tasks=tasks)
    empty = new_roadmap(user_id, weeks=1)
    return empty.model_copy(
        update={"weeks": (PlannedWeek(week_number=1, goal=texts[0], days=(day,)),)}
    )


def parts_of(roadmap: NewRoadmap) -> list[PlannedPart]:
    """Return what a planner yields on its way to a plan, in order."""
    outline = (WeekOutline(week_number=w.week_number, goal=w.goal, focus=()) for w in roadmap.weeks)
    parts: list[PlannedPart] = [Outline(weeks=tuple(outline))]
    for week in roadmap.weeks:
        parts += (
            DayReady(week_number=week.week_number, weekly_goal=week.goal, day=day)
            for day in week.days
        )
        parts.append(week)
    return parts


def texts_of(roadmap: NewRoadmap) -> list[str]:
    """Return the text of every task, in the order in which they are to be done."""
    return [task.text for week in roadmap.weeks for day in week.days for task in day.tasks]


def _week(number: int, tasks_per_day: int) -> PlannedWeek:
    return PlannedWeek(
        week_number=number,
        goal=f"Goal of week {number}",
        days=tuple(_day(number, day, tasks_per_day) for day in range(1, DAYS_PER_WEEK + 1)),
    )


def _day(week_number: int, day_number: int, tasks: int) -> PlannedDay:
    # The later a task, the earlier in the alphabet: sorting by text is not sorting by position.
    return PlannedDay(
        day_number=day_number,
        tasks=tuple(
            PlannedTask(
                text=f"{chr(ord('z') - position)} of week {week_number}, day {day_number}",
                effort="deep" if position % 2 else "light",
                category="coding" if position % 2 else "reading",
                estimated_minutes=5 * (position + 1),
            )
            for position in range(tasks)
        ),
    )


def week_violations(
    week: PlannedWeek,
    week_number: int,
    request: PlanRequest,
    taken: frozenset[str] = frozenset(),
) -> list[str]:
    """Return what is wrong with the week of this number, a sentence each; empty when it is valid.

    `taken` holds the `same_text_key` of every task of the weeks before.
    """
    violations = []
    if week.week_number != week_number:
        violations.append(f"The week's number must be {week_number}.")
    if [day.day_number for day in week.days] != list(range(1, DAYS_PER_WEEK + 1)):
        violations.append(f"The days must be numbered 1 to {DAYS_PER_WEEK}, in order.")
    seen = set(taken)
    for day in week.days:
        violations += day_violations(day, request)
        for position, task in enumerate(day.tasks, start=1):
            key = same_text_key(task.text)
            if key in seen:
                violations.append(
                    f"Task {position} of day {day.day_number} repeats an earlier task."
                )
            seen.add(key)
    return violations


def roadmap_violations(request: PlanRequest, tasks: list[dict[str, Any]]) -> list[str]:
    """Return what is wrong with a roadmap's tasks in the API's answer, by every plan's rules."""
    found: list[str] = []
    taken: set[str] = set()
    by_week = {
        number: list(group)
        for number, group in itertools.groupby(tasks, key=lambda task: int(task["week_number"]))
    }
    if sorted(by_week) != list(range(1, request.duration_weeks + 1)):
        found.append("weeks are missing")
    for number, in_week in by_week.items():
        days = tuple(
            PlannedDay(
                day_number=day,
                tasks=tuple(
                    PlannedTask(
                        text=task["task_text"],
                        effort=task["effort"],
                        category=task["category"],
                        estimated_minutes=task["estimated_minutes"],
                    )
                    for task in in_day
                ),
            )
            for day, in_day in itertools.groupby(in_week, key=lambda task: task["day_number"])
        )
        week = PlannedWeek(week_number=number, goal=in_week[0]["weekly_goal"], days=days)
        found += week_violations(week, number, request, frozenset(taken))
        taken |= {same_text_key(task["task_text"]) for task in in_week}
    return found
