"""Ends now and then what nobody else will end."""

import asyncio
import logging
import random

from src.domain.errors import StoreError
from src.services.generation.roadmap_generator import RoadmapGenerator

logger = logging.getLogger(__name__)


async def sweep_now_and_then(generator: RoadmapGenerator, interval_seconds: float) -> None:
    """Sweep at once and then at about every interval, until cancelled."""
    while True:
        try:
            await generator.sweep()
        except StoreError as error:
            logger.warning("could not sweep: %s: %s", type(error).__name__, error)
        except Exception:
            # A sweeper that died would be missed by nobody until the leftovers are many.
            logger.exception("could not sweep")
        # The jitter keeps workers and replicas from sweeping all at the same moment.
        await asyncio.sleep(interval_seconds * random.uniform(0.8, 1.2))  # noqa: S311
