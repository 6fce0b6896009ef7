"""Plans that a good teacher could have written, put together from the sentences of curricula.

They are no planner's: each topic is read about, practised twice and challenged, in that order,
with growing gaps. The checks of plans have to pass them, and to find what is spoilt in them.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from heapq import heappop, heappush
from typing import Any

from benchmarks.plan_checks.edits import rebuild
from benchmarks.plan_checks.plans import Goal, Plan
from benchmarks.plan_checks.topics import CURRICULA, read_toml
from src.domain.plan import Outline, PlannedDay, PlannedTask, PlannedWeek, WeekOutline
from src.domain.plan_rules import TASKS_PER_DAY
from src.domain.vocabulary import DAYS_PER_WEEK, Category, Effort

NEW_TOPICS_UNTIL = 0.66
"""The share of the plan in which topics are begun; the rest brings them back."""

GAP = 0.16
TASKS_PER_TOPIC = 4
MOST_PER_WEEK = 6

SAMPLES = (
    Goal("programming", "Learn Python", ("python",), 4, 1, "beginner"),
    Goal("cloud", "Kubernetes", ("kubernetes",), 4, 2, "beginner"),
    Goal("craft", "Watercolour painting", ("watercolour",), 4, 1.5, "beginner"),
    Goal("instrument", "Play the guitar", ("guitar",), 4, 1, "beginner"),
    Goal("sport", "Run a 10K", ("running",), 5, 1, "beginner"),
    Goal("study", "Statistics", ("statistics",), 4, 2, "beginner"),
    Goal("language", "Spanish for travelling", ("spanish",), 4, 1, "beginner"),
    Goal("craft", "Knitting", ("knitting",), 1, 1, "beginner"),
)


@cache
def good_plans() -> tuple[Plan, ...]:
    """Return a plan for each sample."""
    return tuple(map(good_plan, SAMPLES))


def good_plan(goal: Goal) -> Plan:
    """Return a plan for one known subject; a beginner's plan has two tasks a day."""
    per_day = TASKS_PER_DAY[goal.level][0]
    days = goal.weeks * DAYS_PER_WEEK
    topics = read_toml(CURRICULA / f"{goal.subjects[0]}.toml")["topics"]
    count = min(-(-days * per_day // TASKS_PER_TOPIC), len(topics), goal.weeks * MOST_PER_WEEK)
    tasks = _in_order(topics[:count], days, per_day)
    taught: dict[int, list[str]] = {week: [] for week in range(1, goal.weeks + 1)}
    minutes = _minutes(round(goal.hours * 60), per_day)
    weeks = []
    for number in taught:
        planned_days = []
        for day in range(1, DAYS_PER_WEEK + 1):
            todays = [next(tasks) for _ in range(per_day)]
            taught[number] += [name for name, _, category in todays if category == "reading"]
            planned_days.append(
                PlannedDay(day_number=day, tasks=tuple(map(_task, todays, minutes)))
            )
        weeks.append(PlannedWeek(week_number=number, goal="", days=tuple(planned_days)))
    outline = Outline(
        weeks=tuple(
            WeekOutline(
                week_number=number,
                goal=f"By the end of week {number} you can use {', '.join(names) or 'it all'}",
                focus=tuple(names or taught[number - 1][:1]),
            )
            for number, names in taught.items()
        )
    )
    named = [
        week.model_copy(update={"goal": announced.goal})
        for week, announced in zip(weeks, outline.weeks, strict=True)
    ]
    return rebuild(Plan(goal, ()), outline, named)


def _in_order(
    topics: list[Mapping[str, Any]], days: int, per_day: int
) -> Iterator[tuple[str, str, Category]]:
    """Yield topic, text and category, each when it is due, and none before its topic is read of."""
    pace = max(1.0, NEW_TOPICS_UNTIL * days / len(topics))
    due: list[tuple[float, int, tuple[str, str, Category]]] = []
    for number, topic in enumerate(topics):
        begin = 1 + number * pace
        gap = max(2.0, GAP * (days - begin))
        work: tuple[tuple[float, str, Category], ...] = (
            (begin, f"Read about {topic['name']}. {topic['explain']}", "reading"),
            (begin + 0.5, _named(topic, topic["practice"][0]), "practice"),
            (begin + gap, _named(topic, topic["practice"][1]), "practice"),
            (begin + 2 * gap, _named(topic, topic["challenge"]), "practice"),
        )
        for when, text, category in work:
            heappush(due, (when, number, (topic["name"], text, category)))
    for topic in topics:
        for extra in topic["practice"][2:]:
            heappush(due, (days + 1, len(due), (topic["name"], _named(topic, extra), "practice")))
    for _ in range(days * per_day):
        yield heappop(due)[2]


def _named(topic: Mapping[str, Any], text: str) -> str:
    name = str(topic["name"])
    return f"{name[0].upper()}{name[1:]}: {text}"


def _minutes(budget: int, count: int) -> list[int]:
    """Divide a day's minutes in steps of five, the rest to the last."""
    part = budget // count // 5 * 5
    return [*[part] * (count - 1), budget - part * (count - 1)]


def _task(task: tuple[str, str, Category], minutes: int) -> PlannedTask:
    effort: Effort = "light" if task[2] == "reading" else "medium"
    return PlannedTask(text=task[1], effort=effort, category=task[2], estimated_minutes=minutes)
