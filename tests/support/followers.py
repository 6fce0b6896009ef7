"""Followers of every generation, who come back after each lost connection and compare notes."""

import asyncio
import json
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.keyed_load import KeyedLoad

PATIENCE = 180.0
"""Seconds for which followers may go on after the load has ended."""
READ_SECONDS = 8.0
"""How long a follower waits for the next bytes: a stopped worker sends none."""
FICKLE_SHARE = 0.2
"""The share of events after which a fickle follower hangs up."""
PER_REQUEST = {"instance", "request_id"}
"""Members of a problem that differ with each answer."""


@dataclass
class _Followed:
    """What the followers of one generation have seen together."""

    path: str
    may_be_deleted: bool
    events: dict[int, str] = field(default_factory=dict)
    """By number, as it was seen first."""
    end: int | None = None


@dataclass
class _Follower:
    client: httpx.AsyncClient
    is_fickle: bool
    followed: _Followed
    last: int = 0
    """The number of the last event seen."""


class Followers:
    """Follows each generation twice: steadily, and hanging up now and then."""

    def __init__(self, steady_url: str, fickle_url: str, load: KeyedLoad) -> None:
        self.faults: Counter[str] = Counter()
        """Promises about events that were not kept."""
        self.followed: dict[str, _Followed] = {}
        """By the path of the generation."""
        self.complete = 0
        """Followers who have seen everything from 1 to the end."""
        self.deleted = 0
        """Followers whose roadmap was deleted before they had seen its end."""
        self.returns = 0
        """How often followers came back."""
        self._load = load
        self._tasks: set[asyncio.Task[None]] = set()
        self._chance = random.Random(11)
        limits = httpx.Limits(max_keepalive_connections=0, max_connections=None)
        timeout = httpx.Timeout(10, read=READ_SECONDS)
        self._clients = [
            httpx.AsyncClient(base_url=url, timeout=timeout, limits=limits)
            for url in (steady_url, fickle_url)
        ]

    async def follow_all(self) -> None:
        """Follow every generation that the load meets, until cancelled."""
        while True:
            for path in self._load.locations - self.followed.keys():
                self.follow(path)
            await asyncio.sleep(0.02)

    def follow(self, path: str, *, may_be_deleted: bool = False) -> None:
        """Follow the generation at this path twice, each time to its end."""
        followed = self.followed[path] = _Followed(path, may_be_deleted)
        for client in self._clients:
            follower = _Follower(client, client is self._clients[1], followed)
            self._tasks.add(asyncio.create_task(self._follow(follower)))

    async def finish(self) -> None:
        """Let all followers see an end. It is a fault if one does not within the patience."""
        if self._tasks:
            done, pending = await asyncio.wait(self._tasks, timeout=PATIENCE)
            self.faults["followers without an end"] += len(pending)
            for task in pending:
                task.cancel()
            for task in done:
                task.result()
        for client in self._clients:
            await client.aclose()

    def compare_with(self, stored_ends: dict[str, int]) -> None:
        """Compare the numbers of the ends with those that the store has, by generation."""
        for path, followed in self.followed.items():
            if followed.end is None:
                continue
            is_stored = followed.end == stored_ends[path.rpartition("/")[2]]
            self.faults["ends with another number than in the store"] += not is_stored
            self.faults["events after the end"] += max(followed.events) > followed.end

    async def _follow(self, follower: _Follower) -> None:
        is_over = False
        while not is_over:
            with suppress(httpx.TransportError):
                is_over = await self._connect(follower)
            self.returns += not is_over
            await asyncio.sleep(self._chance.uniform(0.02, 0.2))

    async def _connect(self, follower: _Follower) -> bool:
        """Read events on one connection; return whether all is over."""
        followed = follower.followed
        headers = {"Last-Event-ID": str(follower.last)} if follower.last else {}
        path = f"{followed.path}/events"
        async with follower.client.stream("GET", path, headers=headers) as answer:
            if answer.status_code == httpx.codes.NOT_FOUND:
                self.deleted += followed.may_be_deleted
                self.faults["404 without a deletion"] += not followed.may_be_deleted
                return True
            if answer.status_code == httpx.codes.NO_CONTENT:
                self.faults["204 before the end was sent"] += 1
                return True
            if answer.status_code != httpx.codes.OK:
                return False
            async for name, data, number in _events_in(answer):
                if number is not None and self._note(follower, name, data, number):
                    self.complete += 1
                    return True
                if follower.is_fickle and self._chance.random() < FICKLE_SHARE:
                    return False
        return False

    def _note(self, follower: _Follower, name: str, data: dict[str, Any], number: int) -> bool:
        """Compare an event with what others have seen; return whether it is the end."""
        followed = follower.followed
        self.faults["events out of sequence"] += number != follower.last + 1
        follower.last = number
        kept = {key: value for key, value in data.items() if key not in PER_REQUEST}
        text = json.dumps([name, kept], sort_keys=True)
        self.faults["events that differ"] += followed.events.setdefault(number, text) != text
        if name not in {"saved", "problem"}:
            return False
        self.faults["ends with different numbers"] += followed.end not in {None, number}
        followed.end = number
        return True


class Deletions:
    """A learner who deletes each roadmap as soon as it is there, while others follow it."""

    def __init__(self, url: str, followers: Followers) -> None:
        self.done = 0
        self._followers = followers
        self._client = httpx.AsyncClient(base_url=url, timeout=10)
        self._user_id = ""

    async def delete_on(self) -> None:
        """Have roadmaps made and delete them, until cancelled."""
        number = 0
        async with self._client:
            while True:
                number, self._user_id = number + 1, str(uuid.uuid4())  # none has reached a limit
                path = (await self._until("POST", "/generate_roadmap", number)).headers["Location"]
                self._followers.follow(path, may_be_deleted=True)
                status = (await self._until("GET", path)).json()
                while status["state"] == "running":
                    await asyncio.sleep(0.05)
                    status = (await self._until("GET", path)).json()
                if status["roadmap"]:
                    await self._until("DELETE", f"/roadmap/{status['roadmap']['roadmap_id']}")
                    self.done += 1

    async def _until(self, method: str, path: str, number: int | None = None) -> httpx.Response:
        """Repeat a request until it has an answer that is neither an error nor a refusal."""
        plan = {
            "goal": f"Forget thing number {number}",
            "duration_weeks": 2,
            "daily_hours": 1,
            "level": "beginner",
        }
        while True:
            with suppress(httpx.TransportError):
                answer = await self._client.request(
                    method,
                    path,
                    params={} if number else {"user_id": self._user_id},
                    headers={"Prefer": "respond-async", "Idempotency-Key": f"forget-{number}"},
                    json=plan | {"user_id": self._user_id} if number else None,
                )
                # A deletion whose first answer was lost finds nothing more.
                if answer.is_success or (method == "DELETE" and answer.status_code == 404):
                    return answer
            await asyncio.sleep(0.1)


async def _events_in(
    answer: httpx.Response,
) -> AsyncIterator[tuple[str, dict[str, Any], int | None]]:
    """Yield the name, the data and the number of each event, as it arrives."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if name:
            fields[name] = value
        elif "event" in fields:
            number = int(fields["id"]) if "id" in fields else None
            yield fields["event"], json.loads(fields["data"]), number
            fields = {}
