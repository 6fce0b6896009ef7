"""The planner over a language model: an outline, and its weeks side by side as they become known.

Nothing that the model says is trusted, and nothing that is good is asked for twice: a failed or
bad answer brings another question, for what is missing alone.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from src.domain.errors import ModelError, ModelOutputError
from src.domain.generation import PlannedPart
from src.domain.plan import (
    DayReady,
    Outline,
    PlannedDay,
    PlannedTask,
    PlannedWeek,
    PlanRequest,
    WeekOutline,
)
from src.domain.plan_rules import TASKS_PER_DAY, day_violations, outline_violations, same_text_key
from src.llm import PlanPart
from src.llm.known_parts import KnownParts
from src.llm.openrouter import prompts
from src.llm.openrouter.answers import (
    DayAnswer,
    ItemReader,
    OutlineAnswer,
    TaskAnswer,
    TasksAnswer,
    WeekAnswer,
    WeekGoal,
    parse_item,
    plain_line,
)
from src.llm.openrouter.client import Messages, OpenRouterClient
from src.llm.openrouter.formats import AnswerShape
from src.llm.openrouter.repeats import TaskRegistry

WEEK_PARTS = ((1, 2, 3, 4), (5, 6, 7))
"""A week's days are asked for in two calls side by side: half the wait, for a second prompt."""

RETRIES_PER_CALL = 2
"""The retries that a roadmap may use, per call that it needs at least."""

TOKENS_PER_OUTLINED_WEEK = 160
TOKENS_PER_TASK = 160
"""Generous: a sentence and its JSON take about 50 tokens in English, twice that in some scripts."""

_OUTLINE = AnswerShape("outline", OutlineAnswer, "weeks")
_WEEK = AnswerShape("week", WeekAnswer, "days")
_TASKS = AnswerShape("tasks", TasksAnswer, "tasks")

_FIRST_GOAL = re.compile(r'"goal"\s*:\s*("(?:[^"\\]|\\.)*")')

_StartWeek: TypeAlias = Callable[[WeekOutline], object]
_AcceptItem: TypeAlias = Callable[[object], None]


class OpenRouterPlanner:
    """Plans through OpenRouter."""

    name = "openrouter"

    def __init__(self, client: OpenRouterClient, calls_per_roadmap: int) -> None:
        """Plan with at most so many calls at once for one roadmap."""
        self._client = client
        self._calls_per_roadmap = calls_per_roadmap

    async def plan(
        self, request: PlanRequest, known: Sequence[PlannedPart] = ()
    ) -> AsyncGenerator[PlanPart, None]:
        planning = _Planning(self._client, request, self._calls_per_roadmap, KnownParts(known))
        async with aclosing(planning.parts()) as parts:
            async for part in parts:
                yield part

    async def close(self) -> None:
        await self._client.close()


@dataclass
class _RequestedDays:
    """Days of one week that are asked for."""

    numbers: Sequence[int]
    accepted: dict[int, PlannedDay] = field(default_factory=dict)
    repeating: dict[int, PlannedDay] = field(default_factory=dict)
    """Valid in themselves, with tasks that repeat others."""

    def missing(self) -> list[int]:
        return [n for n in self.numbers if n not in self.accepted and n not in self.repeating]


@dataclass
class _DayNumbering:
    """How an answer counts its days: some count from zero, or from one whatever was asked for."""

    first_asked: int
    offset: int | None = None

    def resolve(self, number: int) -> int:
        if self.offset is None:
            counted_anew = number in {0, 1, self.first_asked - 1}
            self.offset = self.first_asked - number if counted_anew else 0
        return number + self.offset


