"""The planner that works without a model."""

import logging
import re
import unicodedata
from collections import Counter

import pytest

from src.domain.plan import (
    DayReady,
    ModelUsage,
    Outline,
    PlannedDay,
    PlannedTask,
    PlannedWeek,
    PlanRequest,
)
from src.domain.plan_rules import outline_violations, same_text_key, tasks_for_day
from src.domain.vocabulary import Level
from src.llm.offline.curriculum import curriculum
from src.llm.offline.exercises import EXERCISES
from src.llm.offline.planner import OfflinePlanner
from src.llm.offline.schedule import minutes_of
from src.llm.offline.subject import MAX_SUBJECT_LENGTH, subject_of
from src.llm.offline.topics import PHASES, TOPICS
from tests.support.plans import week_violations

LEVELS: tuple[Level, ...] = ("beginner", "intermediate", "advanced")
EFFORTS = ("light", "medium", "deep")
GOAL = "Learn Python for data science"
COMBINATIONS: list[tuple[Level, int, float]] = [
    *(("intermediate", weeks, 2.0) for weeks in (1, 2, 3, 4, 5, 6, 9, 12, 20, 33, 51, 52)),
    *(("beginner", weeks, 0.5) for weeks in (1, 2, 5, 26)),
    *(("advanced", weeks, 8.0) for weeks in (1, 3, 11, 52)),
    ("beginner", 4, 8.0),
    ("advanced", 4, 0.5),
    *(("intermediate", 3, hours / 2) for hours in range(1, 17)),
]
"""Every level, daily time and kind of length. Not every pair of them: a day depends on level and
time, an order of topics on level and length, and both meet in the longest plan of full days."""

ODD_GOALS = [
    "x",
    "7",
    "!!!",
    "Learn",
    "play the guitar",
    "Spanish",
    "学习日语",
    "تعلم العربية",
    "🎻",
    "{aspect} {0} {",
    "%s %d",
    "learn\n\n\tto\u0007 cook\u2028well\u202e",
    "word " * 400,
    "字" * 2000,
    "a" * 2000,
    "Become a nurse. I have two years, because my family moves abroad then.",
]
Plan = tuple[Outline, list[PlannedWeek]]
PLANS: dict[PlanRequest, Plan] = {}


def request_of(level: Level, weeks: int, hours: float, goal: str = GOAL) -> PlanRequest:
    return PlanRequest(goal=goal, level=level, duration_weeks=weeks, daily_hours=hours)


async def get_plan(request: PlanRequest) -> Plan:
    """Return the plan; many tests look at the same ones, so each is planned once."""
    if request not in PLANS:
        PLANS[request] = await plan_anew(request)
    return PLANS[request]


async def plan_anew(request: PlanRequest) -> Plan:
    parts = [part async for part in OfflinePlanner().plan(request)]
    outline, *_rest, usage = parts
    assert isinstance(outline, Outline)
    assert usage == ModelUsage(model="offline")
    weeks = [part for part in parts if isinstance(part, PlannedWeek)]
    days = [part for part in parts if isinstance(part, DayReady)]
    assert [(day.week_number, day.weekly_goal, day.day) for day in days] == [
        (week.week_number, week.goal, day) for week in weeks for day in week.days
    ]
    return outline, weeks


def tasks_of(week: PlannedWeek) -> list[PlannedTask]:
    return [task for day in week.days for task in day.tasks]


def text_of(day: PlannedDay) -> str:
    return " ".join(task.text for task in day.tasks)


def assert_keeps_the_rules(
    request: PlanRequest, outline: Outline, weeks: list[PlannedWeek]
) -> None:
    assert outline_violations(outline, request) == []
    assert len(weeks) == request.duration_weeks
    assert [week.goal for week in weeks] == [week.goal for week in outline.weeks]
    taken: frozenset[str] = frozenset()
    for number, week in enumerate(weeks, start=1):
        assert week_violations(week, number, request, taken) == []
        taken |= {same_text_key(task.text) for task in tasks_of(week)}


