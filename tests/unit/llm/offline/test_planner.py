"""The planner that works without a model: what its plans teach, when, and in which words."""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import pairwise

import pytest

from src.domain.plan import (
    DayReady,
    ModelUsage,
    Outline,
    PlannedTask,
    PlannedWeek,
    PlanRequest,
)
from src.domain.plan_rules import outline_violations, same_text_key, tasks_for_day
from src.domain.vocabulary import DAYS_PER_WEEK, Level
from src.llm.offline.curricula import Curriculum, curricula, general_curriculum, read_data
from src.llm.offline.goals import UnderstoodGoal, understand
from src.llm.offline.planner import OfflinePlanner, course_for
from src.llm.offline.timetable import Lesson, Slot, Timetable, purposes
from src.llm.openrouter.repeats import TaskRegistry
from tests.support.plans import week_violations

Combination = tuple[str, Level, int, float]
SAMPLE: list[Combination] = [
    ("Learn Python", "beginner", 4, 1),
    ("Learn Python", "intermediate", 1, 1),
    ("Learn Python", "advanced", 52, 8),
    ("watercolour", "beginner", 12, 1),
    ("knitting", "intermediate", 12, 0.5),
    ("photography", "beginner", 2, 2.5),
    ("Kubernetes", "advanced", 4, 8),
    ("Docker", "beginner", 4, 3),
    ("AWS", "intermediate", 12, 1),
    ("SQL", "beginner", 2, 0.5),
    ("statistics", "advanced", 2, 1.5),
    ("Spanish", "beginner", 52, 0.5),
    ("French", "intermediate", 4, 4),
    ("French", "advanced", 4, 1),
    ("Japanese", "advanced", 12, 0.5),
    ("guitar", "beginner", 1, 0.5),
    ("piano", "intermediate", 26, 6),
    ("running", "advanced", 1, 0.5),
    ("yoga", "beginner", 52, 8),
    ("chess", "intermediate", 1, 8),
    ("personal finance", "beginner", 12, 3.5),
    ("public speaking", "advanced", 4, 2),
    ("project management", "beginner", 3, 7),
    ("meditation", "advanced", 12, 4),
    ("React", "intermediate", 33, 1),
    ("Rust", "beginner", 1, 8),
    ("Excel and SQL", "beginner", 8, 2),
    ("German and guitar", "intermediate", 4, 5),
    ("beekeeping", "beginner", 4, 1),
    ("beekeeping", "advanced", 52, 8),
    ("falconry", "intermediate", 1, 0.5),
]
"""Every level, kind of subject and number of tasks, from the shortest plan to the longest."""

ODD_GOALS = [
    "x",
    "7",
    "!!!",
    "Learn",
    "学习日语",
    "تعلم العربية",
    "🎻",
    "{topic} {0} {",
    "%s %d",
    'say "hi" \\ there',
    "learn\n\n\tto\u0007 cook\u2028well\u202e",
    "word " * 400,
    "字" * 2000,
]
SHORT_TASKS = {"reading": 60, "revision": 45}
"""The most minutes of tasks by category; other tasks may be sessions with steps."""

Plan = tuple[Outline, list[PlannedWeek]]
PLANS: dict[PlanRequest, Plan] = {}


def request_of(goal: str, level: Level, weeks: int, hours: float) -> PlanRequest:
    return PlanRequest(goal=goal, level=level, duration_weeks=weeks, daily_hours=hours)


async def get_plan(*combination: object) -> Plan:
    """Return the plan; many tests look at the same ones, so each is planned once."""
    request = request_of(*combination)  # type: ignore[arg-type]
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


def tasks_of(*weeks: PlannedWeek) -> list[PlannedTask]:
    return [task for week in weeks for day in week.days for task in day.tasks]


@cache
def slots_of(
    *combination: object, has_mock_exams: bool = False
) -> tuple[Timetable, list[Lesson], list[list[Slot]]]:
    """Return a plan before it has words: its topics, and its tasks by day."""
    request = request_of(*combination)  # type: ignore[arg-type]
    lessons, projects = course_for(request, understand(request.goal))
    timetable = Timetable(request, lessons, projects, is_exam=has_mock_exams)
    days = range(request.duration_weeks * DAYS_PER_WEEK)
    return timetable, lessons, [timetable.day(day) for day in days]


