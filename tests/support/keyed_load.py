"""Learners who ask for roadmaps with idempotency keys, over a line that loses answers."""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from src.domain.plan import PlanRequest

LONGEST_WAIT = 0.4
"""Seconds before the next try: `Retry-After` counts only where it says less."""
PATIENCE = 900.0
"""Seconds until a learner gives up."""
REQUESTS_PER_LEARNER = 4
REPLAYED_SHARE = 0.25
MISUSED_SHARE = 0.1
WATCHED_SHARE = 0.25
"""The share of requests with `Prefer: respond-async`, whose generation is then watched."""

NEEDED_HEADERS = {
    202: ("Location", "Preference-Applied"),
    409: ("Retry-After", "Location"),
    503: ("Retry-After",),
    504: ("Retry-After",),
}
TRY_AGAIN = frozenset({409, 502, 503, 504})
LARGE = {"duration_weeks": 25, "daily_hours": 8, "level": "advanced"}
"""1,050 tasks, which are stored in two requests."""


@dataclass
class KeyedRequest:
    """One roadmap that a learner wants; no other has its goal."""

    key: str
    body: dict[str, Any]
    answer: dict[str, Any] | None = None
    """The roadmap that the learner was given at last."""

    @property
    def goal(self) -> str:
        return str(self.body["goal"])

    @property
    def user_id(self) -> str:
        return str(self.body["user_id"])


def plan_request(source: dict[str, Any], goal: str) -> PlanRequest:
    """Return what a planner was asked for, from a request's body or from a roadmap."""
    names = ("duration_weeks", "daily_hours", "level")
    return PlanRequest.model_validate({name: source[name] for name in names} | {"goal": goal})