def assert_days_suit(request: PlanRequest, day: PlannedDay) -> None:
    """Assert that level and hours decide the number of tasks, whose minutes fill the day."""
    minutes = [task.estimated_minutes or 0 for task in day.tasks]
    assert len(day.tasks) == tasks_for_day(request.level, request.daily_hours)
    assert 0.6 * request.daily_hours * 60 <= sum(minutes) <= request.daily_hours * 60
    # Within a day no task takes longer than one of greater effort.
    by_effort = sorted(zip(map(EFFORTS.index, (t.effort for t in day.tasks)), minutes, strict=True))
    assert [each for _, each in by_effort] == sorted(minutes)


@pytest.mark.parametrize(("level", "weeks", "hours"), COMBINATIONS)
async def test_a_plan_is_complete_and_keeps_the_rules(
    level: Level, weeks: int, hours: float
) -> None:
    """Every day fits, every week mixes efforts and categories, and no text repeats in the plan."""
    request = request_of(level, weeks, hours)
    outline, plan = await get_plan(request)
    assert_keeps_the_rules(request, outline, plan)
    for week in plan:
        for day in week.days:
            assert_days_suit(request, day)
        assert {task.effort for task in tasks_of(week)} == set(EFFORTS)
        assert {task.category for task in tasks_of(week)} == {
            *("reading", "coding", "revision", "practice")
        }
    texts = [task.text for week in plan for task in tasks_of(week)]
    assert len(set(map(same_text_key, texts))) == len(texts)


@pytest.mark.parametrize("level", LEVELS)
def test_phases_progress_from_foundations_to_consolidation(level: Level) -> None:
    """Phases never go back; from two weeks on all occur, and no aspect is taught twice."""
    for weeks in range(1, 53):
        lessons = [lesson for week in curriculum(level, weeks) for lesson in week.lessons]
        order = [PHASES.index(lesson.phase) for lesson in lessons]
        assert order == sorted(order)
        assert len(lessons) == 6 * weeks
        assert len({lesson.aspect for lesson in lessons}) == len(lessons)
        # A single week has its last day for consolidation.
        assert set(order) == (set(range(5)) if weeks > 1 else set(range(4)))


@pytest.mark.parametrize(
    ("level", "weeks", "by_phase"),
    [
        ("intermediate", 5, [1, 1, 1, 1, 1]),
        ("intermediate", 12, [2, 3, 3, 3, 1]),
        ("beginner", 52, [12, 14, 11, 10, 5]),
        ("advanced", 52, [8, 14, 12, 12, 6]),
    ],
)
def test_phases_take_their_share_of_the_weeks(
    level: Level, weeks: int, by_phase: list[int]
) -> None:
    """Shares are rounded to whole weeks so that none loses more than it must."""
    counts = Counter(week.phases for week in curriculum(level, weeks))
    assert [counts[(phase,)] for phase in PHASES] == by_phase


@pytest.mark.parametrize(("level", "position"), list(zip(LEVELS, (0, 2, 4), strict=True)))
def test_a_level_begins_where_it_belongs(level: Level, position: int) -> None:
    """With two days for a topic, beginners get its easiest aspects and the advanced its hardest."""
    aspects_by_topic = {t.name: t.aspects for of_phase in TOPICS.values() for t in of_phase}
    for week in curriculum(level, 12):
        for topic in week.topics:
            taught = tuple(lesson.aspect for lesson in week.lessons if lesson.topic == topic)
            assert taught == aspects_by_topic[topic][position : position + 2]


@pytest.mark.parametrize(
    ("level", "weeks"), [("beginner", 2), ("intermediate", 5), ("advanced", 12), ("advanced", 52)]
)
async def test_a_review_day_returns_to_earlier_weeks_by_name(level: Level, weeks: int) -> None:
    """Day 7 names the weeks 1, 2, 4 and 8 weeks ago, each with one of its own topics."""
    outline, plan = await get_plan(request_of(level, weeks, 2))
    for week in plan:
        text = text_of(week.days[6])
        for gap in (1, 2, 4, 8):
            if week.week_number > gap:
                earlier = outline.weeks[week.week_number - gap - 1]
                named = [f"week {earlier.week_number} ({topic})" for topic in earlier.focus]
                assert any(name in text for name in named), text


@pytest.mark.parametrize(("level", "hours"), list(zip(LEVELS, (0.5, 2.5, 8), strict=True)))
async def test_the_first_review_day_returns_to_its_own_days(level: Level, hours: float) -> None:
    _, plan = await get_plan(request_of(level, 12, hours))
    assert "day 1 of this week (" in text_of(plan[0].days[6])


