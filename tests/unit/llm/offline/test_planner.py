"""The planner that works without a model."""

import itertools
import logging
import re
import unicodedata
from collections import Counter
from functools import cache

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
GOAL = "Learn Python for data science"
COMBINATIONS = [
    *((("intermediate"), weeks, 2.0) for weeks in range(1, 53)),
    *itertools.product(("beginner", "advanced"), (1, 2, 3, 4, 5, 11, 26, 52), (0.5, 1.5, 8.0)),
    *(("intermediate", 12, hours / 2) for hours in range(1, 17)),
]
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
PLANS: dict[PlanRequest, tuple[Outline, list[PlannedWeek]]] = {}
each_combination = pytest.mark.parametrize(("level", "weeks", "hours"), COMBINATIONS)


def request_of(level: Level, weeks: int, hours: float, goal: str = GOAL) -> PlanRequest:
    return PlanRequest(goal=goal, level=level, duration_weeks=weeks, daily_hours=hours)


async def planned(request: PlanRequest) -> tuple[Outline, list[PlannedWeek]]:
    """Return the plan; many tests look at the same ones, so each is made once."""
    if request not in PLANS:
        PLANS[request] = await newly_planned(request)
    return PLANS[request]


async def newly_planned(request: PlanRequest) -> tuple[Outline, list[PlannedWeek]]:
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


@cache
def minutes_in(text: str) -> int:
    stated = re.match(r"(\d+) min: ", text)
    assert stated, text
    return int(stated[1])


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


@each_combination
async def test_a_plan_is_complete_and_keeps_the_rules(
    level: Level, weeks: int, hours: float
) -> None:
    """Every length, level and daily time gives a valid plan, and no task occurs twice in it."""
    request = request_of(level, weeks, hours)
    assert_keeps_the_rules(request, *await planned(request))


@each_combination
async def test_a_day_has_the_tasks_and_minutes_that_suit_it(
    level: Level, weeks: int, hours: float
) -> None:
    """The number of tasks follows level and hours, and their minutes fill the day but fit it."""
    _, plan = await planned(request_of(level, weeks, hours))
    for day in (day for week in plan for day in week.days):
        total = sum(minutes_in(task.text) for task in day.tasks)
        assert len(day.tasks) == tasks_for_day(level, hours)
        assert 0.6 * hours * 60 <= total <= hours * 60


@each_combination
async def test_more_effort_means_more_minutes_within_a_day(
    level: Level, weeks: int, hours: float
) -> None:
    """Within a day no task takes longer than one of greater effort."""
    _, plan = await planned(request_of(level, weeks, hours))
    order = ("light", "medium", "deep")
    for day in (day for week in plan for day in week.days):
        for one, other in itertools.permutations(day.tasks, 2):
            if order.index(one.effort) < order.index(other.effort):
                assert minutes_in(one.text) <= minutes_in(other.text)


@each_combination
async def test_every_week_mixes_efforts_and_categories(
    level: Level, weeks: int, hours: float
) -> None:
    """All three efforts and all four categories occur in each week."""
    _, plan = await planned(request_of(level, weeks, hours))
    for week in plan:
        assert {task.effort for task in tasks_of(week)} == {"light", "medium", "deep"}
        assert {task.category for task in tasks_of(week)} == {
            *("reading", "coding", "revision", "practice")
        }


@each_combination
async def test_no_sentence_repeats_but_for_its_minutes(
    level: Level, weeks: int, hours: float
) -> None:
    """Texts differ in what they say, not only in how long it takes."""
    _, plan = await planned(request_of(level, weeks, hours))
    said = [task.text.partition(": ")[2] for week in plan for task in tasks_of(week)]
    assert len(set(map(same_text_key, said))) == len(said)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("weeks", range(1, 53))
def test_phases_progress_from_foundations_to_consolidation(level: Level, weeks: int) -> None:
    """Phases never go back; from two weeks on all occur, and no aspect is taught twice."""
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


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("weeks", [2, 3, 4, 5, 9, 12, 20, 52])
async def test_a_review_day_returns_to_earlier_weeks_by_name(level: Level, weeks: int) -> None:
    """Day 7 names the weeks 1, 2, 4 and 8 weeks ago, each with one of its own topics."""
    outline, plan = await planned(request_of(level, weeks, 2))
    for week in plan:
        text = text_of(week.days[6])
        for gap in (1, 2, 4, 8):
            if week.week_number > gap:
                earlier = outline.weeks[week.week_number - gap - 1]
                named = [f"week {earlier.week_number} ({topic})" for topic in earlier.focus]
                assert any(name in text for name in named), text


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("hours", [0.5, 2.5, 8])
async def test_the_first_review_day_returns_to_its_own_days(level: Level, hours: float) -> None:
    """A plan's first week has nothing behind it but its own days, and reviews those."""
    _, plan = await planned(request_of(level, 12, hours))
    assert "day 1 of this week (" in text_of(plan[0].days[6])


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("weeks", [2, 4, 5, 12, 52])
async def test_the_project_grows_by_a_step_each_week(level: Level, weeks: int) -> None:
    """Each week's sixth day builds on the week before, and the project's milestones count up."""
    _, plan = await planned(request_of(level, weeks, 1))
    steps = [text_of(week.days[5]) for week in plan]
    assert "step 1:" in steps[0]
    for number, step in enumerate(steps[1:], start=2):
        assert f"step {number}:" in step or "milestone" in step
        assert f"step {number - 1}" in step or f"week {number - 1}" in step
    found = [re.search(r"milestone (\d+) of (\d+)", step) for step in steps]
    milestones = [(int(match[1]), int(match[2])) for match in found if match]
    total = len(milestones)
    assert milestones == [(number, total) for number in range(1, total + 1)]


