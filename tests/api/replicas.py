"""Several instances of the application on one database, and a planner that stops at a gate."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import httpx
from fastapi import FastAPI

from api import create_app
from src.app_state import AppState, state_of
from src.dao import Store
from src.domain.errors import ModelError
from src.domain.generation import PlannedPart
from src.domain.plan import ModelUsage, PlanRequest
from src.llm import PlanPart
from src.llm.offline.planner import OfflinePlanner
from src.settings import Settings
from tests.support.learners import REQUEST
from tests.support.waiting import PATIENCE_SECONDS, until, until_true

Running: TypeAlias = "Callable[..., AbstractAsyncContextManager[Replica]]"
"""Runs an instance with these settings, and with `planner` if one is given; see the fixture."""


class Start(Protocol):
    """Starts an instance on the test's database, with its settings; see the fixture."""

    async def __call__(self, planner: "GatedPlanner | None" = None) -> "Replica": ...


class GatedPlanner:
    """The offline planner, which waits at a gate once it has yielded `free_parts` parts.

    It raises `error`, if there is one, after the gate.
    """

    name = "offline"

    def __init__(self, free_parts: int, error: ModelError | None = None) -> None:
        self._free_parts = free_parts
        self._error = error
        self.gate = asyncio.Event()
        self._reached = asyncio.Event()
        self.known: list[Sequence[PlannedPart]] = []
        """The known parts of each call."""
        self.made: list[PlannedPart] = []
        """The parts that all calls yielded."""
        self.running = 0

    async def plan(
        self, request: PlanRequest, known: Sequence[PlannedPart] = ()
    ) -> AsyncGenerator[PlanPart, None]:
        self.known.append(known)
        self.running += 1
        try:
            async with aclosing(OfflinePlanner().plan(request, known)) as parts:
                async for part in parts:
                    if not isinstance(part, ModelUsage):
                        if len(self.made) >= self._free_parts:
                            self._reached.set()
                            await self.gate.wait()
                            if self._error is not None:
                                raise self._error
                        self.made.append(part)
                    yield part
        finally:
            self.running -= 1

    async def at_the_gate(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._reached.wait()

    async def close(self) -> None:
        """Do nothing: there are no connections."""


@dataclass
class Replica:
    app: FastAPI
    client: httpx.AsyncClient
    store: Store

    @property
    def state(self) -> AppState:
        return state_of(self.app)

    async def status(self, location: str) -> dict[str, Any]:
        answer = await self.client.get(location)
        assert answer.status_code == httpx.codes.OK, answer.text
        status: dict[str, Any] = answer.json()
        return status

    async def until(self, location: str, **facts: object) -> dict[str, Any]:
        """Wait until the status of a generation has these facts."""

        async def find() -> dict[str, Any] | None:
            status = await self.status(location)
            return status if facts.items() <= status.items() else None

        status = await until(find)
        assert status is not None
        return status

    async def events(self, location: str, after: int | None = None) -> list[dict[str, Any]]:
        """Follow a generation to its end; return each event's `event`, `id` and `data`."""
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        answer = await self.client.get(f"{location}/events", headers=headers)
        assert answer.status_code == httpx.codes.OK, answer.text
        return events_in(answer.text)

    async def leave(self, drain_seconds: float) -> None:
        """Begin the drain, as the server does, and wait until no generation runs there."""
        runs = self.state.runs
        runs.begin_drain(drain_seconds)
        await until_true(lambda: not runs.is_busy)

    async def roadmaps(self, user_id: str) -> list[dict[str, Any]]:
        listed = await self.client.get("/roadmaps", params={"user_id": user_id})
        assert listed.status_code == httpx.codes.OK, listed.text
        roadmaps: list[dict[str, Any]] = listed.json()
        return roadmaps


async def request_to_gate(
    on: Replica, planner: GatedPlanner, headers: dict[str, str] | None = None
) -> asyncio.Task[httpx.Response]:
    """Request Ana's roadmap, and wait until the planner has reached its gate."""
    request = on.client.post("/generate_roadmap", json=REQUEST, headers=headers)
    waiting = asyncio.create_task(request)
    await planner.at_the_gate()
    return waiting


def events_in(text: str) -> list[dict[str, Any]]:
    found = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":")
        )
        if fields:
            found.append(fields | {"data": json.loads(fields["data"])})
    return found


@asynccontextmanager
async def replica(
    settings: Settings, store: Store, planner: GatedPlanner | None = None
) -> AsyncIterator[Replica]:
    """Run an instance; leaving ends it as a server does, which closes the store."""
    app = create_app(settings, store=store, planner=planner)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://api.test", timeout=60) as client,
        app.router.lifespan_context(app),
    ):
        yield Replica(app, client, store)
