"""The planner that works without a model: complete and deterministic.

A course says which topics to teach, a timetable when, and a writer how each task is worded.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import get_args

from src.domain.generation import PlannedPart
from src.domain.plan import DayReady, ModelUsage, Outline, PlannedWeek, PlanRequest, WeekOutline
from src.domain.plan_rules import MAX_FOCUS_TOPICS, tasks_for_day
from src.domain.vocabulary import DAYS_PER_WEEK, Level
from src.llm import PlanPart
from src.llm.known_parts import KnownParts
from src.llm.offline.curricula import Curriculum, Project, general_curriculum, read_data
from src.llm.offline.goals import UnderstoodGoal, understand
from src.llm.offline.timetable import Lesson, Slot, Timetable
from src.llm.offline.writer import Writer

_logger = logging.getLogger(__name__)
_rank = get_args(Level).index
_SHARE_FOR_TOPICS = 0.75  # the rest of the tasks builds the project and goes deeper
_MINUTES_PER_TASK = 15  # days with shorter tasks than this take fewer topics
_SESSION_HOURS, _HASTE_OF_SESSIONS = 2, 1.5  # longer tasks get through more topics


class OfflinePlanner:
    """Plans any goal from the curricula; the same request always gets the same plan."""

    name = "offline"

    def __init__(self) -> None:
        # One thread alone: more of them would take turns with the event loop, and end no sooner.
        self._thread = ThreadPoolExecutor(1, "offline-planner")

    async def plan(
        self, request: PlanRequest, known: Sequence[PlannedPart] = ()
    ) -> AsyncGenerator[PlanPart, None]:
        """Yield the outline, then every week in order, but for what is known already."""
        done, loop = KnownParts(known), asyncio.get_running_loop()
        outline, weeks = await loop.run_in_executor(self._thread, _plan, request)
        # The goal is the learner's own: it does not belong in a log.
        _logger.info("planned %d weeks offline: no model was asked", len(weeks))
        if done.outline is None:
            yield outline
        for week in weeks:
            # A long plan must not hold up the other requests of the event loop.
            await asyncio.sleep(0)
            number = week.week_number
            if number in done.weeks:
                continue
            for day in week.days:
                if done.day(number, day.day_number) is None:
                    yield DayReady(week_number=number, weekly_goal=week.goal, day=day)
            yield week
        yield ModelUsage(model=self.name)

    async def close(self) -> None:
        """Let no further plan begin."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _plan(request: PlanRequest) -> tuple[Outline, list[PlannedWeek]]:
    """Return a whole plan: up to half a second of work."""
    goal = understand(request.goal)
    timetable = Timetable(request, *course_for(request, goal), is_exam=goal.is_exam)
    writer = Writer(request)
    outlines: list[WeekOutline] = []
    weeks: list[PlannedWeek] = []
    for number in range(1, request.duration_weeks + 1):
        met, end = len(timetable.begun), number * DAYS_PER_WEEK
        days = [timetable.day(day) for day in range(end - DAYS_PER_WEEK, end)]
        focus = _focus(days, timetable.begun[met:])
        text = writer.goal(focus)
        if goal.language and not weeks:
            text = f"{read_data('patterns.toml')['english_only']} {text}"
        names = tuple(lesson.topic.name for lesson in focus)
        outlines.append(WeekOutline(week_number=number, goal=text, focus=names))
        planned = tuple(writer.day(day, slots) for day, slots in enumerate(days, start=1))
        weeks.append(PlannedWeek(week_number=number, goal=text, days=planned))
    return Outline(weeks=tuple(outlines)), weeks


def _focus(days: list[list[Slot]], begun: Sequence[Lesson]) -> list[Lesson]:
    """Return what a week is about: its new topics, or those that it works on most.

    What is only brushed up is no week's topic, unless there is nothing else.
    """
    new = [lesson for lesson in begun if not lesson.is_known]
    worked_on = Counter(slot.lessons[0] for slot in chain(*days) if not slot.project)
    most = [lesson for lesson, _ in worked_on.most_common() if not lesson.is_known][:3]
    return (new or most or list(begun))[:MAX_FOCUS_TOPICS]


def course_for(request: PlanRequest, goal: UnderstoodGoal) -> tuple[list[Lesson], list[Project]]:
    """Return topics in order and what to build; several subjects get equal shares and take turns.

    The first project of a subject may need topics for which there is no time, others may not.
    """
    subjects = goal.subjects or (general_curriculum(goal.name),)
    longest = request.daily_hours * 60 / _MINUTES_PER_TASK
    tasks = min(tasks_for_day(request.level, request.daily_hours), longest)
    room = tasks * request.duration_weeks * DAYS_PER_WEEK * _SHARE_FOR_TOPICS / len(subjects)
    if request.daily_hours / tasks > _SESSION_HOURS:
        room *= _HASTE_OF_SESSIONS
    turns: list[tuple[float, Lesson]] = []
    projects: list[Project] = []
    for subject in subjects:
        fitting = [each for each in subject.projects if _rank(each.level) >= _rank(request.level)]
        first, *further = fitting or subject.projects[-1:]
        chosen = list(_choose(subject, request.level, goal.known, first, room))
        turns += (((turn + 0.5) / len(chosen), lesson) for turn, lesson in enumerate(chosen))
        taught = {lesson.topic.id for lesson in chosen}
        projects += [first, *(each for each in further if taught.issuperset(each.needs))]
    lessons = [lesson for _, lesson in sorted(turns, key=lambda turn: turn[0])]
    return lessons, sorted(projects, key=lambda project: _rank(project.level))


def _choose(
    curriculum: Curriculum, level: Level, known: tuple[str, ...], project: Project, room: float
) -> Iterator[Lesson]:
    """Yield the topics for so many tasks: first those of the project, each with its needs."""
    lessons = {
        topic.id: Lesson(curriculum, topic, _rank(topic.level) < _rank(level) or topic.id in known)
        for topic in curriculum.topics
    }
    needed, chosen = set(project.needs), set[str]()
    # What is needed stands above what needs it.
    for topic_id in reversed(lessons):
        if topic_id in needed and not lessons[topic_id].is_known:
            needed.update(lessons[topic_id].topic.needs)
    for topic_id in sorted(lessons, key=lambda i: (lessons[i].is_known, i not in needed)):
        needs = () if lessons[topic_id].is_known else lessons[topic_id].topic.needs
        added = {topic_id, *needs} - chosen
        cost = sum(lessons[each].cost for each in added)
        # Half a topic too much is better than half a topic too little.
        if chosen and cost > room + 2:
            break
        chosen |= added
        room -= cost
    new = [i for i in lessons if i in chosen and not lessons[i].is_known]
    places = {i: place * len(new) // len(lessons) for place, i in enumerate(lessons)}
    places |= {i: place for place, i in enumerate(new)}
    # What is known is brushed up just before the first new topic that rests on it.
    for topic_id in reversed(lessons):
        for need in lessons[topic_id].topic.needs if topic_id in chosen else ():
            places[need] = min(places[need], places[topic_id])
    yield from (lessons[i] for i in sorted(places, key=lambda i: places[i]) if i in chosen)
