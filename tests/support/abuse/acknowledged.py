"""What the service has acknowledged, and whether all of it is there after a fault."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

import httpx

from tests.support.abuse.traffic import GOAL, roadmap_of
from tests.support.waiting import until

RECOVERY_SECONDS = 65.0
"""By then all is answered again: Gunicorn replaces a worker that hangs after 60 s."""

PAUSE_SECONDS = 0.2
STEADY_READS = 10
"""In a row, over new connections, until the service counts as recovered."""


@dataclass
class Acknowledged:
    """Roadmaps and ticks for which learners have a status below 300."""

    url: str
    generations: dict[str, str] = field(default_factory=dict)
    """The users, by the URL of their generation."""
    ticks: dict[str, str] = field(default_factory=dict)
    """The roadmaps, by the id of a task that is done."""

    async def begin(self, number: int) -> None:
        """Let so many new users begin a roadmap each, without waiting for it."""
        for _ in range(number):
            user_id = str(uuid4())
            self.generations[await until(partial(self._begin, user_id))] = user_id

    async def _begin(self, user_id: str) -> str:
        """Return the URL; empty if the service refuses for now, as a worker that stops does."""
        headers = {"Prefer": "respond-async", "Idempotency-Key": user_id}
        body = roadmap_of(user_id, 2, GOAL)
        async with self._client() as client:
            with suppress(httpx.TransportError):
                answer = await client.post("/generate_roadmap", json=body, headers=headers)
                return answer.headers["location"] if answer.is_success else ""
        return ""

    async def tick(self, roadmap_id: int) -> None:
        """Tick off the first task of a roadmap that is not done."""
        async with self._client() as client:
            tasks = (await client.get(f"/roadmap/{roadmap_id}")).raise_for_status().json()["tasks"]
            task_id = next(task["id"] for task in tasks if not task["completed"])
            done = {"task_id": task_id, "completed": True}
            (await client.post("/task/update", json=done)).raise_for_status()
            self.ticks[task_id] = f"/roadmap/{roadmap_id}"

    async def until_answered(self, began: float) -> list[str]:
        """Wait until learners are answered again; return what is wrong if they are not in time."""
        answered = 0
        while answered < STEADY_READS:
            if time.monotonic() > began + RECOVERY_SECONDS:
                return [f"not answered again within {RECOVERY_SECONDS:.0f} s"]
            roadmaps = await self._get(f"/roadmaps?user_id={uuid4()}")
            answered = answered + 1 if roadmaps == [] else 0
            await asyncio.sleep(0 if answered else PAUSE_SECONDS)
        return []

    async def lost(self, began: float | None = None) -> list[str]:
        """Return what is not there in time after the fault that began then, by default now."""
        wrong = []
        began = time.monotonic() if began is None else began
        for path, user_id in self.generations.items():
            status = await self._get_until(began, path, _has_finished)
            if status is None or status["state"] != "succeeded":
                wrong.append(f"a generation is {status and status['state']}")
                continue
            roadmaps = await self._get_until(began, f"/roadmaps?user_id={user_id}", bool)
            wrong += ["not one roadmap for one request"] * (len(roadmaps or ()) != 1)
        for task_id, path in self.ticks.items():
            roadmap = await self._get_until(began, path, bool)
            done = {task["id"] for task in (roadmap or {"tasks": ()})["tasks"] if task["completed"]}
            wrong += ["a tick was lost"] * (task_id not in done)
        return wrong

    async def _get_until(self, began: float, path: str, is_it: Callable[[Any], bool]) -> Any:  # noqa: ANN401  JSON
        """Return what is answered, once it is what is waited for or the time is over."""
        while not is_it(found := await self._get(path)):
            if time.monotonic() > began + RECOVERY_SECONDS:
                break
            await asyncio.sleep(PAUSE_SECONDS)
        return found

    async def _get(self, path: str) -> Any:  # noqa: ANN401  JSON
        """Return what is answered; None without a good answer."""
        async with self._client() as client:
            with suppress(httpx.TransportError):
                answer = await client.get(path, timeout=5)
                if answer.is_success:
                    return answer.json()
        return None

    def _client(self) -> httpx.AsyncClient:
        headers = {"X-Real-IP": f"fd00:{uuid4().hex[:4]}::1"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30, verify=False)  # noqa: S501  plain HTTP


def _has_finished(status: Any) -> bool:  # noqa: ANN401  JSON
    return status is not None and status["state"] not in {"running", "waiting"}
