"""Attackers without an account who ask for more streams and roadmaps than anybody needs."""

import asyncio
import itertools
import json
import time
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from uuid import uuid4

import httpx

from tests.support.abuse.attack import Attack
from tests.support.abuse.target import Target
from tests.support.abuse.traffic import PAUSE_SECONDS, STREAM, roadmap_of
from tests.support.abuse.wire import (
    PATIENCE_SECONDS,
    Flood,
    answered,
    connected,
    get,
    post,
    side_by_side,
)

ADDRESS = {"X-Real-IP": "203.0.113.66"}
FOLLOWERS = 100
CROWD = 400
CROWD_PATIENCE_SECONDS = 60.0
ENDED = {"succeeded", "failed", "cancelled"}
LEASE_LOST = "leaving a generation to others"
"""What a worker logs whose generation another one has taken over."""
LAST_EVENT_IDS = (
    *(b"9" * 30_000, b"9" * 4_300, b"1e99", b"-1", b"0x10", b"\x00", b"\xff", b"inf", b" " * 1_000),
    *(b"18446744073709551616", b"9007199254740993", "\u0661\u0662".encode()),
)


def attacker(target: Target) -> httpx.AsyncClient:
    """Return a client with as many connections as it likes, at the attacker's address."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.AsyncClient(
        base_url=target.service.url, headers=ADDRESS, timeout=PATIENCE_SECONDS, limits=limits
    )


def unexpected(answers: Counter[int], *expected: int) -> list[str]:
    """Return a sentence for each status that no answer should have."""
    return [f"{n} x answered {status}" for status, n in answers.items() if status not in expected]


async def follow_by_hundreds(target: Target) -> list[str]:
    """Follow one generation over 100 connections; another user's followers are served still."""
    async with attacker(target) as client, asyncio.TaskGroup() as tasks:
        begun = await client.post(
            "/generate_roadmap",
            json=roadmap_of(str(uuid4()), weeks=8),
            headers={"Prefer": "respond-async"},
        )
        path = f"{begun.raise_for_status().headers['location']}/events"
        followers = [tasks.create_task(_follow(client, path)) for _ in range(FOLLOWERS)]
        await asyncio.sleep(1)
        mine = await _follow_as_another_user(target)
        for follower in followers:
            follower.cancel()
        await client.delete(path.removesuffix("/events"))
    return mine


async def _follow(client: httpx.AsyncClient, path: str) -> None:
    with suppress(httpx.TransportError):
        await client.get(path)


async def _follow_as_another_user(target: Target) -> list[str]:
    """Follow a new generation over connections to either worker, each of which has to stream."""
    async with attacker(target) as client:
        client.headers["X-Real-IP"] = "198.51.100.7"
        prefer = {"Prefer": "respond-async"}
        body = roadmap_of(str(uuid4()), weeks=1)
        begun = await client.post("/generate_roadmap", json=body, headers=prefer)
        path = f"{begun.raise_for_status().headers['location']}/events"
        streams = await asyncio.gather(*(client.get(path) for _ in range(6)))
    unfinished = sum("event: saved" not in stream.text for stream in streams)
    return [f"{unfinished} of 6 streams of another user without an end"] if unfinished else []


async def ask_for_roadmaps(target: Target) -> list[str]:
    """Ask for 200 roadmaps as 200 users at one address, and do not wait for them."""
    answers: Counter[int] = Counter()

    async def ask(_: int) -> None:
        async with attacker(target) as client:
            for _ in range(10):
                body = roadmap_of(str(uuid4()), weeks=1)
                prefer = {"Prefer": "respond-async"}
                answer = await client.post("/generate_roadmap", json=body, headers=prefer)
                answers[answer.status_code] += 1

    await side_by_side(20, ask, seconds=PATIENCE_SECONDS)
    return unexpected(answers, 202, 429)


async def ask_from_everywhere(target: Target) -> list[str]:
    """Ask for 400 roadmaps at once as 400 users; what is accepted ends, where it has begun."""
    lost = target.service.log.count(LEASE_LOST)

    async def ask(client: httpx.AsyncClient, number: int) -> httpx.Response:
        address = f"fd00:66:{number:x}::1"
        headers = {"Prefer": "respond-async", "X-Real-IP": address}
        body = roadmap_of(str(uuid4()), weeks=1)
        return await client.post("/generate_roadmap", json=body, headers=headers)

    async with attacker(target) as client:
        client.timeout = CROWD_PATIENCE_SECONDS
        answers = await asyncio.gather(*(ask(client, number) for number in range(CROWD)))
        begun = [answer.headers["location"] for answer in answers if answer.is_success]
        ends = Counter([await _end_of(client, path) for path in begun])
    lost = target.service.log.count(LEASE_LOST) - lost
    return [
        *unexpected(Counter(answer.status_code for answer in answers), 202, 503),
        *(f"{n} generations {state}" for state, n in ends.items() if state != "succeeded"),
        *([f"{lost} leases lost"] if lost else []),
    ]