@pytest.mark.parametrize(
    ("level", "weeks"), [("beginner", 2), ("intermediate", 5), ("advanced", 12), ("advanced", 52)]
)
async def test_the_project_grows_by_a_step_each_week(level: Level, weeks: int) -> None:
    """Each week's sixth day builds on the week before, and the project's milestones count up."""
    _, plan = await get_plan(request_of(level, weeks, 1))
    steps = [text_of(week.days[5]) for week in plan]
    assert "step 1:" in steps[0]
    for number, step in enumerate(steps[1:], start=2):
        assert f"step {number}:" in step or "milestone" in step
        assert f"step {number - 1}" in step or f"week {number - 1}" in step
    found = [re.search(r"milestone (\d+) of (\d+)", step) for step in steps]
    milestones = [(int(match[1]), int(match[2])) for match in found if match]
    total = len(milestones)
    assert milestones == [(number, total) for number in range(1, total + 1)]


@pytest.mark.parametrize("weeks", [1, 6])
@pytest.mark.parametrize(("level", "hours"), list(zip(LEVELS, (1, 3, 8), strict=True)))
async def test_the_last_day_takes_up_the_first(level: Level, weeks: int, hours: float) -> None:
    """The plan opens with what is known already, and closes by comparing with it."""
    _, plan = await get_plan(request_of(level, weeks, hours))
    assert weeks > 1 or "Small project" in text_of(plan[0].days[5])
    assert "keep the page for the last day" in plan[0].days[0].tasks[0].text
    assert "the page from the first day" in plan[-1].days[6].tasks[-1].text


@pytest.mark.parametrize("goal", ODD_GOALS)
async def test_any_goal_gets_a_valid_plan_that_names_it(goal: str) -> None:
    """A goal in any script, of any length and with any character in it is planned for.

    A year for one of them is enough: a goal changes the wording alone.
    """
    request = request_of("advanced", 52 if goal == ODD_GOALS[-1] else 3, 8, goal)
    outline, plan = await get_plan(request)
    assert_keeps_the_rules(request, outline, plan)
    subject = subject_of(goal)
    assert all(subject in week.goal for week in outline.weeks)
    assert 0 < len(subject) <= MAX_SUBJECT_LENGTH + len("ing")
    assert not any(unicodedata.category(c) in {"Cc", "Zl", "Zp"} for c in subject)
    assert "\u202e" not in subject
    assert subject == " ".join(subject.split())


@pytest.mark.parametrize(
    ("goal", "subject"),
    [
        ("Learn Python for data science", "Python for data science"),
        ("I want to learn to play chess so that I can beat my sister", "playing chess"),
        ("play the guitar", "playing the guitar"),
        ("I'd like to improve my public speaking in 3 months.", "your public speaking"),
        ("学习日语", "日语"),
        ("Master Node.js and React 18. I know some HTML.", "Node.js and React 18"),
        ("Design patterns", "Design patterns"),
        ("Run a marathon", "running a marathon"),
        ("Spanish", "Spanish"),
        ("x", "x"),
        ("!!!", "!!!"),
        ("Learn .NET and my.cnf", ".NET and my.cnf"),
        ("Learn `git log --oneline`", "`git log --oneline`"),
        ("Learn - well - C++!", "well - C++"),
        ('Learn print("x", end="")', 'print("x", end="")'),
        ('Learn std::cout << "hi"', 'std::cout << "hi"'),
        ('Learn "Für Elise"', "Für Elise"),
        (
            "Draw 👩\u200d💻 and 🏴\U000e0067\U000e0062\U000e007f",
            "drawing 👩\u200d💻 and 🏴\U000e0067\U000e0062\U000e007f",
        ),
        ("Learn f(x) = \u202ax\u202c", "f(x) = x"),
    ],
)
def test_a_subject_is_what_the_goal_is_about(goal: str, subject: str) -> None:
    """Phrases like "I want to", reasons and deadlines are left out, and verbs become nouns."""
    assert subject_of(goal) == subject


