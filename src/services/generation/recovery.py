"""Continues generations that no process works on any more, and deletes what dead ones left."""

import asyncio
import logging
import random
from contextlib import suppress

from src.dao import Generations
from src.domain.errors import (
    GenerationAbandonedError,
    HandedOverError,
    OverloadedError,
    ShuttingDownError,
    StoreError,
)
from src.domain.generation import Failure
from src.services.generation.registry import RunRegistry

logger = logging.getLogger(__name__)


class GenerationRecovery:
    """Looks for what dead processes left."""

    def __init__(self, generations: Generations, runs: RunRegistry) -> None:
        self._generations = generations
        self._runs = runs

    async def sweep(self) -> None:
        """Delete leftovers, give up what never progresses, and continue the rest here.

        Raises:
            StoreError: the database cannot be reached.
        """
        swept = await self._generations.sweep(Failure(problem=GenerationAbandonedError.code))
        if swept.roadmaps or swept.generations:
            logger.warning(
                "deleted %d unpublished roadmaps, gave up %d generations",
                swept.roadmaps,
                swept.generations,
            )
        with suppress(ShuttingDownError, OverloadedError, HandedOverError):
            while await self._resume_one():
                pass

    async def sweep_periodically(self, interval_seconds: float) -> None:
        """Sweep at once and then at about every interval, until cancelled."""
        while True:
            try:
                await self.sweep()
            except StoreError as error:
                logger.warning("could not sweep: %s: %s", type(error).__name__, error)
            except Exception:
                # Without sweeps leftovers would pile up unnoticed.
                logger.exception("could not sweep")
            # The jitter keeps workers and replicas from sweeping all at the same moment.
            await asyncio.sleep(interval_seconds * random.uniform(0.8, 1.2))  # noqa: S311

    async def _resume_one(self) -> bool:
        """Continue a generation whose lease has expired; return whether there was one."""
        with self._runs.reserve() as lease:
            record = await self._generations.claim(lease)
            if record is not None:
                logger.warning("continuing generation %s", record.generation_id)
                await self._runs.start(record, lease, is_new=False)
        return record is not None