async def _end_of(client: httpx.AsyncClient, path: str) -> str:
    """Return the state of a generation that has ended, or is late to."""
    latest = time.monotonic() + CROWD_PATIENCE_SECONDS
    while True:
        answer = await client.get(path)
        state = answer.json()["state"] if answer.is_success else str(answer.status_code)
        if state in ENDED or time.monotonic() > latest:
            return state
        await asyncio.sleep(PAUSE_SECONDS)


async def ask_with_one_key(target: Target) -> list[str]:
    """Ask for the same roadmap a hundred times at once, with one key."""
    user_id, key = str(uuid4()), {"Idempotency-Key": f"key-{uuid4()}"}
    async with attacker(target) as client:
        body, headers = roadmap_of(user_id, weeks=1), key | {"Prefer": "respond-async"}
        answers = await asyncio.gather(
            *(client.post("/generate_roadmap", json=body, headers=headers) for _ in range(100))
        )
        locations = {answer.headers["location"] for answer in answers}
        await asyncio.gather(*(client.delete(path) for path in locations))
    wrong = unexpected(Counter(answer.status_code for answer in answers), 202, 409)
    return wrong + ([f"{len(locations)} generations"] if len(locations) > 1 else [])


async def leave_streams(target: Target) -> list[str]:
    """Ask for streamed roadmaps, and reset the connection at the first event."""
    body = json.dumps(roadmap_of(str(uuid4()), weeks=1)).encode()
    request = post(b"/generate_roadmap", body, b"Accept: text/event-stream\r\n")

    async def leave(_: int) -> None:
        while True:
            async with connected(target) as (reader, writer):
                writer.write(request)
                await reader.readuntil(b"\r\n\r\n")

    await side_by_side(20, leave)
    return []


async def ask_questions(target: Target) -> list[str]:
    """Ask about roadmaps that do not exist, streamed and not."""
    answers: Counter[int] = Counter()

    async def ask(_: int) -> None:
        async with attacker(target) as client:
            for headers in itertools.cycle(({}, STREAM)):
                body = {"user_id": str(uuid4()), "roadmap_id": 1, "input_data": "Why? " * 800}
                answer = await client.post("/ask-assistant", json=body, headers=headers)
                answers[answer.status_code] += 1

    await side_by_side(20, ask)
    return unexpected(answers, 404, 429)


async def use_unknown_keys(target: Target) -> list[str]:
    """Send tokens whose keys nobody knows, so that each might have the project's keys fetched."""

    def tokens() -> Iterator[bytes]:
        for n in itertools.count():
            head = json.dumps({"alg": "ES256", "kid": str(n)}).encode()
            token = f"{urlsafe_b64encode(head).decode().rstrip('=')}.e30.e30"
            yield get(b"/roadmaps?user_id=x", f"Authorization: Bearer {token}\r\n".encode())

    return await Flood(tokens, answered(401, 503))(target)


USERS = [get(b"/roadmaps?user_id=" + str(uuid4()).encode()) for _ in range(500)]
GENERATIONS = [get(b"/generations/%s/events" % str(uuid4()).encode()) for _ in range(500)]
HEADS = [each.replace(b"GET", b"HEAD", 1) for each in (*GENERATIONS[:50], get(b"/docs"), get())]
DELETIONS = [each.replace(b"GET", b"DELETE", 1).replace(b"/events", b"") for each in GENERATIONS]

ATTACKS = (
    Attack(
        "Last-Event-ID",
        Flood(
            [
                get(
                    b"/generations/%s/events" % str(uuid4()).encode(),
                    b"Last-Event-ID: " + value + b"\r\n",
                )
                for value in LAST_EVENT_IDS
            ],
            answered(400, 404, 422),
        ),
    ),
    Attack("a hundred followers", follow_by_hundreds),
    Attack("roadmaps that nobody waits for", ask_for_roadmaps),
    Attack("four hundred roadmaps at once", ask_from_everywhere),
    Attack("one key a hundred times", ask_with_one_key),
    Attack("streams that nobody reads on", leave_streams),
    Attack("questions about nothing", ask_questions),
    Attack("tokens with unknown keys", use_unknown_keys),
    Attack("users without number", Flood(USERS, answered(200))),
    Attack("generations that do not exist", Flood(GENERATIONS, answered(404))),
    Attack("HEAD", Flood(HEADS, answered(200, 404))),
    Attack("cancellations of nothing", Flood(DELETIONS, answered(404))),
)
