"""The planner that works without a model: complete and deterministic.

A course says what to teach, a timetable when, and a writer how each task is worded.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from itertools import chain

from src.domain.generation import PlannedPart
from src.domain.plan import DayReady, ModelUsage, Outline, PlannedWeek, PlanRequest, WeekOutline
from src.domain.plan_rules import MAX_FOCUS_TOPICS
from src.domain.vocabulary import DAYS_PER_WEEK
from src.llm import PlanPart
from src.llm.known_parts import KnownParts
from src.llm.offline.course import Lesson, course_for
from src.llm.offline.curricula import curricula
from src.llm.offline.goals import understand
from src.llm.offline.patterns import patterns
from src.llm.offline.timetable import Slot, Timetable
from src.llm.offline.writer import Writer

_logger = logging.getLogger(__name__)


class OfflinePlanner:
    """Plans any goal from the curricula; the same request always gets the same plan."""

    name = "offline"

    async def plan(
        self, request: PlanRequest, known: Sequence[PlannedPart] = ()
    ) -> AsyncGenerator[PlanPart, None]:
        """Yield the outline, then every week in order, but for what is known already."""
        done = KnownParts(known)
        await asyncio.to_thread(curricula)
        goal = understand(request.goal)
        timetable = Timetable(request, *course_for(request, goal))
        writer = Writer(request, goal.names)
        weeks: list[list[list[Slot]]] = []
        outlines: list[WeekOutline] = []
        for first in range(0, request.duration_weeks * DAYS_PER_WEEK, DAYS_PER_WEEK):
            # A long plan must not hold up the other requests of the event loop.
            await asyncio.sleep(0)
            met, days = len(timetable.begun), range(first, first + DAYS_PER_WEEK)
            weeks.append([timetable.day(day, has_mock_exams=goal.is_exam) for day in days])
            focus = _focus(weeks[-1], timetable.begun[met:])
            practice = chain.from_iterable(lesson.topic.practice for lesson in focus)
            text = writer.goal(focus, [*practice, *(s.sentence for s in chain(*weeks[-1]))])
            if goal.language and not outlines:
                text = f"{patterns().english_only} {text}"
            names = tuple(lesson.topic.name for lesson in focus)
            outlines.append(WeekOutline(week_number=len(weeks), goal=text, focus=names))
        # The goal is the learner's own: it does not belong in a log.
        _logger.info("planned %d weeks offline: no model was asked", len(weeks))
        if done.outline is None:
            yield Outline(weeks=tuple(outlines))
        for outline, slots in zip(outlines, weeks, strict=True):
            await asyncio.sleep(0)
            number, text = outline.week_number, outline.goal
            # Written although it is known: the weeks after it must not repeat it.
            written = tuple(writer.day(day, of_day) for day, of_day in enumerate(slots, start=1))
            if number in done.weeks:
                continue
            for day in written:
                if done.day(number, day.day_number) is None:
                    yield DayReady(week_number=number, weekly_goal=text, day=day)
            yield PlannedWeek(week_number=number, goal=text, days=written)
        yield ModelUsage(model=self.name)

    async def close(self) -> None:
        """Do nothing: there are no connections."""


def _focus(days: list[list[Slot]], begun: Sequence[Lesson]) -> list[Lesson]:
    """Return what a week is about: its new topics, or those that it works on most.

    What is only brushed up is no week's topic, unless there is nothing else.
    """
    new = [lesson for lesson in begun if not lesson.is_known]
    worked_on = Counter(slot.lessons[0] for slot in chain(*days) if not slot.project)
    most = [lesson for lesson, _ in worked_on.most_common() if not lesson.is_known][:3]
    return (new or most or list(begun))[:MAX_FOCUS_TOPICS]
