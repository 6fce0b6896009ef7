"""Plans the days of a roadmap's weeks: completes short days, and replaces tasks that repeat."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from src.domain.errors import ModelOutputError
from src.domain.minutes import with_minutes
from src.domain.plan import DayReady, PlannedDay, PlannedTask, PlanRequest, WeekOutline
from src.domain.plan_rules import TASKS_PER_DAY, day_violations, task_violations, tasks_for_day
from src.llm.known_parts import KnownParts
from src.llm.openrouter import answers, prompts
from src.llm.openrouter.calls import Question, RoadmapCalls
from src.llm.openrouter.plain_text import plain_line
from src.llm.openrouter.repeats import TaskRegistry
from src.llm.openrouter.schemas import TOPICS_PER_WEEK, days_shape, tasks_shape

TOKENS_PER_TASK = 160
"""Generous: a sentence and its JSON take about 50 tokens in English, twice that in some scripts."""

REVIEW_GAPS = (1, 2, 4, 8)
"""After how many weeks a week's topics come back.

The best gap is about 20 % of the time for which one has to remember if that is a few weeks, and
falls to 5 % for a year (Cepeda et al. 2008, "Spacing effects in learning"). Since the gaps double,
one of them is 10 to 20 % of what is left of the plan, from 5 weeks up.
"""

MAX_REVIEWED_TOPICS = TOPICS_PER_WEEK[1]
"""Of each week that comes back; all of them go into one prompt."""


@dataclass
class _RequestedDays:
    """Some days of one week, and what has arrived of them."""

    numbers: Sequence[int]
    accepted: dict[int, PlannedDay]
    drafts: dict[int, list[PlannedTask]] = field(default_factory=dict)
    """Days with too few tasks, or with tasks that repeat others. Each task is valid in itself."""

    def missing(self) -> list[int]:
        return [n for n in self.numbers if n not in self.accepted and n not in self.drafts]

    def fault(self) -> str:
        missing = self.missing()
        return f"These days are missing: {missing}." if missing else ""


@dataclass
class _DayNumbering:
    """How an answer counts its days: some count from zero, or from one whatever was requested."""

    requested: Sequence[int]
    offset: int | None = None

    def resolve(self, number: int | None) -> int:
        """Return the number of a day in its week.

        Raises:
            ModelOutputError: the day has no number, and could be any of several.
        """
        first = self.requested[0]
        if number is None:
            if len(self.requested) > 1:
                raise ModelOutputError("A day lacks its number, `day`.")
            return first
        if self.offset is None:
            self.offset = first - number if number in {0, 1, first - 1} else 0
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
        await self.calls.request_missing(days.fault, partial(self._days_question, week, days))
        for number, tasks in days.drafts.items():
            await self._add_tasks(week, number, tasks)
            await self._replace_repeats(week, tasks)
            days.accepted[number] = self._accept(week, number, tasks)
        return [days.accepted[number] for number in numbers]

    def _days_question(
        self, week: WeekOutline, days: _RequestedDays, problems: Sequence[str]
    ) -> Question:
        missing = days.missing()
        return Question(
            prompts.days_messages(
                self.request,
                week,
                self._neighbours(week),
                missing,
                problems,
                review=topics_due(self.outline, week.week_number),
            ),
            days_shape(self.request, missing),
            (len(missing) * self._most_tasks + 2) * TOKENS_PER_TASK,
            partial(self._accept_day, week, days, _DayNumbering(missing)),
        )

    def _accept_day(
        self, week: WeekOutline, days: _RequestedDays, numbering: _DayNumbering, item: object
    ) -> None:
        answer = answers.parse_item(item, answers.DayAnswer)
        number = numbering.resolve(answer.day)
        if number not in days.missing():
            raise ModelOutputError(f"Day {number} is out of order.")
        faults: list[str] = []
        # Surplus tasks are dropped.
        tasks = list(islice(_valid_tasks(answer.tasks, faults), self._most_tasks))
        if not tasks:
            raise ModelOutputError(f"Day {number} has no valid task. {' '.join(faults[:1])}")
        if len(tasks) < self._fewest_tasks or self.registry.find_repeats(_texts(tasks)):
            days.drafts[number] = tasks
        else:
            days.accepted[number] = self._accept(week, number, tasks)

    def _accept(self, week: WeekOutline, number: int, tasks: Sequence[PlannedTask]) -> PlannedDay:
        timed = with_minutes(tasks, self.request.daily_hours)
        day = PlannedDay(day_number=number, tasks=timed)
        for violation in day_violations(day, self.request):
            raise ModelOutputError(violation)
        self.registry.add(_texts(tasks))
        self.emit(DayReady(week_number=week.week_number, weekly_goal=week.goal, day=day))
        return day

    def _neighbours(self, week: WeekOutline) -> tuple[WeekOutline | None, WeekOutline | None]:
        by_number = {each.week_number: each for each in self.outline}
        return by_number.get(week.week_number - 1), by_number.get(week.week_number + 1)

    @property
    def _fewest_tasks(self) -> int:
        return TASKS_PER_DAY[self.request.level][0]

    @property
    def _most_tasks(self) -> int:
        return TASKS_PER_DAY[self.request.level][1]

    async def _add_tasks(self, week: WeekOutline, number: int, tasks: list[PlannedTask]) -> None:
        """Request the rest of a day that has too few tasks."""
        if len(tasks) >= self._fewest_tasks:
            return
        needed = tasks_for_day(self.request.level, self.request.daily_hours)

        def missing() -> str:
            count = needed - len(tasks)
            return f"Tasks that are still missing: {count}." if count else ""

        def accept(item: object) -> None:
            task = _parse_task(item)
            if len(tasks) in self.registry.find_repeats([*_texts(tasks), task.text]):
                raise ModelOutputError("A task repeats another.")
            tasks.append(task)

        def ask(problems: Sequence[str]) -> Question:
            count = needed - len(tasks)
            day = PlannedDay(day_number=number, tasks=tuple(tasks))
            messages = prompts.more_tasks_messages(self.request, week, day, count, problems)
            return Question(
                messages, tasks_shape(self.request, count), (count + 1) * TOKENS_PER_TASK, accept
            )

        await self.calls.request_missing(missing, ask)

    async def _replace_repeats(self, week: WeekOutline, tasks: list[PlannedTask]) -> None:
        """Request other tasks in place of those that repeat earlier ones, and of them alone."""

        def missing() -> str:
            repeats = self.registry.find_repeats(_texts(tasks))
            return "A task still repeats another." if repeats else ""

        def ask(problems: Sequence[str]) -> Question:
            repeats = self.registry.find_repeats(_texts(tasks))
            return Question(
                prompts.replacement_messages(
                    self.request, week, [tasks[index] for index in repeats], problems
                ),
                tasks_shape(self.request, len(repeats)),
                (len(repeats) + 1) * TOKENS_PER_TASK,
                partial(_replace_next, tasks, iter(repeats)),
            )

        await self.calls.request_missing(missing, ask)


def topics_due(outline: Iterable[WeekOutline], week_number: int) -> list[str]:
    """Return the topics of earlier weeks that a week should bring back, the latest week first."""
    focus = {week.week_number: week.focus[:MAX_REVIEWED_TOPICS] for week in outline}
    return [topic for gap in REVIEW_GAPS for topic in focus.get(week_number - gap, ())]


def _valid_tasks(items: Iterable[object], faults: list[str]) -> Iterator[PlannedTask]:
    """Yield the tasks that are valid in themselves, and record what is wrong with the others."""
    for item in items:
        try:
            yield _parse_task(item)
        except ModelOutputError as error:
            faults.append(str(error))


def _parse_task(item: object) -> PlannedTask:
    answer = answers.parse_item(item, answers.TaskAnswer)
    task = PlannedTask(
        text=plain_line(answer.text),
        effort=answer.effort,
        category=answer.category,
        estimated_minutes=answer.minutes,
    )
    for violation in task_violations(task):
        raise ModelOutputError(violation)
    return task


def _replace_next(tasks: list[PlannedTask], indexes: Iterator[int], item: object) -> None:
    index = next(indexes, None)
    if index is not None:  # Surplus tasks are dropped.
        tasks[index] = _parse_task(item)


def _texts(tasks: Iterable[PlannedTask]) -> list[str]:
    return [task.text for task in tasks]