@cache
def topic_names(goal: str) -> list[str]:
    """Return the names of a goal's topics, the longest first."""
    subjects = understand(goal).subjects or (general_curriculum(understand(goal).name),)
    names = (topic.name.casefold() for subject in subjects for topic in subject.topics)
    return sorted(names, key=len, reverse=True)


def skeletons(texts: list[str], goal: str) -> list[str]:
    """Return texts with their topics masked, so that only the sentence around them is left."""
    masked = [text.casefold() for text in texts]
    subjects = (subject.subject for subject in understand(goal).subjects)
    for name in (*topic_names(goal), *map(str.casefold, subjects), understand(goal).name):
        masked = [text.replace(name, "*") for text in masked]
    return masked


def reading_grade(texts: list[str]) -> float:
    """Return the grade by Flesch and Kincaid (1975), with vowel groups counted as syllables."""
    words = [word for text in texts for word in re.findall(r"[A-Za-z']+", text)]
    sentences = sum(len(re.findall(r"[.!?](?:\s|$)", text)) for text in texts)
    syllables = sum(max(1, len(re.findall(r"[aeiouy]+", word.lower()))) for word in words)
    return 0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59


@pytest.mark.long(1)
@pytest.mark.parametrize("combination", SAMPLE)
async def test_a_plan_is_complete_and_keeps_the_rules(combination: Combination) -> None:
    """Every day fits its hours, no task repeats another, and long tasks have named steps."""
    request = request_of(*combination)
    outline, weeks = await get_plan(*combination)
    assert outline_violations(outline, request) == []
    assert [week.goal for week in weeks] == [week.goal for week in outline.weeks]
    taken: frozenset[str] = frozenset()
    for number, week in enumerate(weeks, start=1):
        assert week_violations(week, number, request, taken) == []
        taken |= {same_text_key(task.text) for task in tasks_of(week)}
        for day in week.days:
            assert len(day.tasks) == tasks_for_day(request.level, request.daily_hours)
            assert sum(task.estimated_minutes or 0 for task in day.tasks) == (
                request.daily_hours * 60
            )
    for task in tasks_of(*weeks):
        assert task.estimated_minutes is not None
        assert task.estimated_minutes <= SHORT_TASKS.get(task.category, 240)
        assert ("Steps: (1) " in task.text) == (task.estimated_minutes > 60), task
        assert not re.search(r"^\d+ min: |\{(subject|topic)", task.text)


@pytest.mark.long(6)
@pytest.mark.parametrize("combination", SAMPLE)
async def test_tasks_differ_in_what_they_say(combination: Combination) -> None:
    """None is nearly like another; with the topics masked, few share the sentence around them."""
    _, weeks = await get_plan(*combination)
    texts = [task.text for task in tasks_of(*weeks)]
    # The comparison of each with each takes long; nearby repeats would hurt most.
    for start in range(0, len(texts), 150):
        assert TaskRegistry().find_repeats(texts[start : start + 200]) == []
    counts = Counter(skeletons(texts, combination[0]))
    assert sum(count for count in counts.values() if count > 1) <= 0.1 * len(texts)


@pytest.mark.parametrize(
    ("goal", "other"),
    [("watercolour", "piano"), ("Kubernetes", "Docker"), ("beekeeping", "falconry")],
)
async def test_plans_for_two_subjects_have_little_in_common(goal: str, other: str) -> None:
    _, weeks = await get_plan(goal, "beginner", 12, 1)
    _, other_weeks = await get_plan(other, "beginner", 12, 1)
    texts = skeletons([task.text for task in tasks_of(*weeks)], goal)
    other_texts = skeletons([task.text for task in tasks_of(*other_weeks)], other)
    assert len(set(texts) & set(other_texts)) <= 0.2 * len(texts)


