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
from src.llm import PlanPart
from src.llm.known_parts import KnownParts
from src.llm.offline.course import Lesson, course_for
from src.llm.offline.curricula import curricula
from src.llm.offline.goals import understand
from src.llm.offline.patterns import Slot, patterns
from src.llm.offline.timetable import Timetable
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
        timetable = Timetable(course_for(request, goal), request)
        writer = Writer(request, goal.names)
        weeks: list[tuple[WeekOutline, list[list[Slot]]]] = []
        for number in range(1, request.duration_weeks + 1):
            # A long plan must not hold up the other requests of the event loop.
            await asyncio.sleep(0)
            before = len(timetable.begun)
            slots = timetable.week(number)
            weeks.append((_outline(number, slots, timetable.begun[before:], writer), slots))
        if goal.language is not None:
            first, slots = weeks[0]
            note = f"{patterns().english_only} {first.goal}"
            weeks[0] = (first.model_copy(update={"goal": note}), slots)
        # The goal is the learner's own: it does not belong in a log.
        _logger.info("planned %d weeks offline: no model was asked", len(weeks))
        if done.outline is None:
            yield Outline(weeks=tuple(outline for outline, _ in weeks))
        for outline, slots in weeks:
            await asyncio.sleep(0)
            number, text = outline.week_number, outline.goal
            # Written although it is known: the weeks after it must not repeat it.
            days = tuple(writer.day(day, of_day) for day, of_day in enumerate(slots, start=1))
            if number in done.weeks:
                continue
            for day in days:
                if done.day(number, day.day_number) is None:
                    yield DayReady(week_number=number, weekly_goal=text, day=day)
            yield PlannedWeek(week_number=number, goal=text, days=days)
        yield ModelUsage(model=self.name)

    async def close(self) -> None:
        """Do nothing: there are no connections."""


def _outline(
    number: int, days: list[list[Slot]], begun: Sequence[Lesson], writer: Writer
) -> WeekOutline:
    """Return what a week is about: its new topics, or those that it works on most."""
    slots = list(chain.from_iterable(days))
    most = Counter(slot.lessons[0] for slot in slots if not slot.project).most_common(3)
    new = [lesson for lesson in begun if not lesson.is_known]
    focus = (new or begun or [lesson for lesson, _ in most])[:MAX_FOCUS_TOPICS]
    practice = chain.from_iterable(lesson.topic.practice for lesson in focus)
    exercises = [*practice, *(slot.sentence for slot in slots if slot.purpose != "teach")]
    return WeekOutline(
        week_number=number,
        goal=writer.goal(focus, exercises),
        focus=tuple(lesson.topic.name for lesson in focus),
    )
