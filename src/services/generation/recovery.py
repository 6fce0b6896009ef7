"""Continues generations that have waited or whose process has died, and deletes what it left."""

import asyncio
import logging
import random
from contextlib import suppress

from src.dao import Generations
from src.domain import errors
from src.domain.generation import Failure
from src.services.generation.registry import RunRegistry
from src.services.generation.run import RELEASE_SECONDS

logger = logging.getLogger(__name__)


class GenerationRecovery:
    """Sweeps the database for the work of dead processes."""

    def __init__(self, generations: Generations, runs: RunRegistry) -> None:
        self._generations = generations
        self._runs = runs

    async def sweep(self) -> None:
        """Delete unpublished roadmaps, give up generations without progress, continue the others.

        Raises:
            StoreError: the database cannot be reached.
        """
        swept = await self._generations.sweep(Failure(problem=errors.GenerationAbandonedError.code))
        if swept.roadmaps or swept.generations:
            logger.warning(
                "deleted %d unpublished roadmaps, gave up %d generations",
                swept.roadmaps,
                swept.generations,
            )
        with suppress(errors.ShuttingDownError, errors.OverloadedError, errors.HandedOverError):
            while await self._resume_one():
                pass

    async def sweep_periodically(self, interval_seconds: float) -> None:
        """Sweep now and then about once per interval, until cancelled."""
        while True:
            try:
                await self.sweep()
            except errors.StoreError as error:
                logger.warning("could not sweep: %s: %s", type(error).__name__, error)
            except Exception:
                # One bug must not end all later sweeps.
                logger.exception("could not sweep")
            # The jitter keeps workers and replicas from sweeping at the same moment.
            await asyncio.sleep(interval_seconds * random.uniform(0.8, 1.2))  # noqa: S311

    async def _resume_one(self) -> bool:
        """Continue a generation that nobody works on; return whether there was one."""
        with self._runs.reserve() as lease:
            given_up = errors.StoreTooSlowError("no claim before the process has to end")
            async with self._runs.drain.raise_when_over(given_up, RELEASE_SECONDS):
                record = await self._generations.claim(lease)
            if record is not None:
                logger.warning("continuing generation %s", record.generation_id)
                await self._runs.start(record, lease, is_new=False)
        return record is not None