@pytest.mark.long(4)
@pytest.mark.parametrize("combination", SAMPLE)
async def test_tasks_and_weeks_name_their_topics(combination: Combination) -> None:
    """Nearly all tasks name a topic, and each week names all that its outline promises."""
    outline, weeks = await get_plan(*combination)
    names = topic_names(combination[0])
    tasks = [task.text.casefold() for task in tasks_of(*weeks)]
    assert sum(any(name in task for name in names) for task in tasks) >= 0.85 * len(tasks)
    for planned, week in zip(outline.weeks, weeks, strict=True):
        said = " ".join(task.text for task in tasks_of(week)).casefold()
        assert all(topic.casefold() in said for topic in planned.focus)
        assert planned.focus[0].casefold() in planned.goal.casefold()
        assert "By day 7" in planned.goal or "At the end" in planned.goal


@pytest.mark.long(1)
@pytest.mark.parametrize("combination", SAMPLE)
def test_topics_come_after_what_they_need(combination: Combination) -> None:
    """All topics that were chosen are met, each after its needs, and no task is ahead of them."""
    timetable, lessons, days = slots_of(*combination)
    assert timetable.begun == lessons
    place = {lesson.topic.id: place for place, lesson in enumerate(lessons)}
    for lesson in lessons:
        if not lesson.is_known:
            assert all(place[need] < place[lesson.topic.id] for need in lesson.topic.needs)
    for day, slots in enumerate(days):
        assert all(lesson.visits[0] <= day for slot in slots for lesson in slot.lessons)


@pytest.mark.parametrize("combination", SAMPLE)
def test_topics_come_back_after_a_gap_that_suits_the_time_left(combination: Combination) -> None:
    """At least once, and twice from four weeks on; 10 to 20 % of the time left, or a bit more."""
    _, lessons, days = slots_of(*combination)
    weeks, last_day = combination[2], len(days) - 1
    for lesson in lessons:
        if lesson.visits[0] < 0.75 * len(days) - 1:
            assert len(lesson.visits) > (1 if weeks < 4 else 2), lesson.topic.name
            first, second = lesson.visits[:2]
            gap, left = second - first, last_day - first
            assert gap >= 1 or lesson.visits[0] % DAYS_PER_WEEK == DAYS_PER_WEEK - 1
            assert gap <= max(0.2 * left, 1) + DAYS_PER_WEEK, lesson.topic.name


@pytest.mark.parametrize("combination", [each for each in SAMPLE if each[2] > 1])
def test_plans_ask_for_more_as_they_go_on(combination: Combination) -> None:
    """From third to third, fewer tasks only recall and explain; in all, at most six in ten."""
    _, _, days = slots_of(*combination)
    third = len(days) / 3
    shares = []
    for start, end in pairwise((0, round(third), round(2 * third), len(days))):
        tasks = [slot for slots in days[start:end] for slot in slots]
        plain = sum(purposes()[slot.purpose].is_plain for slot in tasks)
        shares.append(plain / len(tasks))
    assert shares[0] > shares[2]
    assert shares[0] + 0.06 > shares[1] > shares[2] - 0.06
    assert sum(shares) / 3 <= 0.6


@pytest.mark.long(2)
@pytest.mark.parametrize("combination", SAMPLE)
async def test_plans_are_easy_to_read(combination: Combination) -> None:
    _, weeks = await get_plan(*combination)
    assert reading_grade([task.text for task in tasks_of(*weeks)]) <= 10


def test_a_level_begins_where_it_belongs() -> None:
    """Topics below the learner's level get one check; the levels above are taught in full."""
    first = curricula()["python"].topics[0].name
    for level, purpose in (("beginner", "learn"), ("advanced", "check")):
        _, lessons, days = slots_of("Learn Python", level, 12, 1)
        assert days[0][0].purpose == purpose
        assert days[0][0].lessons[0].topic.name == first
        met = Counter(
            (slot.purpose, slot.lessons[0].is_known)
            for slots in days
            for slot in slots
            if slot.purpose in {"learn", "check"}
        )
        known = sum(lesson.is_known for lesson in lessons)
        assert met["check", True] == known
        assert met["learn", False] == len(lessons) - known


