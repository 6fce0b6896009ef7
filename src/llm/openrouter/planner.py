"""The planner over a language model: an outline, and its weeks in parallel as they become known.

Nothing that the model returns is trusted, and nothing that is good is requested twice: after a
failure or a bad answer, only what is missing is requested again.
"""

import asyncio
import json
import math
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress

from src.domain.errors import ModelError, ModelOutputError
from src.domain.generation import PlannedPart
from src.domain.plan import Outline, PlannedWeek, PlanRequest, WeekOutline
from src.domain.plan_rules import outline_violations, same_text_key
from src.llm import PlanPart
from src.llm.known_parts import KnownParts
from src.llm.openrouter import prompts
from src.llm.openrouter.answers import WeekGoal, parse_item
from src.llm.openrouter.calls import Question, RoadmapCalls
from src.llm.openrouter.client import OpenRouterClient
from src.llm.openrouter.days import DayPlanner
from src.llm.openrouter.plain_text import plain_line
from src.llm.openrouter.schemas import outline_shape

WEEK_PARTS = ((1, 2, 3, 4), (5, 6, 7))
"""The days of a week are requested in two parallel calls: half the wait, for a second prompt."""

RETRIES_PER_CALL = 2
"""The retries that a roadmap may use, per call that it needs at least."""

TOKENS_PER_WEEK = 160

# Inside the weeks: some models repeat the question first, with the learner's goal.
_FIRST_GOAL = re.compile(r'"week\w*"\s*:.*?"goal"\s*:\s*("(?:[^"\\]|\\.)*")', re.DOTALL)


class OpenRouterPlanner:
    """Plans through OpenRouter."""

    name = "openrouter"

    def __init__(
        self,
        client: OpenRouterClient,
        calls_per_roadmap: int,
        timeout: float = math.inf,
        reserved_dollars_per_week: float = math.inf,
    ) -> None:
        """Plan with at most so many calls at once for one roadmap, which has so many seconds.

        Nothing waits for the server beyond that time; the caller has to end the planning by then.
        """
        self._client = client
        self._calls_per_roadmap = calls_per_roadmap
        self._timeout = timeout
        self._reserved_dollars_per_week = reserved_dollars_per_week

    def plan(
        self, request: PlanRequest, known: Sequence[PlannedPart] = ()
    ) -> AsyncGenerator[PlanPart, None]:
        calls = RoadmapCalls(
            self._client,
            at_once=self._calls_per_roadmap,
            retries=RETRIES_PER_CALL * (1 + request.duration_weeks * len(WEEK_PARTS)) + 6,
            timeout=self._timeout,
            reserved_dollars=self._reserved_dollars_per_week * request.duration_weeks,
        )
        return _Planning(calls, request, KnownParts(known)).parts()

    async def close(self) -> None:
        await self._client.close()


class _Planning:
    """The planning of one roadmap.

    A week starts when its outline and the next week's are known. The first starts on its goal
    alone, before its entry is complete: the learner waits for it.
    """

    def __init__(self, calls: RoadmapCalls, request: PlanRequest, known: KnownParts) -> None:
        self._calls = calls
        self._request = request
        self._known = known
        self._group = asyncio.TaskGroup()
        self._weeks: list[WeekOutline] = []
        """The outline so far, in order."""
        # Goals that are fixed: days have been planned towards them, or are being planned.
        self._goals = dict(known.goals)
        self._started = set(known.weeks)
        """The numbers of the weeks that are complete or being planned."""
        self._parts: asyncio.Queue[PlannedPart | None] = asyncio.Queue(
            request.duration_weeks * 8 + 2
        )
        """The parts as they are finished, and None: the outline, and each week with its days."""
        self._days = DayPlanner(calls, request, known, self._weeks, self._parts.put_nowait)

    async def parts(self) -> AsyncGenerator[PlanPart, None]:
        """Yield the plan's parts and its usage; closing this cancels all open calls."""
        planning = asyncio.create_task(self._plan_all())
        planning.add_done_callback(lambda _: self._parts.put_nowait(None))
        try:
            while (part := await self._parts.get()) is not None:
                yield part
                if isinstance(part, PlannedWeek):
                    yield self._calls.meter.usage()
            yield self._calls.meter.usage()
            await planning
        finally:
            planning.cancel()
            with suppress(asyncio.CancelledError, ModelError):
                await planning

    async def _plan_all(self) -> None:
        try:
            async with self._group:
                if self._known.outline is None:
                    self._parts.put_nowait(await self._plan_outline())
                else:
                    self._weeks += self._known.outline.weeks
                    for week in self._weeks:
                        self._start_week(week)
        except ExceptionGroup as failures:
            failure: Exception = failures
            while isinstance(failure, ExceptionGroup):
                failure = failure.exceptions[0]
            raise failure from None

    async def _plan_outline(self) -> Outline:
        await self._calls.request_missing(self._outline_fault, self._outline_question)
        self._start_week(self._weeks[-1])
        return Outline(weeks=tuple(self._weeks))

    def _outline_fault(self) -> str:
        return (
            "" if len(self._weeks) == self._request.duration_weeks else "The outline is too short."
        )

    def _outline_question(self, problems: Sequence[str]) -> Question:
        missing = self._request.duration_weeks - len(self._weeks)
        return Question(
            prompts.outline_messages(self._request, self._weeks, problems),
            outline_shape(self._request, len(self._weeks) + 1),
            (missing + 1) * TOKENS_PER_WEEK,
            self._accept_week,
            self._start_first_week,
        )

    def _start_first_week(self, text: str) -> None:
        if not self._weeks and 1 not in self._started and (goal := _FIRST_GOAL.search(text)):
            with suppress(ValueError, ModelOutputError):
                entry = {"week": 1, "goal": json.loads(goal[1]), "focus": []}
                first = self._parse_week(entry)
                self._goals[1] = first.goal
                self._start_week(first)

    def _accept_week(self, item: object) -> None:
        week = self._parse_week(item)
        self._weeks.append(week)
        # The one before, whose next week is now known; or the first, which waits for no next one.
        self._start_week(self._weeks[max(week.week_number - 2, 0)])

    def _parse_week(self, item: object) -> WeekOutline:
        answer = parse_item(item, WeekGoal)
        number = len(self._weeks) + 1
        # Models may count from zero, or anew after a retry: the order says which week is meant.
        if answer.week not in {None, number, number - 1}:
            raise ModelOutputError(f"Week {number} is missing, or out of order.")
        goal = self._goals.get(number) or plain_line(answer.goal)
        others = (other for week, other in self._goals.items() if week != number)
        if same_text_key(goal) in map(same_text_key, others):
            raise ModelOutputError(f"Week {number} has the goal of another week.")
        focus = tuple(map(plain_line, answer.focus))
        week = WeekOutline(week_number=number, goal=goal, focus=focus)
        prefix = Outline(weeks=(*self._weeks, week))
        shorter = self._request.model_copy(update={"duration_weeks": number})
        for violation in outline_violations(prefix, shorter):
            raise ModelOutputError(violation)
        return week

    def _start_week(self, week: WeekOutline) -> None:
        if week.week_number not in self._started:
            self._started.add(week.week_number)
            self._group.create_task(self._plan_week(week))

    async def _plan_week(self, week: WeekOutline) -> None:
        async with asyncio.TaskGroup() as group:
            parts = [group.create_task(self._days.plan(week, numbers)) for numbers in WEEK_PARTS]
        days = tuple(day for part in parts for day in part.result())
        self._parts.put_nowait(PlannedWeek(week_number=week.week_number, goal=week.goal, days=days))
