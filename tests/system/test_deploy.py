"""A deploy as the platform does it: the new deployment takes over while the old one drains."""

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.support.data_plane import DataPlane
from tests.support.keyed_load import beside
from tests.support.lossy_proxy import LossyProxy
from tests.support.service import Service, model_variables, running_service
from tests.support.standin import OpenRouterStandIn, Pace

DRAIN_SECONDS = 3
SWEEP_SECONDS = 2
PLATFORM_SECONDS = 30
OVERLAP_SECONDS = 0.7
"""For how long requests still reach a deployment after its SIGTERM."""

AT_ONCE = 8
READ_PAUSE = 0.05
GENERATED = ": generated roadmap "
SHORT = {"duration_weeks": 1, "daily_hours": 0.5, "level": "beginner"}
SHORT_PAUSE = 0.6
LONG = {"duration_weeks": 3, "daily_hours": 8, "level": "advanced"}
LONG_PAUSE = 1.5
PACE = Pace(first_token=0.3, tokens_per_second=200)
"""At which a short plan takes 2.5 s, and a long one 5.7 s.

So the latest long one, which starts at most `LONG_PAUSE` before SIGTERM, outlasts the drain, and
every short one ends within it.
"""


class Clients:
    """A steady load of reads and generations through the edge, each on a connection of its own."""

    def __init__(self, edge: str) -> None:
        self.dropped: list[str] = []
        """What went wrong for a client, a sentence each."""
        self.reads = 0
        self.saved: set[str] = set()
        """The keys of the roadmaps that a client got at once."""
        self.handed_over: dict[str, str] = {}
        """The address of each generation that another deployment has to finish, by its key."""
        self._numbers = itertools.count(1)
        self._asking: set[asyncio.Task[None]] = set()
        self._client = httpx.AsyncClient(
            base_url=edge, timeout=60, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def repeat(self, ask: Callable[[], Coroutine[Any, Any, None]], pause: float) -> None:
        """Ask at a steady pace, without end; on a busy machine only so many at once."""
        places = asyncio.Semaphore(AT_ONCE)
        while True:
            await places.acquire()
            task = asyncio.create_task(ask())
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
            task.add_done_callback(lambda _: places.release())
            await asyncio.sleep(pause)

    async def settle(self) -> None:
        await asyncio.gather(*self._asking)
        await self._client.aclose()

    async def read(self) -> None:
        answer = await self._send("GET", "/roadmaps", params={"user_id": str(UUID(int=1))})
        if answer is not None and answer.status_code != httpx.codes.OK:
            self.dropped.append(f"read answered {answer.status_code}")
        self.reads += 1

    async def generate(self, shape: dict[str, Any]) -> None:
        number = next(self._numbers)
        key = f"key-{number}"
        body = {"user_id": str(UUID(int=number)), "goal": f"Goal {number}", **shape}
        while True:
            answer = await self._send(
                "POST", "/generate_roadmap", json=body, headers={"Idempotency-Key": key}
            )
            if answer is None:
                return
            if answer.status_code == httpx.codes.OK:
                self.saved.add(key)
                return
            if answer.status_code != 503 or "Retry-After" not in answer.headers:
                self.dropped.append(f"{key} answered {answer.status_code} {answer.text}")
                return
            if location := answer.headers.get("Location"):
                self.handed_over[key] = location
                return
            await asyncio.sleep(0.3)

    async def _send(
        self,
        method: str,
        path: str,
        **options: Any,  # noqa: ANN401  httpx's
    ) -> httpx.Response | None:
        try:
            return await self._client.request(method, path, **options)
        except httpx.TransportError as error:
            self.dropped.append(f"{method} {path}: {error!r}")
            return None


def deployment(
    directory: Path, plane: DataPlane, standin: OpenRouterStandIn
) -> AbstractContextManager[Service]:
    """Start the service as the Procfile does, with a drain that long generations outlast."""
    directory.mkdir()
    variables = {
        **plane.variables,
        **model_variables(standin),
        "WEB_CONCURRENCY": "2",
        "DRAIN_SECONDS": str(DRAIN_SECONDS),
        "SWEEP_INTERVAL_SECONDS": str(SWEEP_SECONDS),
        "STORE_TIMEOUT_SECONDS": "30",  # however busy the machine is
    }
    return running_service("gunicorn", directory, variables)


async def final_state(url: str, location: str) -> str:
    """Return how a generation that was handed over has ended, or `running` after a while."""
    deadline = time.monotonic() + PLATFORM_SECONDS
    async with httpx.AsyncClient(base_url=url, timeout=PLATFORM_SECONDS) as client:
        while True:
            state: str = (await client.get(location)).raise_for_status().json()["state"]
            if state != "running" or time.monotonic() > deadline:
                return state
            await asyncio.sleep(0.2)


@pytest.mark.long(30)
@pytest.mark.timeout(180)
async def test_deploy_drops_nothing(data_plane: DataPlane, tmp_path: Path) -> None:
    """SIGTERM to the old master under load: no request is dropped, every generation is finished.

    The old deployment answers those that end within the drain. For the others it answers where to
    look, and the new one resumes them.
    """
    with ExitStack() as stack:
        standin = stack.enter_context(OpenRouterStandIn(pace=PACE))
        old = stack.enter_context(deployment(tmp_path / "old", data_plane, standin))
        with LossyProxy(old.port) as edge:
            clients = Clients(edge.url)
            async with beside(
                clients.repeat(clients.read, READ_PAUSE),
                clients.repeat(partial(clients.generate, SHORT), SHORT_PAUSE),
                clients.repeat(partial(clients.generate, LONG), LONG_PAUSE),
            ):
                await asyncio.sleep(4)
                new = await asyncio.to_thread(
                    stack.enter_context, deployment(tmp_path / "new", data_plane, standin)
                )
                before = old.log.count(GENERATED)
                began = time.monotonic()
                old.process.terminate()
                await asyncio.sleep(OVERLAP_SECONDS)
                edge.target_port = new.port
                status = await asyncio.to_thread(old.process.wait, PLATFORM_SECONDS)
                took = time.monotonic() - began
                await asyncio.sleep(2)
            await clients.settle()
            states = [await final_state(new.url, at) for at in clients.handed_over.values()]

    assert clients.dropped == []
    assert clients.reads > 100
    assert status == 0
    assert took < PLATFORM_SECONDS
    assert old.log.count("Application shutdown complete") == 2, old.log
    assert old.log.count(GENERATED) > before  # within the drain
    assert clients.handed_over
    assert set(states) == {"succeeded"}
    rows = data_plane.query("select description from roadmaps where published_at is not null")
    goals = {f"Goal {key.removeprefix('key-')}" for key in clients.saved | set(clients.handed_over)}
    assert sorted(goal for (goal,) in rows) == sorted(goals)
    for log in (old.log, new.log):
        assert "Traceback" not in log
