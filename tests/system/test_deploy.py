"""A deploy as the platform does it: the new deployment takes over while the old one drains."""

import asyncio
import itertools
import time
from collections.abc import Coroutine
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.support.crash import UNBOUNDED
from tests.support.data_plane import DataPlane
from tests.support.keyed_load import beside
from tests.support.lossy_proxy import LossyProxy
from tests.support.service import Service, model_variables, running_service
from tests.support.standin import OpenRouterStandIn, Pace

DRAIN_SECONDS = 3
SWEEP_SECONDS = 2
PLATFORM_SECONDS = 30
OVERLAP_SECONDS = 0.7
"""For how long requests still come to a deployment that was told to end."""

MADE = ": generated roadmap "
SHORT = {"duration_weeks": 1, "daily_hours": 0.5, "level": "beginner"}
SHORT_PAUSE = 0.6
LONG = {"duration_weeks": 3, "daily_hours": 8, "level": "advanced"}
LONG_PAUSE = 1.5
PACE = Pace(first_token=0.3, tokens_per_second=200)
"""At which a short plan takes 2.5 s, and a long one 5.7 s.

So the latest long one, begun at most `LONG_PAUSE` before SIGTERM, always outlasts the drain, and
every short one ends within it.
"""


@dataclass
class Traffic:
    """What clients met. A client opens a connection per request, so each is a request of its own.

    Keys of generations are collected by what became of them.
    """

    dropped: list[str] = field(default_factory=list)
    reads: int = 0
    made: set[str] = field(default_factory=set)
    handed_over: dict[str, str] = field(default_factory=dict)
    """With the address at which the generation is told of."""
    refused: int = 0


class Clients:
    """A steady load of reads and generations through the edge."""

    def __init__(self, edge: str) -> None:
        self.traffic = Traffic()
        self._numbers = itertools.count(1)
        self._asking: set[asyncio.Task[None]] = set()
        self._client = httpx.AsyncClient(
            base_url=edge, timeout=60, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def read(self) -> None:
        """Read at a steady pace, without end."""
        while True:
            self._begin(self._read_once())
            await asyncio.sleep(0.05)

    async def generate(self, shape: dict[str, Any], pause: float) -> None:
        """Ask for roadmaps at a steady pace, without end."""
        while True:
            self._begin(self._generate_once(next(self._numbers), shape))
            await asyncio.sleep(pause)

    async def settle(self) -> None:
        """Wait until everything that was asked is answered."""
        await asyncio.gather(*self._asking)
        await self._client.aclose()

    def _begin(self, request: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(request)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _read_once(self) -> None:
        answer = await self._send("GET", "/roadmaps", params={"user_id": str(UUID(int=1))})
        if answer is not None and answer.status_code != httpx.codes.OK:
            self.traffic.dropped.append(f"read answered {answer.status_code}")
        self.traffic.reads += 1

    async def _generate_once(self, number: int, shape: dict[str, Any]) -> None:
        key = f"key-{number}"
        body = {"user_id": str(UUID(int=number)), "goal": f"Goal {number}", **shape}
        while True:
            answer = await self._send(
                "POST", "/generate_roadmap", json=body, headers={"Idempotency-Key": key}
            )
            if answer is None:
                return
            if answer.status_code == httpx.codes.OK:
                self.traffic.made.add(key)
                return
            if answer.status_code != 503 or "Retry-After" not in answer.headers:
                self.traffic.dropped.append(f"{key} answered {answer.status_code} {answer.text}")
                return
            if location := answer.headers.get("Location"):
                self.traffic.handed_over[key] = location
                return
            self.traffic.refused += 1
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
            self.traffic.dropped.append(f"{method} {path}: {error!r}")
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
        **UNBOUNDED,
    }
    return running_service("gunicorn", directory, variables)


async def resumed(url: str, location: str) -> dict[str, Any]:
    """Wait until a generation that was handed over has ended, and return what is told of it."""
    deadline = time.monotonic() + PLATFORM_SECONDS
    async with httpx.AsyncClient(base_url=url, timeout=PLATFORM_SECONDS) as client:
        while True:
            told: dict[str, Any] = (await client.get(location)).raise_for_status().json()
            if told["state"] != "running" or time.monotonic() > deadline:
                return told
            await asyncio.sleep(0.2)


@pytest.mark.long(30)
@pytest.mark.timeout(180)
async def test_deploy_drops_nothing(data_plane: DataPlane, tmp_path: Path) -> None:
    """SIGTERM to the old master under load: no request is dropped, every generation is finished.

    Those that end within the drain are answered by the old deployment; the others are told where
    to look, and are resumed by the new one.
    """
    with ExitStack() as stack:
        standin = stack.enter_context(OpenRouterStandIn(pace=PACE))
        old = stack.enter_context(deployment(tmp_path / "old", data_plane, standin))
        with LossyProxy(old.port) as edge:
            clients = Clients(edge.url)
            async with beside(
                clients.read(),
                clients.generate(SHORT, SHORT_PAUSE),
                clients.generate(LONG, LONG_PAUSE),
            ):
                await asyncio.sleep(4)
                new = await asyncio.to_thread(
                    stack.enter_context, deployment(tmp_path / "new", data_plane, standin)
                )
                made_before = old.log.count(MADE)
                began = time.monotonic()
                old.process.terminate()
                await asyncio.sleep(OVERLAP_SECONDS)
                edge.target_port = new.port
                status = await asyncio.to_thread(old.process.wait, PLATFORM_SECONDS)
                took = time.monotonic() - began
                await asyncio.sleep(2)
            await clients.settle()
            traffic = clients.traffic
            ends = [await resumed(new.url, location) for location in traffic.handed_over.values()]

    assert traffic.dropped == []
    assert traffic.reads > 100
    assert status == 0
    assert took < PLATFORM_SECONDS
    assert old.log.count("Application shutdown complete") == 2, old.log
    assert old.log.count(MADE) > made_before  # within the drain
    assert traffic.handed_over
    assert [end["state"] for end in ends] == ["succeeded"] * len(ends)
    rows = data_plane.query("select description from roadmaps where published_at is not null")
    goals = {f"Goal {key.removeprefix('key-')}" for key in traffic.made | set(traffic.handed_over)}
    assert sorted(goal for (goal,) in rows) == sorted(goals)
    for log in (old.log, new.log):
        assert "Traceback" not in log
