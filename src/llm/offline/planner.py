"""The planner that works without a model: complete and deterministic.

A curriculum says what each day is about; this module turns it into tasks with minutes and effort.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from itertools import pairwise

from src.domain.generation import PlannedPart
from src.domain.plan import (
    DayReady,
    ModelUsage,
    Outline,
    PlannedDay,
    PlannedTask,
    PlannedWeek,
    PlanRequest,
    WeekOutline,
)
from src.domain.plan_rules import same_text_key, tasks_for_day
from src.domain.vocabulary import DAYS_PER_WEEK, Category
from src.llm import PlanPart
from src.llm.known_parts import KnownParts
from src.llm.offline import phrases
from src.llm.offline.curriculum import LEARNING_DAYS, Lesson, Week, curriculum, weekly_goal
from src.llm.offline.exercises import EXERCISES
from src.llm.offline.schedule import Slot, learning_slots, minutes_of, review_slots
from src.llm.offline.subject import field_of, subject_of

_REVIEW_AFTER_WEEKS = (8, 4, 2, 1)
"""Growing gaps: what has been recalled after a week is asked for again after two, four, eight."""

_LONG_TASK_MINUTES = 60
_logger = logging.getLogger(__name__)


class OfflinePlanner:
    """Plans any goal from a fixed curriculum; the same request always gets the same plan."""

    name = "offline"

    async def plan(
        self, request: PlanRequest, known: Sequence[PlannedPart] = ()
    ) -> AsyncGenerator[PlanPart, None]:
        """Yield the outline, then every week in order, but for what is known already."""
        told = KnownParts(known)
        subject = subject_of(request.goal)
        weeks = curriculum(request.level, request.duration_weeks)
        goals = [weekly_goal(week, subject, len(weeks)) for week in weeks]
        # The goal is the learner's own: it does not belong in a log.
        _logger.info("planned %d weeks offline: no model was asked", len(weeks))
        if told.outline is None:
            yield Outline(
                weeks=tuple(
                    WeekOutline(week_number=week.number, goal=goal, focus=week.topics)
                    for week, goal in zip(weeks, goals, strict=True)
                )
            )
        writer = _Writer(request, weeks)
        for week, goal in zip(weeks, goals, strict=True):
            # A long plan must not hold up the other requests of the event loop.
            await asyncio.sleep(0)
            # Written although it is known: the weeks after it must not repeat it.
            days = writer.days(week)
            if week.number in told.weeks:
                continue
            for day in days:
                if told.day(week.number, day.day_number) is None:
                    yield DayReady(week_number=week.number, weekly_goal=goal, day=day)
            yield PlannedWeek(week_number=week.number, goal=goal, days=days)
        yield ModelUsage(model=self.name)

    async def close(self) -> None:
        """Do nothing: there are no connections."""


class _Writer:
    """Writes the days of one plan, and sees to it that no sentence occurs twice in it."""

    def __init__(self, request: PlanRequest, weeks: tuple[Week, ...]) -> None:
        self._weeks = weeks
        self._level = request.level
        self._budget = int(request.daily_hours * 60)
        self._tasks_per_day = tasks_for_day(request.level, request.daily_hours)
        field = field_of(request.goal)
        self._words = {
            "subject": subject_of(request.goal),
            "source": field.source,
            "piece": field.piece,
            "expert": field.expert,
            "project": field.project,
        }
        self._milestones = [w.number for w in weeks if w.lessons[-1].phase == "project"]
        self._turns: dict[tuple[str, ...], int] = {}
        self._taken: set[str] = set()
        self._exercises_given: set[str] = set()

    def days(self, week: Week) -> tuple[PlannedDay, ...]:
        learning = [self._learning_day(week, day) for day in range(1, LEARNING_DAYS + 1)]
        return (*learning, self._review_day(week))

    def _learning_day(self, week: Week, day: int) -> PlannedDay:
        lesson = week.lessons[day - 1]
        is_first = (week.number, day) == (1, 1)
        slots = learning_slots(self._tasks_per_day, day, self._budget, opening=is_first)
        has_step = day < LEARNING_DAYS
        sentences = []
        for position, slot in enumerate(slots):
            if is_first and position == 0:
                sentences.append(self._sentence((phrases.OPENING,)))
            elif slot.category == "coding" and not has_step:
                sentences.append(self._project_step(week))
                has_step = True
            elif slot.category == "revision" and position == 0:
                previous = self._lesson_before(week, day).aspect
                sentences.append(self._sentence(phrases.WARM_UPS, previous=previous))
            else:
                sentences.append(self._lesson_task(lesson, slot.category))
        return self._day(day, slots, sentences)

    def _lesson_task(self, lesson: Lesson, category: Category) -> str:
        if (own := self._own_exercise(lesson.topic, category)) is not None:
            return own
        kind = phrases.KIND_OF_PHASE[lesson.phase]
        return self._sentence(phrases.TASKS[kind][category], aspect=lesson.aspect)

    def _own_exercise(self, topic: str, category: Category) -> str | None:
        """Return the exercise written for the topic itself, unless the plan holds it already."""
        make, drill = EXERCISES[topic]
        template = {"coding": make, "practice": drill}.get(category)
        if template is None or (template,) in self._turns:
            return None
        # What is practised may be what was made.
        if template == drill and (make,) not in self._turns:
            return None
        sentence = self._sentence((template,))
        self._exercises_given.add(sentence)
        return sentence

    def _lesson_before(self, week: Week, day: int) -> Lesson:
        if day > 1:
            return week.lessons[day - 2]
        return self._weeks[week.number - 2].lessons[-1]

    def _project_step(self, week: Week) -> str:
        lesson = week.lessons[-1]
        pool = phrases.STEPS[phrases.KIND_OF_PHASE[lesson.phase]]
        if week.number == 1:
            pool = (phrases.WHOLE_PROJECT if len(self._weeks) == 1 else phrases.FIRST_STEP,)
        reached = sum(number <= week.number for number in self._milestones)
        return self._sentence(
            pool,
            topic=lesson.topic,
            week=str(week.number),
            before=str(week.number - 1),
            milestone=str(reached),
            milestones=str(len(self._milestones)),
        )

    def _review_day(self, week: Week) -> PlannedDay:
        slots = review_slots(self._tasks_per_day)
        returning = sum(slot.kind == "return" for slot in slots)
        items = self._items_to_review(week, max(returning, 2))
        groups = iter(_split(items, returning))
        sentences = []
        for slot in slots:
            if slot.kind == "return":
                sentences.append(self._return_to(next(groups)))
            elif slot.kind == "mix":
                sentences.append(self._mix(week, items[0]))
            else:
                topic = _listed(week.topics)
                number = str(week.number)
                sentences.append(self._sentence(phrases.THIS_WEEK, week=number, topic=topic))
        return self._day(DAYS_PER_WEEK, slots, sentences)

    def _return_to(self, items: Sequence[str]) -> str:
        pool = phrases.RETURNS if len(items) == 1 else phrases.RETURNS_TO_SEVERAL
        return self._sentence(pool, items=_listed(items))

    def _mix(self, week: Week, oldest: str) -> str:
        if week.number == len(self._weeks):
            return self._sentence((phrases.LAST_LOOK,))
        return self._sentence(phrases.MIXES, items=oldest, topic=week.topics[-1])

    def _items_to_review(self, week: Week, least: int) -> list[str]:
        items = []
        for turn, gap in enumerate(_REVIEW_AFTER_WEEKS):
            if week.number > gap:
                earlier = self._weeks[week.number - gap - 1]
                topic = earlier.topics[turn % len(earlier.topics)]
                items.append(f"week {earlier.number} ({topic})")
        # The first weeks have little behind them, so they return to their own days.
        own_days = (1, 3, 5, 2)[: max(0, least - len(items))]
        return items + [f"day {n} of this week ({week.lessons[n - 1].aspect})" for n in own_days]

    def _sentence(self, pool: tuple[str, ...], **gaps: str) -> str:
        """Return the next sentence of a pool that the plan does not hold yet."""
        turn = self._turns.get(pool, 0)
        for offset in range(len(pool)):
            text = pool[(turn + offset) % len(pool)].format(**self._words, **gaps)
            if same_text_key(text) not in self._taken:
                self._turns[pool] = turn + offset + 1
                self._taken.add(same_text_key(text))
                return text
        raise AssertionError("the phrases do not suffice for a plan of this size")

    def _day(self, day: int, slots: Sequence[Slot], sentences: Sequence[str]) -> PlannedDay:
        minutes = minutes_of([slot.effort for slot in slots], self._budget)
        tasks = (
            PlannedTask(
                text=self._elaborated(sentence, slot, length),
                effort=slot.effort,
                category=slot.category,
                estimated_minutes=length,
            )
            for slot, sentence, length in zip(slots, sentences, minutes, strict=True)
        )
        return PlannedDay(day_number=day, tasks=tuple(tasks))

    def _elaborated(self, sentence: str, slot: Slot, minutes: int) -> str:
        parts = [sentence]
        # An exercise written for its topic says all that it asks for.
        is_general = slot.kind == "lesson" and sentence not in self._exercises_given
        if is_general and slot.effort != "light":
            parts.append(self._extra(phrases.EXTRAS[self._level][slot.category]))
        if minutes >= _LONG_TASK_MINUTES:
            parts.append(self._extra(phrases.DEEPER[slot.category]))
        return " ".join(parts)

    def _extra(self, pool: tuple[str, ...]) -> str:
        turn = self._turns.get(pool, 0)
        self._turns[pool] = turn + 1
        return pool[turn % len(pool)].format(**self._words)


def _split(items: Sequence[str], groups: int) -> list[Sequence[str]]:
    borders = [len(items) * index // groups for index in range(groups + 1)]
    return [items[start:end] for start, end in pairwise(borders)]


def _listed(items: Sequence[str]) -> str:
    *others, last = items
    return f"{', '.join(others)} and {last}" if others else last
