"""Plans the days of a roadmap's weeks, and replaces tasks that repeat others."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from src.domain.errors import ModelOutputError
from src.domain.plan import DayReady, PlannedDay, PlannedTask, PlanRequest, WeekOutline
from src.domain.plan_rules import TASKS_PER_DAY, day_violations
from src.llm.known_parts import KnownParts
from src.llm.openrouter import answers, prompts
from src.llm.openrouter.calls import RoadmapCalls
from src.llm.openrouter.repeats import TaskRegistry
from src.llm.openrouter.schemas import days_shape, tasks_shape

TOKENS_PER_TASK = 160
"""Generous: a sentence and its JSON take about 50 tokens in English, twice that in some scripts."""


@dataclass
class _RequestedDays:
    """Some days of one week, and what has arrived of them."""

    numbers: Sequence[int]
    accepted: dict[int, PlannedDay]
    repeating: dict[int, PlannedDay] = field(default_factory=dict)
    """Days that are valid in themselves, with tasks that repeat others."""

    def missing(self) -> list[int]:
        return [n for n in self.numbers if n not in self.accepted and n not in self.repeating]


@dataclass
class _DayNumbering:
    """How an answer counts its days: some count from zero, or from one whatever was requested."""

    first_requested: int
    offset: int | None = None

    def resolve(self, number: int) -> int:
        if self.offset is None:
            counts_anew = number in {0, 1, self.first_requested - 1}
            self.offset = self.first_requested - number if counts_anew else 0
        return number + self.offset


@dataclass(frozen=True)
class DayPlanner:
    """Plans days of one roadmap, none of whose tasks repeat each other, and emits each."""

    calls: RoadmapCalls
    request: PlanRequest
    known: KnownParts
    outline: Sequence[WeekOutline]
    """The weeks that are known by now; it may grow."""
    emit: Callable[[DayReady], None]
    registry: TaskRegistry = field(default_factory=TaskRegistry)

    def __post_init__(self) -> None:
        self.registry.add(self.known.texts())

    async def plan(self, week: WeekOutline, numbers: Sequence[int]) -> list[PlannedDay]:
        """Return these days of a week, in order; known ones are not planned again."""
        known = {number: self.known.day(week.week_number, number) for number in numbers}
        days = _RequestedDays(numbers, {number: day for number, day in known.items() if day})
        if days.missing():
            await self._request_days(week, days)
        for number, day in days.repeating.items():
            days.accepted[number] = await self._replace_repeats(week, day)
            self._accept(week, days.accepted[number])
        return [days.accepted[number] for number in numbers]

    async def _request_days(self, week: WeekOutline, days: _RequestedDays) -> None:
        problems: list[str] = []
        async for attempt in self.calls.attempts():
            with attempt:
                missing = days.missing()
                problems = await self.calls.request_items(
                    prompts.days_messages(
                        self.request, week, self._neighbours(week), missing, problems
                    ),
                    days_shape(self.request, week.week_number, missing),
                    (len(missing) * TASKS_PER_DAY[self.request.level][1] + 2) * TOKENS_PER_TASK,
                    partial(self._accept_day, week, days, _DayNumbering(missing[0])),
                )
                if days.missing():
                    problems.append(f"These days are missing: {days.missing()}.")
                    raise ModelOutputError(f"the week stayed unusable: {problems[0]}")

    def _accept_day(
        self, week: WeekOutline, days: _RequestedDays, numbering: _DayNumbering, item: object
    ) -> None:
        answer = answers.parse_item(item, answers.DayAnswer)
        number = numbering.resolve(answer.day_number)
        day = PlannedDay(day_number=number, tasks=tuple(map(_planned_task, answer.tasks)))
        if number not in days.missing():
            raise ModelOutputError(f"Day {number} is out of order.")
        for violation in day_violations(day, self.request):
            raise ModelOutputError(violation)
        if self.registry.find_repeats(_texts(day)):
            days.repeating[number] = day
        else:
            days.accepted[number] = day
            self._accept(week, day)

    def _accept(self, week: WeekOutline, day: PlannedDay) -> None:
        self.registry.add(_texts(day))
        self.emit(DayReady(week_number=week.week_number, weekly_goal=week.goal, day=day))

    def _neighbours(self, week: WeekOutline) -> tuple[WeekOutline | None, WeekOutline | None]:
        by_number = {each.week_number: each for each in self.outline}
        return by_number.get(week.week_number - 1), by_number.get(week.week_number + 1)

    async def _replace_repeats(self, week: WeekOutline, day: PlannedDay) -> PlannedDay:
        """Request other tasks in place of those that repeat earlier ones, and of them alone."""
        async for attempt in self.calls.attempts():
            with attempt:
                repeats = self.registry.find_repeats(_texts(day))
                if not repeats:
                    return day
                tasks = list(day.tasks)
                await self.calls.request_items(
                    prompts.replacement_messages(
                        self.request, week, [day.tasks[index] for index in repeats]
                    ),
                    tasks_shape(self.request, len(repeats)),
                    (len(repeats) + 1) * TOKENS_PER_TASK,
                    partial(_replace_next, tasks, iter(repeats)),
                )
                replaced = day.model_copy(update={"tasks": tuple(tasks)})
                if day_violations(replaced, self.request):
                    raise ModelOutputError("the replaced tasks break the rules")
                day = replaced
                if self.registry.find_repeats(_texts(day)):
                    raise ModelOutputError("a task still repeats another")
        return day


def _planned_task(answer: answers.TaskAnswer) -> PlannedTask:
    return PlannedTask(
        text=answers.plain_line(answer.text), effort=answer.effort, category=answer.category
    )


def _replace_next(tasks: list[PlannedTask], indexes: Iterator[int], item: object) -> None:
    index = next(indexes, None)
    if index is not None:  # Surplus tasks are dropped.
        tasks[index] = _planned_task(answers.parse_item(item, answers.TaskAnswer))


def _texts(day: PlannedDay) -> list[str]:
    return [task.text for task in day.tasks]
