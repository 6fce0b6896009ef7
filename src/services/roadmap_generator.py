"""From a learner's request to a stored roadmap."""

import asyncio
import logging
from uuid import UUID

from src.dao import Store
from src.errors import ModelOutputError, ModelTooSlowError
from src.llm import Planner
from src.models import NewRoadmap, PlannedWeek, PlanRequest, Roadmap

logger = logging.getLogger(__name__)


class RoadmapGenerator:
    """Plans roadmaps, stores them whole, lists and deletes them."""

    def __init__(self, store: Store, planner: Planner, timeout_seconds: float) -> None:
        self._store = store
        self._planner = planner
        self._timeout_seconds = timeout_seconds

    @property
    def planner_name(self) -> str:
        """What makes the plans, in one word."""
        return self._planner.name

    async def generate(self, user_id: UUID, request: PlanRequest) -> Roadmap:
        """Plan and store a roadmap, or store nothing.

        Raises:
            ModelError: no valid plan came about.
            StoreError: the plan could not be stored.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                weeks = await self._plan(request)
        except TimeoutError:
            raise ModelTooSlowError(f"no plan within {self._timeout_seconds:g} s") from None
        roadmap = await self._store.add_roadmap(
            NewRoadmap(user_id=user_id, request=request, weeks=weeks)
        )
        logger.info(
            "stored roadmap %d: %d weeks, planner %s",
            roadmap.roadmap_id,
            len(weeks),
            self._planner.name,
        )
        return roadmap

    async def list_roadmaps(self, user_id: UUID) -> list[Roadmap]:
        """Return the user's roadmaps, newest first."""
        return await self._store.list_roadmaps(user_id)

    async def delete(self, roadmap_id: int, user_id: UUID) -> None:
        """Delete the user's roadmap with all its tasks.

        Raises:
            RoadmapNotFoundError: there is none.
        """
        await self._store.delete_roadmap(roadmap_id, user_id)

    async def _plan(self, request: PlanRequest) -> tuple[PlannedWeek, ...]:
        weeks = [
            part async for part in self._planner.plan(request) if isinstance(part, PlannedWeek)
        ]
        weeks.sort(key=lambda week: week.week_number)
        # A planner that broke its promise must not make a roadmap with a hole.
        if [week.week_number for week in weeks] != list(range(1, request.duration_weeks + 1)):
            raise ModelOutputError("the planner left weeks out")
        return tuple(weeks)
