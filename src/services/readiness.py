"""Readiness: whether this process could serve requests that need the database."""

import asyncio
import time
from dataclasses import dataclass
from typing import Literal

from src.dao import Store
from src.domain.errors import StoreError, StoreOutdatedError

CHECK_SECONDS = 2.0
"""How long a check may take, and how long its result is used: probes cannot load the database."""


@dataclass(frozen=True)
class ReadinessReport:
    """What is ready. `schema` is unknown while the database does not answer."""

    database: Literal["ok", "unavailable"]
    schema: Literal["ok", "outdated", "unknown"]
    planner: str

    @property
    def is_ready(self) -> bool:
        """Whether requests that need the database can be served."""
        return self.database == "ok" and self.schema == "ok"


class Readiness:
    """Checks what requests need, once for all who ask at the same time."""

    def __init__(self, store: Store, planner_name: str) -> None:
        self._store = store
        self._planner_name = planner_name
        self._lock = asyncio.Lock()
        self._report: ReadinessReport | None = None
        self._checked_at = 0.0

    async def check(self) -> ReadinessReport:
        """Return what is ready, as of two seconds ago at most."""
        async with self._lock:
            if self._report is None or time.monotonic() - self._checked_at > CHECK_SECONDS:
                self._report = await self._check()
                self._checked_at = time.monotonic()
            return self._report

    async def _check(self) -> ReadinessReport:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self._store.check()
        except StoreOutdatedError:
            return ReadinessReport("ok", "outdated", self._planner_name)
        except (StoreError, TimeoutError):
            return ReadinessReport("unavailable", "unknown", self._planner_name)
        return ReadinessReport("ok", "ok", self._planner_name)