def test_a_short_plan_takes_as_many_topics_as_fit() -> None:
    counts = [len(slots_of("Learn Python", "beginner", *each)[1]) for each in SIZES]
    assert counts == sorted(counts)
    assert counts[0] in {2, 3}
    assert counts[-1] == len(curricula()["python"].topics)


SIZES = ((1, 0.5), (2, 1), (4, 1), (12, 2), (52, 8))


def meaning(
    name: str,
    *subjects: Curriculum,
    known: tuple[str, ...] = (),
    is_exam: bool = False,
    language: str | None = None,
) -> UnderstoodGoal:
    return UnderstoodGoal(
        subjects=subjects, name=name, known=known, is_exam=is_exam, language=language
    )


@pytest.fixture
def understood(monkeypatch: pytest.MonkeyPatch) -> Callable[[UnderstoodGoal], None]:
    def set_goal(goal: UnderstoodGoal) -> None:
        monkeypatch.setattr("src.llm.offline.planner.understand", lambda _: goal)

    return set_goal


async def test_what_is_known_already_is_checked_once(
    understood: Callable[[UnderstoodGoal], None],
) -> None:
    python = curricula()["python"]
    understood(meaning("Python", python, known=("strings",)))
    _, weeks = await plan_anew(request_of("Python; I know strings", "beginner", 4, 1))
    about = [
        task
        for task in tasks_of(*weeks)
        if re.search(r"\bstrings\b", task.text) and task.category in {"reading", "revision"}
    ]
    assert about[0].category == "revision"
    assert not [task for task in about if task.category == "reading"]


async def test_two_subjects_take_turns() -> None:
    """Each week of new topics has both, and the shares are equal."""
    _, lessons, _ = slots_of("Excel and SQL", "beginner", 8, 2)
    subjects = [lesson.curriculum.subject for lesson in lessons]
    assert abs(subjects.count("Excel") - subjects.count("SQL")) <= 1
    assert all(len(set(pair)) == 2 for pair in pairwise(subjects))


@pytest.mark.parametrize("weeks", [1, 8])
async def test_an_exam_is_rehearsed_near_the_end(
    understood: Callable[[UnderstoodGoal], None], weeks: int
) -> None:
    _, _, days = slots_of("calculus", "beginner", weeks, 2, has_mock_exams=True)
    rehearsed = [
        day for day, slots in enumerate(days) if any(slot.purpose == "mock" for slot in slots)
    ]
    assert len(rehearsed) >= 2
    assert rehearsed[0] >= 0.7 * len(days)
    assert rehearsed[-1] == len(days) - 1
    understood(meaning("calculus", curricula()["exam-calculus"], is_exam=True))
    for hours in (2, 8):
        _, plan = await plan_anew(request_of("calculus", "beginner", weeks, hours))
        assert any("mock" in task.text for task in plan[-1].days[-1].tasks)
        for day in plan[-1].days:
            assert sum(task.estimated_minutes or 0 for task in day.tasks) == hours * 60


@pytest.mark.parametrize("combination", [each for each in SAMPLE if each[2] > 1])
def test_a_project_grows_step_by_step(combination: Combination) -> None:
    """Its milestones come in order, once the topics that it needs have begun."""
    _, lessons, days = slots_of(*combination)
    work = [(day, slot) for day, slots in enumerate(days) for slot in slots if slot.project]
    assert work
    for project in dict.fromkeys(slot.project for _, slot in work):
        assert project is not None
        said = [slot.sentence for _, slot in work if slot.project == project]
        found = [each for text in dict.fromkeys(said) for each in text.split(" Then: ")]
        assert found == list(project.milestones[: len(found)])
        first = next(day for day, slot in work if slot.project == project)
        needed = [lesson for lesson in lessons if lesson.topic.id in project.needs]
        assert all(lesson.visits[0] <= first for lesson in needed)