def test_a_long_goal_is_cut_between_words() -> None:
    subject = subject_of("ornithology " * 100)
    assert set(subject.removesuffix("…").split()) == {"ornithology"}
    assert subject.endswith("…")


@pytest.mark.parametrize("character", ["👩\u200d🏫", "नि", "👋🏽", "é"])
def test_a_long_goal_is_cut_between_characters(character: str) -> None:
    """Where no blank is near, what is cut still ends with a whole character."""
    for shift in range(4):
        subject = subject_of("字" * shift + character * 100)
        assert not subject.removesuffix("…").strip("字").replace(character, "")


async def test_the_words_suit_the_kind_of_skill() -> None:
    texts = []
    for goal in ("Learn Rust", "Spanish", "play the guitar", "gardening"):
        _, plan = await get_plan(request_of("advanced", 8, 4, goal))
        texts.append(" ".join(text_of(day) for week in plan for day in week.days))
    assert ["a small program" in text for text in texts] == [True, False, False, False]
    assert ["a fluent speaker" in text for text in texts] == [False, True, False, False]
    assert ["an experienced player" in text for text in texts] == [False, False, True, False]


async def test_levels_differ_in_what_they_ask_for() -> None:
    """The same day is worded differently, and starts from other aspects, at each level."""
    days = set()
    for level in LEVELS:
        _, plan = await get_plan(request_of(level, 12, 4))
        days.add(text_of(plan[4].days[1]))
    assert len(days) == 3


async def test_more_hours_ask_for_more_depth() -> None:
    """Beyond the hours that add tasks, a longer day has more deep tasks, and asks more of them."""
    (_, four), (_, eight) = [await get_plan(request_of("advanced", 12, hours)) for hours in (4, 8)]
    for shorter, longer in zip(map(tasks_of, four), map(tasks_of, eight), strict=True):
        assert len(shorter) == len(longer)
        assert [t.effort for t in shorter].count("deep") < [t.effort for t in longer].count("deep")
        assert sum(len(task.text) for task in shorter) < sum(len(task.text) for task in longer)


@pytest.mark.parametrize("level", LEVELS)
async def test_the_same_request_gets_the_same_plan(level: Level) -> None:
    request = request_of(level, 20, 3)
    planner = OfflinePlanner()
    first = [part async for part in planner.plan(request)]
    second = [part async for part in planner.plan(request)]
    assert first == second


async def test_the_log_says_offline_and_not_what_the_goal_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="src.llm.offline.planner")
    await plan_anew(request_of("beginner", 12, 1, "Recover from a secret illness"))
    assert caplog.messages == ["planned 12 weeks offline: no model was asked"]


async def test_the_planner_names_itself_and_can_be_closed() -> None:
    planner = OfflinePlanner()
    assert planner.name == "offline"
    await planner.close()
    await planner.close()


def test_the_tables_fit_each_other() -> None:
    """Every topic has six aspects of its own and its two exercises."""
    topics = [topic for of_phase in TOPICS.values() for topic in of_phase]
    aspects = [aspect for topic in topics for aspect in topic.aspects]
    assert [topic.name for topic in topics] == list(EXERCISES)
    assert {len(topic.aspects) for topic in topics} == {6}
    assert len(set(aspects)) == len(aspects)


def test_minutes_use_the_whole_day_when_it_can_be_divided() -> None:
    for day in range(30, 481, 30):
        minutes = minutes_of(["light", "medium", "medium", "deep"], day)
        assert sum(minutes) == day
        assert minutes[0] <= min(minutes[1:3])
        assert max(minutes[1:3]) <= minutes[3]


@pytest.mark.parametrize(
    ("level", "weeks", "hours"),
    [
        ("beginner", 4, 0.5),
        ("beginner", 52, 3),
        ("intermediate", 12, 2),
        ("intermediate", 26, 8),
        ("advanced", 1, 3),
        ("advanced", 26, 0.5),
    ],
)
async def test_what_a_topic_drills_is_built_before(level: Level, weeks: int, hours: float) -> None:
    _, plan = await get_plan(request_of(level, weeks, hours, "gardening"))
    said = " ".join(text_of(day) for week in plan for day in week.days)
    for topic, (make, drill) in EXERCISES.items():
        if "{" not in make + drill and drill in said:
            assert -1 < said.find(make) < said.find(drill), topic