async def test_a_single_week_ends_with_a_project_and_a_look_back() -> None:
    """A week is enough for the whole way in small."""
    _, plan = await planned(request_of("beginner", 1, 1))
    assert "Small project" in text_of(plan[0].days[5])
    assert "the page from the first day" in text_of(plan[0].days[6])


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("hours", [0.5, 3, 8])
async def test_the_last_day_takes_up_the_first(level: Level, hours: float) -> None:
    """The plan opens with what is known already, and closes by comparing with it."""
    _, plan = await planned(request_of(level, 6, hours))
    assert "keep the page for the last day" in plan[0].days[0].tasks[0].text
    assert "the page from the first day" in plan[-1].days[6].tasks[-1].text


@pytest.mark.parametrize("goal", ODD_GOALS)
@pytest.mark.parametrize(("level", "weeks"), [("beginner", 1), ("advanced", 3), ("advanced", 52)])
async def test_any_goal_gets_a_valid_plan_that_names_it(
    goal: str, level: Level, weeks: int
) -> None:
    """A goal in any script, of any length and with any character in it is planned for."""
    request = request_of(level, weeks, 8, goal)
    outline, plan = await planned(request)
    assert_keeps_the_rules(request, outline, plan)
    assert all(subject_of(goal) in week.goal for week in outline.weeks)


@pytest.mark.parametrize("goal", ODD_GOALS)
def test_a_subject_is_short_and_on_one_line(goal: str) -> None:
    """A subject is never empty, bounded, and free of characters that cannot be read."""
    subject = subject_of(goal)
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
    """Wishes, reasons and deadlines are left out, and verbs become nouns."""
    assert subject_of(goal) == subject


def test_a_long_goal_is_cut_between_words() -> None:
    """What is cut ends with an ellipsis after a whole word."""
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
    """A programmer builds programs; a learner of a language and a player do not."""
    texts = []
    for goal in ("Learn Rust", "Spanish", "play the guitar", "gardening"):
        _, plan = await planned(request_of("advanced", 8, 4, goal))
        texts.append(" ".join(text_of(day) for week in plan for day in week.days))
    assert ["a small program" in text for text in texts] == [True, False, False, False]
    assert ["a fluent speaker" in text for text in texts] == [False, True, False, False]
    assert ["an experienced player" in text for text in texts] == [False, False, True, False]


async def test_levels_differ_in_what_they_ask_for() -> None:
    """The same day is worded differently, and starts from other aspects, at each level."""
    days = set()
    for level in LEVELS:
        _, plan = await planned(request_of(level, 12, 4))
        days.add(text_of(plan[4].days[1]))
    assert len(days) == 3


async def test_more_hours_ask_for_more_depth() -> None:
    """Beyond the hours that add tasks, a longer day has more deep tasks, and asks more of them."""
    (_, four), (_, eight) = [await planned(request_of("advanced", 12, hours)) for hours in (4, 8)]
    for shorter, longer in zip(map(tasks_of, four), map(tasks_of, eight), strict=True):
        assert len(shorter) == len(longer)
        assert [t.effort for t in shorter].count("deep") < [t.effort for t in longer].count("deep")
        assert sum(len(task.text) for task in shorter) < sum(len(task.text) for task in longer)


@pytest.mark.parametrize("level", LEVELS)
async def test_the_same_request_gets_the_same_plan(level: Level) -> None:
    """Nothing in a plan is left to chance, nor carried over from the plan before."""
    request = request_of(level, 20, 3)
    planner = OfflinePlanner()
    first = [part async for part in planner.plan(request)]
    second = [part async for part in planner.plan(request)]
    assert first == second


async def test_the_log_says_offline_and_not_what_the_goal_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One line tells the operator that no model was asked; the goal stays private."""
    caplog.set_level(logging.INFO, logger="src.llm.offline.planner")
    await newly_planned(request_of("beginner", 12, 1, "Recover from a secret illness"))
    assert caplog.messages == ["planned 12 weeks offline: no model was asked"]


async def test_the_planner_names_itself_and_can_be_closed() -> None:
    """The name tells who made the plan; closing needs nothing and may happen twice."""
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


@pytest.mark.parametrize("hours", [hours / 2 for hours in range(1, 17)])
def test_minutes_use_the_whole_day_when_it_can_be_divided(hours: float) -> None:
    """Rounding to five minutes loses none of the day."""
    minutes = minutes_of(["light", "medium", "medium", "deep"], int(hours * 60))
    assert sum(minutes) == hours * 60
    assert minutes[0] <= min(minutes[1:3])
    assert max(minutes[1:3]) <= minutes[3]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("hours", [0.5, 2, 3, 8])
@pytest.mark.parametrize("weeks", [1, 4, 12, 26, 52])
async def test_a_topic_is_made_before_it_is_practised(
    level: Level, hours: float, weeks: int
) -> None:
    """The exercise that a topic has of its own never practises what is yet to be made."""
    _, plan = await planned(request_of(level, weeks, hours, "gardening"))
    said = " ".join(text_of(day) for week in plan for day in week.days)
    for topic, (make, drill) in EXERCISES.items():
        if "{" not in make + drill and drill in said:
            assert -1 < said.find(make) < said.find(drill), topic
