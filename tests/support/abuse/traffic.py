"""What learners do meanwhile: a roadmap is generated, others are read, tasks are ticked off."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import uuid4

import httpx

from tests.support.learners import roadmap_request

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.1
REFUSALS = {429, 503}
STREAM = {"Accept": "text/event-stream"}
GOAL = "Learn to juggle"
"""By which a model's server that is hostile to others knows these learners."""


@dataclass
class Learner:
    """A user behind an address of their own, with one roadmap."""

    client: httpx.AsyncClient
    user_id: str
    roadmap_id: int
    task_id: str

    @classmethod
    async def enrol(cls, url: str) -> Self:
        """Let a new learner generate a first roadmap."""
        user_id = str(uuid4())
        # As a proxy in front of the service says it; one connection per request, as it may do.
        headers = {"X-Real-IP": f"fd00:{user_id[:4]}:{user_id[4:8]}::1"}
        limits = httpx.Limits(max_keepalive_connections=0)
        client = httpx.AsyncClient(
            base_url=url, headers=headers, timeout=PATIENCE_SECONDS, limits=limits
        )
        answer = await client.post("/generate_roadmap", json=roadmap_of(user_id, 1, GOAL))
        roadmap_id = answer.raise_for_status().json()["roadmap_id"]
        tasks = (await client.get(f"/roadmap/{roadmap_id}")).raise_for_status().json()["tasks"]
        return cls(client, user_id, roadmap_id, tasks[0]["id"])

    async def generate(self) -> None:
        """Generate another roadmap as a stream, for a user who has used up no quota yet.

        Raises:
            RuntimeError: the stream ends without a roadmap.
        """
        body = roadmap_of(str(uuid4()), 1, GOAL)
        async with self.client.stream(
            "POST", "/generate_roadmap", json=body, headers=STREAM
        ) as answer:
            events = [line async for line in answer.aiter_lines() if line.startswith("event: ")]
        if events[-1:] != ["event: saved"]:
            raise RuntimeError(
                f"a stream with status {answer.status_code} ended with {events[-1:]}"
            )

    def requests(self) -> list[httpx.Request]:
        """Return what a learner asks for who opens the page and ticks off a task."""
        build = self.client.build_request
        done = {"task_id": self.task_id, "completed": True, "user_id": self.user_id}
        return [
            build("GET", "/roadmaps", params={"user_id": self.user_id}),
            build("GET", f"/roadmap/{self.roadmap_id}"),
            build("POST", "/task/update", json=done),
        ]


def roadmap_of(user_id: str, weeks: int, goal: str = "Break things") -> dict[str, Any]:
    """Return the body of a request for a roadmap, by default an attacker's."""
    return roadmap_request(user_id=user_id, goal=goal, duration_weeks=weeks, level="beginner")


@dataclass
class Traffic:
    """How the learner's requests ended."""

    learner: Learner
    served: int = 0
    refused: int = 0
    """With a status and a header that let them try again."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Everything else, by what came instead."""
    _ending: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Let it flow inside the context; afterwards each request has had its answer."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._generate())
            tasks.create_task(self._use())
            try:
                yield
            finally:
                self._ending.set()

    async def _generate(self) -> None:
        try:
            await self.learner.generate()
        except (httpx.TransportError, RuntimeError) as error:
            self.dropped[f"a generation: {error!r}"] += 1

    async def _use(self) -> None:
        while not self._ending.is_set():
            for request in self.learner.requests():
                await self._send(request)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _send(self, request: httpx.Request) -> None:
        try:
            answer = await self.learner.client.send(request)
        except httpx.TransportError as error:
            self.dropped[f"{request.method} {request.url.path}: {error!r}"] += 1
            return
        if answer.is_success:
            self.served += 1
        elif self._is_refusal(answer):
            self.refused += 1
        else:
            self.dropped[f"{request.method} {request.url.path}: {answer.status_code}"] += 1

    def _is_refusal(self, answer: httpx.Response) -> bool:
        return answer.status_code in REFUSALS and "retry-after" in answer.headers