class KeyedLoad:
    """So many learners at once, each asking until it has a definite answer, then anew."""

    def __init__(self, url: str, learners: int) -> None:
        self.requests: list[KeyedRequest] = []
        self.statuses: Counter[str] = Counter()
        """What every try came to."""
        self.faults: Counter[str] = Counter()
        """Answers that break the contract."""
        self.locations: set[str] = set()
        """The paths of all generations that an answer named."""
        self.longest_seconds = 0.0
        self.large_share = 0.0
        self._learners = learners
        self._chance = random.Random(1)
        self._numbers = itertools.count(1)
        self._ending = asyncio.Event()
        # A connection per request: an answer that is lost takes no other one along.
        limits = httpx.Limits(max_keepalive_connections=0, max_connections=None)
        self._client = httpx.AsyncClient(base_url=url, timeout=60, limits=limits)

    @property
    def resolved(self) -> int:
        return sum(request.answer is not None for request in self.requests)

    def end(self) -> None:
        self._ending.set()

    async def run(self) -> None:
        """Ask until `end` is called and every request is resolved or given up."""
        async with self._client:
            await asyncio.gather(*(self._learn() for _ in range(self._learners)))

    async def _learn(self) -> None:
        while not self._ending.is_set():
            request = self._next_request()
            self.requests.append(request)
            began = time.monotonic()
            request.answer = await self._resolve(request)
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)
            if request.answer is None:
                self.faults["requests given up"] += 1
            elif request.answer["description"] != request.goal:
                self.faults["another request's roadmap"] += 1
            elif self._chance.random() < REPLAYED_SHARE:
                await self._replay(request)

    def _next_request(self) -> KeyedRequest:
        number, chance = next(self._numbers), self._chance
        large = chance.random() < self.large_share
        shape = {
            "duration_weeks": chance.randint(1, 3),
            "daily_hours": chance.choice([0.5, 1, 2, 4]),
            "level": chance.choice(["beginner", "intermediate", "advanced"]),
        }
        body = {
            "user_id": str(UUID(int=1 + number // REQUESTS_PER_LEARNER, version=4)),
            "goal": f"Learn thing number {number}",
            **(LARGE if large else shape),
        }
        return KeyedRequest(f"key-{number}", body)

    async def _resolve(self, request: KeyedRequest) -> dict[str, Any] | None:
        """Ask until there is a definite answer; None when patience ends."""
        headers = {"Prefer": "respond-async"} if self._chance.random() < WATCHED_SHARE else {}
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            answer = await self._ask(request, headers)
            if answer is None:
                await asyncio.sleep(self._chance.uniform(0.02, 0.1))
            elif answer.status_code == httpx.codes.OK:
                return dict(answer.json())
            elif answer.status_code == httpx.codes.ACCEPTED:
                roadmap = await self._watch(answer.headers["Location"], deadline)
                if roadmap is not None:
                    return roadmap
            elif answer.status_code in TRY_AGAIN:
                await asyncio.sleep(min(LONGEST_WAIT, float(answer.headers.get("Retry-After", 1))))
            else:
                self.faults[f"status {answer.status_code}"] += 1
                return None
        return None

    async def _ask(
        self, request: KeyedRequest, headers: dict[str, str] | None = None
    ) -> httpx.Response | None:
        """Ask once and check the answer's headers; None where no answer came."""
        answer = await self._send(
            "POST",
            "/generate_roadmap",
            json=request.body,
            headers={"Idempotency-Key": request.key} | (headers or {}),
        )
        if answer is not None:
            if "Location" in answer.headers:
                self.locations.add(answer.headers["Location"])
            for name in NEEDED_HEADERS.get(answer.status_code, ()):
                if name not in answer.headers:
                    self.faults[f"{answer.status_code} without {name}"] += 1
        return answer

    async def _watch(self, location: str, deadline: float) -> dict[str, Any] | None:
        """Ask how it goes until there is a roadmap; None where there will be none."""
        while time.monotonic() < deadline:
            answer = await self._send("GET", location)
            if answer is not None and answer.status_code == httpx.codes.OK:
                status = answer.json()
                if status["state"] != "running":
                    return status["roadmap"] if status["state"] == "succeeded" else None
            elif answer is not None and answer.status_code not in TRY_AGAIN:
                self.faults[f"status {answer.status_code} of a generation"] += 1
                return None
            await asyncio.sleep(0.2)
        return None

    async def _replay(self, request: KeyedRequest) -> None:
        """Use the key once more: for the same request, or for another."""
        misused = self._chance.random() < MISUSED_SHARE
        body = request.body | ({"goal": f"{request.goal}, and another"} if misused else {})
        again = KeyedRequest(request.key, body)
        for _ in range(100):
            answer = await self._ask(again)
            if answer is None or answer.status_code in TRY_AGAIN - {409}:
                await asyncio.sleep(0.1)
                continue
            if misused:
                right = answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
                self.faults["key reused for another request without a 422"] += not right
            else:
                replayed = answer.headers.get("Idempotency-Replayed") == "true"
                right = answer.status_code == httpx.codes.OK and replayed
                right = right and _eight(answer.json()) == _eight(request.answer or {})
                self.faults["a repeated key that was not replayed"] += not right
            return

    async def _send(
        self,
        method: str,
        path: str,
        **options: Any,  # noqa: ANN401  of httpx
    ) -> httpx.Response | None:
        try:
            answer = await self._client.request(method, path, **options)
        except httpx.TransportError as error:
            self.statuses[type(error).__name__] += 1
            return None
        outcome = str(answer.status_code)
        if answer.is_server_error:
            kind = answer.headers.get("content-type", "")
            problem = answer.json()["type"] if "problem+json" in kind else "no problem document"
            outcome += f" {problem.rpartition(':')[2]}"
        self.statuses[outcome] += 1
        return answer


def _eight(roadmap: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that every answer about a roadmap has."""
    names = ("roadmap_id", "user_id", "description", "level", "duration_weeks", "daily_hours")
    return {name: roadmap.get(name) for name in (*names, "is_active", "created_at")}


@asynccontextmanager
async def under_load(load: KeyedLoad) -> AsyncIterator[None]:
    """Load the service inside the context; afterwards every request is resolved or given up."""
    loading = asyncio.create_task(load.run())
    try:
        yield
    finally:
        load.end()
        await loading


@asynccontextmanager
async def beside(*works: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Do endless works while in the context; one that ends has failed, and so does the context."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