def test_three_hours_are_too_few_for_a_project() -> None:
    _, _, days = slots_of("Learn Python", "beginner", 1, 0.5)
    assert not [slot for slots in days for slot in slots if slot.project]


async def test_an_unknown_subject_begins_with_finding_its_topics() -> None:
    """The first week says where its topics stand and how to choose a source."""
    for hours in (0.5, 2, 8):
        outline, weeks = await get_plan("beekeeping", "beginner", 12, hours)
        said = " ".join(task.text for task in tasks_of(weeks[0]))
        assert "Copy the topics of beekeeping from the contents of two books" in said or (
            "copy the topics of beekeeping from the contents of two books" in said
        )
        assert outline.weeks[0].focus[:2] == ("a clear aim", "the map of topics")


async def test_a_goal_in_another_language_is_answered_with_a_note(
    understood: Callable[[UnderstoodGoal], None],
) -> None:
    understood(meaning("Bienenzucht", language="de"))
    outline, _ = await plan_anew(request_of("Bienenzucht lernen", "beginner", 4, 1))
    noted = ["Offline plans are in English" in week.goal for week in outline.weeks]
    assert noted == [True, False, False, False]


@pytest.mark.parametrize("goal", ODD_GOALS)
async def test_any_goal_gets_a_valid_plan(goal: str) -> None:
    request = request_of(goal, "advanced", 3, 8)
    outline, weeks = await plan_anew(request)
    assert outline_violations(outline, request) == []
    for number, week in enumerate(weeks, start=1):
        assert week_violations(week, number, request) == []


async def test_a_long_name_fits_into_goals_and_tasks(
    understood: Callable[[UnderstoodGoal], None],
) -> None:
    name = "the restoration of very old mechanical clocks from the south of the Black Forest"
    understood(meaning(name, language="de"))
    request = request_of(name, "advanced", 12, 8)
    outline, weeks = await plan_anew(request)
    assert outline_violations(outline, request) == []
    for number, week in enumerate(weeks, start=1):
        assert week_violations(week, number, request) == []


@pytest.mark.long(2)
@pytest.mark.parametrize("level", ["beginner", "intermediate", "advanced"])
async def test_the_same_request_gets_the_same_plan(level: Level) -> None:
    request = request_of("Learn Python", level, 20, 3)
    planner = OfflinePlanner()
    first = [part async for part in planner.plan(request)]
    second = [part async for part in planner.plan(request)]
    assert first == second


async def test_a_long_plan_leaves_room_for_other_requests() -> None:
    """Between two weeks, whatever else waits on the event loop gets its turn."""
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(count_turns())
    since_outline = 0
    async for part in OfflinePlanner().plan(request_of("Learn Python", "beginner", 52, 1)):
        if isinstance(part, Outline):
            since_outline = turns
    other.cancel()
    assert turns - since_outline >= 52


async def test_the_log_says_offline_and_not_what_the_goal_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="src.llm.offline.planner")
    await plan_anew(request_of("Recover from a secret illness", "beginner", 12, 1))
    assert caplog.messages == ["planned 12 weeks offline: no model was asked"]


async def test_the_planner_names_itself_and_can_be_closed() -> None:
    planner = OfflinePlanner()
    assert planner.name == "offline"
    await planner.close()
    await planner.close()


def test_every_kind_of_subject_has_its_words() -> None:
    kinds = {subject.kind for subject in (*curricula().values(), general_curriculum("any"))}
    patterns = read_data("patterns.toml")
    assert kinds == set(patterns["words"])
    assert kinds | {"all"} >= set(patterns["steps"])
    for purpose in purposes().values():
        assert kinds >= set(purpose.kinds)


@pytest.mark.parametrize("name", purposes())
def test_patterns_name_the_topic_and_differ(name: str) -> None:
    purpose = purposes()[name]
    texts = [*purpose.patterns, *(text for own in purpose.kinds.values() for text in own)]
    assert len(set(texts)) == len(texts)
    for text in texts:
        assert re.search(r"\{(topic|topics|project)\}", text)
        assert text.rstrip(":")[-1] not in ".;," or "{read}" in text or "{explain}" in text
