"""The planner that works without a model: complete and deterministic.

A course says what to teach, a timetable when, and a writer how each task is worded.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from src.domain.generation import PlannedPart
from src.domain.plan import DayReady, ModelUsage, Outline, PlannedWeek, PlanRequest, WeekOutline
from src.domain.plan_rules import MAX_FOCUS_TOPICS
from src.domain.vocabulary import DAYS_PER_WEEK
from src.llm import PlanPart
from src.llm.known_parts import KnownParts
from src.llm.offline.course import Lesson, course_for
from src.llm.offline.goals import understand
from src.llm.offline.patterns import patterns
from src.llm.offline.timetable import Slot, Timetable
from src.llm.offline.writer import Writer

_logger = logging.getLogger(__name__)


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
    timetable = Timetable(request, *course_for(request, goal))
    writer = Writer(request, goal.names)
    outlines: list[WeekOutline] = []
    weeks: list[list[list[Slot]]] = []
    for first in range(0, request.duration_weeks * DAYS_PER_WEEK, DAYS_PER_WEEK):
        met, days = len(timetable.begun), range(first, first + DAYS_PER_WEEK)
        weeks.append([timetable.day(day, has_mock_exams=goal.is_exam) for day in days])
        focus = _focus(weeks[-1], timetable.begun[met:])
        practice = chain.from_iterable(lesson.topic.practice for lesson in focus)
        text = writer.goal(focus, [*practice, *(s.sentence for s in chain(*weeks[-1]))])
        if goal.language and not outlines:
            text = f"{patterns().english_only} {text}"
        names = tuple(lesson.topic.name for lesson in focus)
        outlines.append(WeekOutline(week_number=len(weeks), goal=text, focus=names))
    return Outline(weeks=tuple(outlines)), [
        PlannedWeek(
            week_number=outline.week_number,
            goal=outline.goal,
            days=tuple(writer.day(day, of_day) for day, of_day in enumerate(slots, start=1)),
        )
        for outline, slots in zip(outlines, weeks, strict=True)
    ]


def _focus(days: list[list[Slot]], begun: Sequence[Lesson]) -> list[Lesson]:
    """Return what a week is about: its new topics, or those that it works on most.

    What is only brushed up is no week's topic, unless there is nothing else.
    """
    new = [lesson for lesson in begun if not lesson.is_known]
    worked_on = Counter(slot.lessons[0] for slot in chain(*days) if not slot.project)
    most = [lesson for lesson, _ in worked_on.most_common() if not lesson.is_known][:3]
    return (new or most or list(begun))[:MAX_FOCUS_TOPICS]