class _Planning:
    """The planning of one roadmap."""

    def __init__(
        self, client: OpenRouterClient, request: PlanRequest, calls: int, known: KnownParts
    ) -> None:
        weeks = request.duration_weeks
        needed_calls = 1 + weeks * len(WEEK_PARTS)
        self._client = client
        self._request = request
        self._slots = asyncio.Semaphore(calls)
        self._meter = client.meter(RETRIES_PER_CALL * needed_calls + 6)
        self._known = known
        # A week is planned towards its goal before its entry is complete, or was so before.
        self._goals = dict(known.goals)
        self._weeks: list[WeekOutline] = []
        self._started: set[int] = set()
        self._registry = TaskRegistry()
        self._registry.add(known.texts())
        # Holds all that a plan consists of, so that telling never waits: the outline, each week
        # and its days, the usage, and the end.
        self._finished_parts: asyncio.Queue[PlanPart | None] = asyncio.Queue(weeks * 8 + 3)

    async def parts(self) -> AsyncGenerator[PlanPart, None]:
        """Yield the plan's parts; leaving cancels what is still being asked."""
        planning = asyncio.create_task(self._plan_all())
        planning.add_done_callback(lambda _: self._finished_parts.put_nowait(None))
        try:
            while (part := await self._finished_parts.get()) is not None:
                yield part
                if isinstance(part, PlannedWeek):
                    yield self._meter.usage()
            yield self._meter.usage()
            await planning
        finally:
            planning.cancel()
            with suppress(asyncio.CancelledError, ModelError):
                await planning

    async def _plan_all(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                await self._plan_outline(lambda week: group.create_task(self._plan_week(week)))
        except ExceptionGroup as failures:
            failure: Exception = failures
            while isinstance(failure, ExceptionGroup):
                failure = failure.exceptions[0]
            raise failure from None

    async def _plan_outline(self, start: _StartWeek) -> None:
        """Ask for the outline, and start each week when it and the next one are known.

        The first starts on its goal alone, before its entry is complete: the learner waits for it.
        """
        if self._known.outline is not None:
            self._weeks = list(self._known.outline.weeks)
            for week in self._weeks:
                start(week)
            return
        weeks = self._request.duration_weeks
        problems: list[str] = []
        async for attempt in self._client.attempts(self._meter):
            with attempt:
                problems = await self._request_items(
                    prompts.outline_messages(self._request, self._weeks, problems),
                    _OUTLINE,
                    (weeks + 1 - len(self._weeks)) * TOKENS_PER_OUTLINED_WEEK,
                    partial(self._accept_week, start),
                    partial(self._start_first_week, start),
                )
                if len(self._weeks) < weeks:
                    problems.append("The outline ends too early.")
                    raise ModelOutputError(f"the outline stayed unusable: {problems[0]}")
        self._start_once(start, self._weeks[-1])
        self._finished_parts.put_nowait(Outline(weeks=tuple(self._weeks)))

    def _start_first_week(self, start: _StartWeek, text: str) -> None:
        if not self._weeks and 1 not in self._started and (goal := _FIRST_GOAL.search(text)):
            with suppress(ValueError, ModelOutputError):
                entry = {"week_number": 1, "goal": json.loads(goal[1]), "focus": []}
                first = self._parse_week(entry)
                self._goals[1] = first.goal
                self._start_once(start, first)

    def _accept_week(self, start: _StartWeek, item: object) -> None:
        if len(self._weeks) == self._request.duration_weeks:
            return  # More weeks than asked for: the rest is left out.
        week = self._parse_week(item)
        self._weeks.append(week)
        # A week starts when the next one is known; the first, for which the learner waits, at once.
        self._start_once(start, self._weeks[max(week.week_number - 2, 0)])

    def _start_once(self, start: _StartWeek, week: WeekOutline) -> None:
        if week.week_number not in self._started:
            self._started.add(week.week_number)
            start(week)

    def _parse_week(self, item: object) -> WeekOutline:
        answer = parse_item(item, WeekGoal)
        number = len(self._weeks) + 1
        # Counted from zero, or anew after a retry: the order says which week is meant.
        if answer.week_number not in {number, number - 1}:
            raise ModelOutputError(f"Week {number} is missing, or out of order.")
        goal = self._goals.get(number) or plain_line(answer.goal)
        if any(
            same_text_key(goal) == same_text_key(other)
            for week_number, other in self._goals.items()
            if week_number != number
        ):
            raise ModelOutputError(f"Week {number} has the goal of another week.")
        week = WeekOutline(
            week_number=number,
            goal=goal,
            focus=tuple(map(plain_line, answer.focus)),
        )
        prefix = Outline(weeks=(*self._weeks, week))
        shorter = self._request.model_copy(update={"duration_weeks": number})
        for violation in outline_violations(prefix, shorter):
            raise ModelOutputError(violation)
        return week

    async def _plan_week(self, week: WeekOutline) -> None:
        if week.week_number in self._known.weeks:
            return
        async with asyncio.TaskGroup() as group:
            parts = [group.create_task(self._plan_days(week, numbers)) for numbers in WEEK_PARTS]
        days = tuple(day for part in parts for day in part.result())
        self._finished_parts.put_nowait(
            PlannedWeek(week_number=week.week_number, goal=week.goal, days=days)
        )

    async def _plan_days(self, week: WeekOutline, numbers: Sequence[int]) -> list[PlannedDay]:
        """Ask for some days of a week until all are valid, and tell each when it is."""
        days = _RequestedDays(numbers)
        for number in numbers:
            if known := self._known.day(week.week_number, number):
                days.accepted[number] = known
        if not days.missing():
            return [days.accepted[number] for number in numbers]
        problems: list[str] = []
        async for attempt in self._client.attempts(self._meter):
            with attempt:
                asked = days.missing()
                problems = await self._request_items(
                    prompts.days_messages(
                        self._request, week, self._neighbours(week), asked, problems
                    ),
                    _WEEK,
                    (len(asked) * TASKS_PER_DAY[self._request.level][1] + 2) * TOKENS_PER_TASK,
                    partial(self._accept_day, week, days, _DayNumbering(asked[0])),
                )
                if days.missing():
                    problems.append(f"These days are missing: {days.missing()}.")
                    raise ModelOutputError(f"the week stayed unusable: {problems[0]}")
        for number, day in days.repeating.items():
            days.accepted[number] = await self._replace_repeats(week, day)
            self._emit_day(week, days.accepted[number])
        return [days.accepted[number] for number in numbers]

    def _accept_day(
        self, week: WeekOutline, days: _RequestedDays, numbering: _DayNumbering, item: object
    ) -> None:
        answer = parse_item(item, DayAnswer)
        number = numbering.resolve(answer.day_number)
        day = PlannedDay(day_number=number, tasks=tuple(map(_parse_task, answer.tasks)))
        if number not in days.missing():
            raise ModelOutputError(f"Day {number} is out of order.")
        for violation in day_violations(day, self._request):
            raise ModelOutputError(violation)
        if self._registry.find_repeats(_texts(day)):
            days.repeating[number] = day
        else:
            days.accepted[number] = day
            self._emit_day(week, day)

    def _neighbours(self, week: WeekOutline) -> tuple[WeekOutline | None, WeekOutline | None]:
        known: dict[int, WeekOutline] = {each.week_number: each for each in self._weeks}
        return known.get(week.week_number - 1), known.get(week.week_number + 1)

    def _emit_day(self, week: WeekOutline, day: PlannedDay) -> None:
        self._registry.add(_texts(day))
        self._finished_parts.put_nowait(
            DayReady(week_number=week.week_number, weekly_goal=week.goal, day=day)
        )

    async def _replace_repeats(self, week: WeekOutline, day: PlannedDay) -> PlannedDay:
        """Ask for other tasks in place of those that repeat earlier ones, and for them alone."""
        async for attempt in self._client.attempts(self._meter):
            with attempt:
                repeated = self._registry.find_repeats(_texts(day))
                if not repeated:
                    return day
                tasks = list(day.tasks)
                places = iter(repeated)
                await self._request_items(
                    prompts.replacement_messages(
                        self._request, week, [day.tasks[index] for index in repeated]
                    ),
                    _TASKS,
                    (len(repeated) + 1) * TOKENS_PER_TASK,
                    partial(_replace_next, tasks, places),
                )
                replaced = day.model_copy(update={"tasks": tuple(tasks)})
                if day_violations(replaced, self._request):
                    raise ModelOutputError("the replaced tasks break the rules")
                day = replaced
                if self._registry.find_repeats(_texts(day)):
                    raise ModelOutputError("a task stayed a repetition of another")
        return day

    async def _request_items(
        self,
        messages: Messages,
        shape: AnswerShape,
        max_tokens: int,
        accept: _AcceptItem,
        on_text: Callable[[str], None] | None = None,
    ) -> list[str]:
        """Ask once, give each item to `accept` as soon as it is complete, and return the problems.

        `accept` raises `ModelOutputError` for an item that it refuses. Whatever happens to the rest
        of the answer, what was taken stays taken. `on_text` is shown the text as it grows.
        """
        problems: list[str] = []
        reader = ItemReader(shape.items)

        def accept_all(items: list[object]) -> None:
            for item in items:
                try:
                    accept(item)
                except ModelOutputError as error:
                    problems.append(str(error))

        async with self._slots:
            answer = self._client.stream(
                messages, shape=shape, max_tokens=max_tokens, meter=self._meter
            )
            async with aclosing(answer) as pieces:
                async for piece in pieces:
                    accept_all(reader.feed(piece))
                    if on_text is not None:
                        on_text(reader.text)
        accept_all(await reader.finish())
        return problems


def _parse_task(answer: TaskAnswer) -> PlannedTask:
    return PlannedTask(text=plain_line(answer.text), effort=answer.effort, category=answer.category)


def _replace_next(tasks: list[PlannedTask], places: Iterator[int], item: object) -> None:
    index = next(places, None)
    if index is not None:  # More than asked for are left out.
        tasks[index] = _parse_task(parse_item(item, TaskAnswer))


def _texts(day: PlannedDay) -> list[str]:
    return [task.text for task in day.tasks]
