"""The authorization matrix: every route, from every sender, with every user that it may name."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from urllib.parse import parse_qsl
from uuid import uuid4

import httpx

from src.dao import Store
from src.domain.generation import Lease
from src.domain.schedule import CalendarFeed
from tests.support.authorization_cells import (
    ANA,
    USERS,
    Cell,
    Expected,
    Learner,
    Owned,
    Sender,
    expected,
)
from tests.support.backends import Backend
from tests.support.plans import UNBOUNDED, asked_for, begun, roadmap_of, roadmap_of_texts
from tests.support.reads import list_tasks
from tests.support.waiting import until

ORIGIN = "http://localhost:3000"
PROBLEM = "urn:momentum-ai:problem:"

_ROWS = f"""
select 'roadmap', cast(roadmap_id as text), description, cast(is_active as text)
from roadmaps where user_id = '{ANA}'
union all
select 'task', cast(id as text), task_text, cast(completed_at as text)
from roadmap_tasks where roadmap_id in (select roadmap_id from roadmaps where user_id = '{ANA}')
union all
select 'generation', cast(generation_id as text), problem, cast(finished_at as text)
from generations where user_id = '{ANA}'
union all
select 'date', cast(id as text), cast(due_date as text), cast(date_changes as text)
from roadmap_tasks where roadmap_id in (select roadmap_id from roadmaps where user_id = '{ANA}')
union all
select 'schedule', cast(roadmap_id as text), cast(version as text), applied_request
from roadmap_schedules where roadmap_id in
(select roadmap_id from roadmaps where user_id = '{ANA}')
union all
select 'feed', cast(roadmap_id as text), token_hash, time_zone
from calendar_feeds where roadmap_id in (select roadmap_id from roadmaps where user_id = '{ANA}')
union all
select 'question', cast(question_id as text), null, null from questions where user_id = '{ANA}'
order by 1, 2
"""  # noqa: S608  ours


@dataclass
class Findings:
    """What the matrix came to; `wrong` has a sentence for each wrong cell."""

    cells: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


async def try_cells(
    url: str, backend: Backend, cells: Iterable[Cell], *, token_required: bool
) -> Findings:
    """Send the cells to the service at `url`, and look behind it into its database.

    It needs room for some 100 generations, and a planner that makes them. `token_required` says
    which mode the service is in.
    """
    findings = Findings()
    store = await backend.open()
    try:
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            trial = _Trial(client, backend, store, await _new_possessions(store))
            for cell in cells:
                wanted = expected(cell, token_required=token_required)
                answer, fault = await trial.send(cell, wanted)
                findings.cells += 1
                findings.statuses[answer.status_code] += 1
                if fault:
                    findings.wrong.append(f"{cell}: {fault}")
    finally:
        await store.close()
    return findings


@dataclass(frozen=True)
class _Trial:
    client: httpx.AsyncClient
    backend: Backend
    store: Store
    standing: Owned
    """What Ana has all the time. Requests that may change what she has get something of its own."""

    async def send(self, cell: Cell, wanted: Expected) -> tuple[httpx.Response, str | None]:
        """Send a cell; return its answer and what is wrong with that, None where nothing is."""
        writes = cell.route.writes
        may_write = writes and wanted.status == cell.route.success
        owned = await _new_possessions(self.store) if may_write else self.standing
        before = self._rows() if writes else []
        answer = await self.client.send(_request(self.client, cell, owned))
        fault = next(_faults(answer, wanted, owned), None)
        if answer.status_code == httpx.codes.ACCEPTED:
            # So that it leaves no trace beside the cells that follow.
            location = answer.headers["Location"]
            await until(partial(self._is_finished, location, cell.sender))
        if writes and not may_write and self._rows() != before:
            fault = "it has left a trace"
        return answer, fault

    def _rows(self) -> list[tuple[object, ...]]:
        """Return from outside whatever a request could change that is Ana's."""
        return self.backend.query(_ROWS)

    async def _is_finished(self, location: str, sender: Sender) -> bool:
        answer = await self.client.get(location, headers=sender.headers)
        return bool(answer.json()["state"] != "running")


async def _new_possessions(store: Store) -> Owned:
    """Give Ana a roadmap of one task with a calendar, and a generation that somebody works on."""
    canary = f"canary{uuid4().hex}"
    plan = roadmap_of_texts([canary], ANA)
    request = plan.request.model_copy(update={"goal": canary})
    record = await store.add_roadmap(
        await begun(store, plan.model_copy(update={"request": request}))
    )
    roadmap_id = roadmap_of(record).roadmap_id
    (task,) = await list_tasks(store, roadmap_id)
    feed_token = uuid4().hex
    await store.schedules.create_feed(
        CalendarFeed(roadmap_id, ANA, "UTC", 0, None), sha256(feed_token.encode()).hexdigest()
    )
    running = await store.generations.begin(
        asked_for(request, ANA, key=str(uuid4())), Lease(seconds=3_600), UNBOUNDED
    )
    return Owned(
        roadmap_id,
        task.id,
        record.generation_id,
        running.generation_id,
        feed_token,
        canary,
    )


def _request(client: httpx.AsyncClient, cell: Cell, owned: Owned) -> httpx.Request:
    route = cell.route
    body = route.body(owned) | _naming(cell.in_body) if route.body else None
    path, _, query = route.path.format(**vars(owned)).partition("?")
    return client.build_request(
        route.method,
        path,
        params=dict(parse_qsl(query)) | _naming(cell.in_query),
        json=body,
        headers=[("Origin", ORIGIN), *route.headers.items(), *cell.sender.headers],
    )


def _naming(user: Learner | None) -> dict[str, str]:
    return {"user_id": str(USERS[user])} if user else {}


def _faults(answer: httpx.Response, wanted: Expected, owned: Owned) -> Iterator[str]:
    """Yield what is wrong with an answer, the worst first."""
    if answer.status_code != wanted.status:
        yield f"{answer.status_code} in place of {wanted.status}: {answer.text[:120]}"
    text = f"{answer.headers}{answer.text}"
    if wanted.shows is not None and (owned.canary in text) is not wanted.shows:
        yield "it lacks what is Ana's" if wanted.shows else "it shows what is Ana's"
    if answer.headers.get("Access-Control-Allow-Origin") != ORIGIN:
        yield "a browser does not let its page read it"
    if answer.headers.get("WWW-Authenticate") != wanted.challenge:
        yield f"its challenge is {answer.headers.get('WWW-Authenticate')}"
    if wanted.problem is None:
        return
    if answer.headers["Content-Type"] != "application/problem+json":
        yield "it is no problem document"
    elif answer.json()["type"] != f"{PROBLEM}{wanted.problem}":
        yield f"it is {answer.json()['type']}"
    if "Location" in answer.headers:
        yield "it names a generation"
