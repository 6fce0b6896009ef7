"""Readers that check all the time that every roadmap that they can see is whole."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg

from src.domain.plan_rules import tasks_for_day
from src.domain.vocabulary import DAYS_PER_WEEK
from tests.support.data_plane import Database
from tests.support.keyed_load import KeyedLoad, plan_request
from tests.support.plans import roadmap_violations

SWEPT_SECONDS = 60
"""How long what a dead process left may lie about."""

RECENT_REQUESTS = 40
"""Readers look mostly where something happens: at the learners of the latest requests."""

VISIBLE = """
select r.roadmap_id, r.duration_weeks, r.daily_hours, r.level, count(t.id),
    count(distinct (t.week_number, t.day_number)),
    coalesce(min(t.week_number) = 1 and max(t.week_number) = r.duration_weeks, false)
from roadmaps as r left join roadmap_tasks as t using (roadmap_id)
where r.published_at > now() - interval '{seconds} seconds'
group by r.roadmap_id
"""
UNPUBLISHED = """
select count(*), coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)
from roadmaps where published_at is null
"""


class Readers:
    """Reads through the API, as learners do."""

    def __init__(self, url: str, load: KeyedLoad) -> None:
        self.partial: set[int] = set()
        """Roadmaps that were seen without being whole."""
        self.gone: set[int] = set()
        """Roadmaps that were seen once and later not."""
        self.checks = 0
        self.unread: Counter[str] = Counter()
        """Reads that came to nothing, by what came instead."""
        self._client = httpx.AsyncClient(base_url=url, timeout=30)
        self._load = load
        self._seen: dict[str, set[int]] = {}
        self._whole: set[int] = set()
        self._chance = random.Random(7)

    async def read_on(self) -> None:
        while True:
            recent = self._load.requests[-RECENT_REQUESTS:]
            if recent:
                await self._read(self._chance.choice(recent).user_id)
            await asyncio.sleep(0.02)

    async def read_everything(self) -> None:
        self._whole.clear()
        for user_id in {request.user_id for request in self._load.requests}:
            await self._read(user_id)
        await self._client.aclose()

    async def _read(self, user_id: str) -> None:
        seen = self._seen.setdefault(user_id, set())
        seen_before = set(seen)  # Before asking: another reader may learn of more meanwhile.
        listed = await self._get("/roadmaps", {"user_id": user_id})
        if listed is None:
            return
        ids = {roadmap["roadmap_id"] for roadmap in listed}
        self.gone |= seen_before - ids
        seen |= ids
        for roadmap in listed:
            # Also of the known ones some, now and then: what was whole must stay so.
            if roadmap["roadmap_id"] not in self._whole or self._chance.random() < 0.05:
                await self._check(roadmap)

    async def _check(self, roadmap: dict[str, Any]) -> None:
        roadmap_id: int = roadmap["roadmap_id"]
        answer = await self._get(f"/roadmap/{roadmap_id}")
        weeks = await self._get(f"/roadmap/{roadmap_id}/weeks")
        if answer is None or weeks is None:
            return
        request = plan_request(roadmap, roadmap["description"])
        per_week = DAYS_PER_WEEK * tasks_for_day(request.level, request.daily_hours)
        totals = {week["week_number"]: week["total_tasks"] for week in weeks}
        expected = dict.fromkeys(range(1, request.duration_weeks + 1), per_week)
        self.checks += 1
        if totals != expected or roadmap_violations(request, answer["tasks"]):
            self.partial.add(roadmap_id)
        else:
            self._whole.add(roadmap_id)

    async def _get(self, path: str, query: dict[str, str] | None = None) -> Any:  # noqa: ANN401  JSON
        """Return what is answered; None where there is no answer, or no good one."""
        try:
            answer = await self._client.get(path, params=query)
        except httpx.TransportError as error:
            self.unread[type(error).__name__] += 1
            return None
        if answer.status_code == httpx.codes.NOT_FOUND:
            self.gone.add(int(path.split("/")[2]))  # It was listed a moment ago.
        if not answer.is_success:
            self.unread[str(answer.status_code)] += 1
            return None
        return answer.json()


@dataclass
class DatabaseLook:
    """Looks into the database, behind the API."""

    database: Database
    partial: set[int] = field(default_factory=set)
    """Visible roadmaps that were not whole."""
    checks: int = 0
    most_unpublished: int = 0
    oldest_unpublished: float = 0.0
    """Seconds."""

    async def look_on(self) -> None:
        """Look at what is new, until cancelled."""
        while True:
            await asyncio.to_thread(self.look, 3)
            await asyncio.sleep(0.2)

    def look(self, seconds: float) -> None:
        """Look at what was published in the last seconds, where the database can be reached."""
        try:
            visible = self.database.query(VISIBLE.format(seconds=seconds))
            [(count, oldest)] = self.database.query(UNPUBLISHED)
        except psycopg.OperationalError:
            return
        self.checks += 1
        self.most_unpublished = max(self.most_unpublished, count)
        self.oldest_unpublished = max(self.oldest_unpublished, float(oldest))
        self.partial |= {row[0] for row in visible if not _is_whole(row)}


async def until_swept(database: Database) -> float | None:
    """Return after how many seconds no unpublished row and no unfinished generation is left.

    None means that something was left after `SWEPT_SECONDS`.
    """
    began = time.monotonic()
    while time.monotonic() - began < SWEPT_SECONDS:
        [(rows,)] = await asyncio.to_thread(
            database.query,
            "select (select count(*) from roadmaps where published_at is null)"
            " + (select count(*) from generations where finished_at is null)",
        )
        if not rows:
            return time.monotonic() - began
        await asyncio.sleep(0.2)
    return None


def _is_whole(row: tuple[Any, ...]) -> bool:
    _, weeks, hours, level, tasks, days, from_first_to_last = row
    expected_days = weeks * DAYS_PER_WEEK
    expected = (expected_days * tasks_for_day(level, float(hours)), expected_days, True)
    return (tasks, days, from_first_to_last) == expected
