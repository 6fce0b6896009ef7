"""The planner over a language model: an outline, and its weeks in parallel as they become known.

Nothing that the model returns is trusted, and nothing that is good is requested twice: after a
failure or a bad answer, only what is missing is requested again.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress

from src.domain.errors import ModelError
from src.domain.generation import PlannedPart
from src.domain.plan import PlannedWeek, PlanRequest, WeekOutline
from src.llm import PlanPart
from src.llm.known_parts import KnownParts
from src.llm.openrouter.calls import RoadmapCalls
from src.llm.openrouter.client import OpenRouterClient
from src.llm.openrouter.days import DayPlanner
from src.llm.openrouter.outline import OutlinePlanner

WEEK_PARTS = ((1, 2, 3, 4), (5, 6, 7))
"""The days of a week are requested in two parallel calls: half the wait, for a second prompt."""

RETRIES_PER_CALL = 2
"""The retries that a roadmap may use, per call that it needs at least."""


class OpenRouterPlanner:
    """Plans through OpenRouter."""

    name = "openrouter"

    def __init__(self, client: OpenRouterClient, calls_per_roadmap: int) -> None:
        """Plan with at most so many calls at once for one roadmap."""
        self._client = client
        self._calls_per_roadmap = calls_per_roadmap

    def plan(
        self, request: PlanRequest, known: Sequence[PlannedPart] = ()
    ) -> AsyncGenerator[PlanPart, None]:
        calls = RoadmapCalls(
            self._client,
            at_once=self._calls_per_roadmap,
            retries=RETRIES_PER_CALL * (1 + request.duration_weeks * len(WEEK_PARTS)) + 6,
        )
        return _Planning(calls, request, KnownParts(known)).parts()

    async def close(self) -> None:
        await self._client.close()


class _Planning:
    """The planning of one roadmap."""

    def __init__(self, calls: RoadmapCalls, request: PlanRequest, known: KnownParts) -> None:
        self._calls = calls
        self._known = known
        self._group = asyncio.TaskGroup()
        self._outline = OutlinePlanner(calls, request, known, self._start_week)
        self._parts: asyncio.Queue[PlannedPart | None] = asyncio.Queue(
            request.duration_weeks * 8 + 2
        )
        """The parts as they are finished, and None: the outline, and each week with its days."""
        self._days = DayPlanner(calls, request, known, self._outline.weeks, self._parts.put_nowait)

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
                    self._parts.put_nowait(await self._outline.plan())
                else:
                    self._outline.weeks += self._known.outline.weeks
                    for week in self._outline.weeks:
                        self._start_week(week)
        except ExceptionGroup as failures:
            failure: Exception = failures
            while isinstance(failure, ExceptionGroup):
                failure = failure.exceptions[0]
            raise failure from None

    def _start_week(self, week: WeekOutline) -> None:
        if week.week_number not in self._known.weeks:
            self._group.create_task(self._plan_week(week))

    async def _plan_week(self, week: WeekOutline) -> None:
        async with asyncio.TaskGroup() as group:
            parts = [group.create_task(self._days.plan(week, numbers)) for numbers in WEEK_PARTS]
        days = tuple(day for part in parts for day in part.result())
        self._parts.put_nowait(PlannedWeek(week_number=week.week_number, goal=week.goal, days=days))
