"""From a learner's request to a stored roadmap, watched or not."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeAlias
from uuid import UUID

from src.dao import Store
from src.errors import ModelOutputError, ModelTooSlowError, MomentumError, OverloadedError
from src.llm import Planner
from src.models import (
    DayReady,
    GenerationFigures,
    ModelUsage,
    NewRoadmap,
    Outline,
    PlannedWeek,
    PlanRequest,
    Roadmap,
    SavedRoadmap,
)

logger = logging.getLogger(__name__)

MOST_GENERATIONS = 100
"""Running at once in one process; each holds its plan in memory until it is stored."""

GenerationEvent: TypeAlias = Outline | DayReady | PlannedWeek | SavedRoadmap | MomentumError


class Generation:
    """One roadmap in the making: what has happened so far, for whoever watches.

    The last event is the saved roadmap or the error that ended it.
    """

    def __init__(self) -> None:
        self._events: list[GenerationEvent] = []
        self._news = asyncio.Event()

    def tell(self, event: GenerationEvent) -> None:
        """Let all who watch know of an event."""
        self._events.append(event)
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def events(self) -> AsyncGenerator[GenerationEvent, None]:
        """Yield every event from the first to the last; leaving does not end the generation."""
        told = 0
        while True:
            news = self._news
            for event in self._events[told:]:
                told += 1
                yield event
                if isinstance(event, SavedRoadmap | MomentumError):
                    return
            if told == len(self._events):
                await news.wait()


class RoadmapGenerator:
    """Plans roadmaps, stores them whole, lists and deletes them."""

    def __init__(self, store: Store, planner: Planner, timeout_seconds: float) -> None:
        self._store = store
        self._planner = planner
        self._timeout_seconds = timeout_seconds
        self._running: set[asyncio.Task[None]] = set()

    @property
    def planner_name(self) -> str:
        """What makes the plans, in one word."""
        return self._planner.name

    def start(self, user_id: UUID, request: PlanRequest) -> Generation:
        """Start to plan and store a roadmap; it goes on whether or not anybody watches.

        Raises:
            OverloadedError: too many are running already.
        """
        if len(self._running) >= MOST_GENERATIONS:
            raise OverloadedError(f"{MOST_GENERATIONS} generations are running")
        generation = Generation()
        # The set keeps the task alive, and lets `close` find it.
        task = asyncio.create_task(self._run(generation, user_id, request))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return generation

    async def generate(self, user_id: UUID, request: PlanRequest) -> Roadmap:
        """Plan and store a roadmap, or store nothing.

        Raises:
            ModelError: no valid plan came about.
            StoreError: the plan could not be stored.
            OverloadedError: too many are running already.
        """
        async with aclosing(self.start(user_id, request).events()) as events:
            async for event in events:
                if isinstance(event, MomentumError):
                    raise event
                if isinstance(event, SavedRoadmap):
                    return event
        raise AssertionError("unreachable: the last event is one of the two")

    async def list_roadmaps(self, user_id: UUID) -> list[Roadmap]:
        """Return the user's roadmaps, newest first."""
        return await self._store.list_roadmaps(user_id)

    async def delete(self, roadmap_id: int, user_id: UUID) -> None:
        """Delete the user's roadmap with all its tasks.

        Raises:
            RoadmapNotFoundError: there is none.
        """
        await self._store.delete_roadmap(roadmap_id, user_id)

    async def close(self) -> None:
        """Cancel what still runs; nothing of it is stored."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self, generation: Generation, user_id: UUID, request: PlanRequest) -> None:
        try:
            generation.tell(await self._plan_and_store(generation, user_id, request))
        except MomentumError as error:
            generation.tell(error)
        except BaseException as error:
            # Whoever watches must not wait for ever; the cause is for the log.
            if not isinstance(error, asyncio.CancelledError):
                logger.exception("a generation failed unexpectedly")
            generation.tell(MomentumError("the generation ended unexpectedly"))
            raise

    async def _plan_and_store(
        self, generation: Generation, user_id: UUID, request: PlanRequest
    ) -> SavedRoadmap:
        began = time.monotonic()
        first_day: float | None = None
        weeks: list[PlannedWeek] = []
        usage = ModelUsage(model=self._planner.name)
        try:
            async with (
                asyncio.timeout(self._timeout_seconds),
                aclosing(self._planner.plan(request)) as parts,
            ):
                async for part in parts:
                    if isinstance(part, ModelUsage):
                        usage = part
                        continue
                    if isinstance(part, DayReady) and first_day is None:
                        first_day = time.monotonic() - began
                    if isinstance(part, PlannedWeek):
                        weeks.append(part)
                    generation.tell(part)
        except TimeoutError:
            raise ModelTooSlowError(f"no plan within {self._timeout_seconds:g} s") from None
        weeks.sort(key=lambda week: week.week_number)
        # A planner that broke its promise must not make a roadmap with a hole.
        if [week.week_number for week in weeks] != list(range(1, request.duration_weeks + 1)):
            raise ModelOutputError("the planner left weeks out")
        roadmap = await self._store.add_roadmap(
            NewRoadmap(user_id=user_id, request=request, weeks=tuple(weeks))
        )
        figures = GenerationFigures(
            **usage.model_dump(),
            first_day_seconds=round(first_day or 0, 3),
            total_seconds=round(time.monotonic() - began, 3),
        )
        logger.info("generated roadmap %d: %s", roadmap.roadmap_id, figures)
        return SavedRoadmap(**dict(roadmap), generation=figures)
