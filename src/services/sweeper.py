"""Removes what writers that died left behind."""

import asyncio
import logging
import random
from datetime import timedelta

from src.dao import Store
from src.errors import StoreError

logger = logging.getLogger(__name__)

LEFTOVER_AGE = timedelta(minutes=15)
"""Older than any living writer's unpublished rows: storing takes seconds, and is bounded."""


async def sweep_now_and_then(store: Store, interval_seconds: float) -> None:
    """Sweep at once and then at about every interval, until cancelled."""
    while True:
        try:
            swept = await store.sweep_unpublished(LEFTOVER_AGE)
        except StoreError as error:
            logger.warning("could not sweep: %s: %s", type(error).__name__, error)
        except Exception:
            # A sweeper that died would be missed by nobody until the leftovers are many.
            logger.exception("could not sweep")
        else:
            if swept:
                logger.warning("removed %d unpublished roadmaps of dead writers", swept)
        # The jitter keeps workers and replicas from sweeping all at the same moment.
        await asyncio.sleep(interval_seconds * random.uniform(0.8, 1.2))  # noqa: S311
