"""Model servers that answer what they like to everybody but the learner of the traffic."""

import asyncio
import functools
import gzip
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from tests.support.abuse.attack import Attack, Run
from tests.support.abuse.target import Target
from tests.support.abuse.traffic import GOAL, roadmap_of
from tests.support.standin import OpenRouterStandIn
from tests.support.standin.answers import Wanted
from tests.support.standin.calls import Call
from tests.support.standin.wire import Request, Wire

MEGABYTE = 1024 * 1024
GOAL_OF_OTHERS = "Break things in secret"
"""What the log of a hostile server's words must not quote."""
FORGED = f"stop\n2026-11-26 ERROR forged by the server: {GOAL_OF_OTHERS}"
GENERATIONS = 3
WEEKS = 8
SECONDS = 1.0


@dataclass(frozen=True)
class Answer:
    """What the server sends: these pieces, without end if they have none."""

    pieces: Callable[[], Iterable[bytes]]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0
    """Seconds before each piece."""


class HostileModel(OpenRouterStandIn):
    """A stand-in that serves the traffic's learner well, and everybody else with an `attack`."""

    attack: Answer | None = None

    async def answer(self, wire: Wire, request: Request, call: Call, wanted: Wanted) -> None:
        attack = self.attack
        if attack is None or GOAL in json.dumps(call.facts):
            await super().answer(wire, request, call, wanted)
            return
        await wire.start(attack.status, "text/event-stream", **attack.headers)
        for piece in attack.pieces():
            await asyncio.sleep(attack.pause)
            await wire.send(piece)
        await wire.finish()


def _event(data: object) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def _chunk(content: object = "", **fields: object) -> bytes:
    """Return an event with some text, and with further members of the choice or the chunk."""
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": fields.pop("end", None)}
    return _event({"model": "m", "choices": [choice]} | fields)


def _endless(piece: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: itertools.repeat(piece)


def _once(*pieces: bytes) -> Callable[[], Iterable[bytes]]:
    return lambda: pieces


def _usage(**report: object) -> Answer:
    return Answer(_once(_chunk('{"weeks":['), _event({"choices": [], "usage": report})))


def hostile(model: HostileModel, answer: Answer) -> Run:
    """Return the attack of a server that answers so, while several generations ask it."""

    async def attack(target: Target) -> list[str]:
        model.attack = answer
        headers = {"Prefer": "respond-async", "X-Real-IP": f"fd00:{uuid4().hex[:4]}::66"}
        async with httpx.AsyncClient(
            base_url=target.service.url, headers=headers, timeout=60
        ) as client:
            begun = [
                await client.post(
                    "/generate_roadmap", json=roadmap_of(str(uuid4()), WEEKS, GOAL_OF_OTHERS)
                )
                for _ in range(GENERATIONS)
            ]
            await asyncio.sleep(SECONDS)
            paths = [each.raise_for_status().headers["location"] for each in begun]
            ends = [await client.delete(path) for path in paths]
            states = [(await client.get(path)).json()["state"] for path in paths]
        model.attack = None
        wrong = [
            f"a cancellation answered {end.status_code}" for end in ends if end.is_server_error
        ]
        wrong += [
            f"a generation is {s} after its end" for s in states if s in {"running", "waiting"}
        ]
        log = target.service.log
        wrong += ["the log quotes a goal"] * (GOAL_OF_OTHERS in log)
        return wrong + ["a line of the log is forged"] * ("\n2026-11-26 ERROR forged" in log)

    return attack


@functools.cache
def _bomb() -> list[bytes]:
    return [gzip.compress(bytes(200 * MEGABYTE), compresslevel=1)]


TINY_EVENTS = (b"data: {}\n\n" * 6_000, b":\n" * 30_000, b"id: 1\n" * 10_000, b"\n" * 60_000)
DEEP = b"[" * 100_000

ANSWERS = {
    "a gzip bomb": Answer(_bomb, headers={"content-encoding": "gzip"}),
    "a gzip bomb as an error": Answer(_bomb, 400, {"content-encoding": "gzip"}),
    "an event of 100 MB": Answer(
        lambda: [b"data: ", *itertools.repeat(b"x" * MEGABYTE, 100), b"\n\n"]
    ),
    "a body without lines": Answer(_endless(b" " * MEGABYTE)),
    "an error without end": Answer(_endless(b" " * 65_536), 500),
    "an error that drips": Answer(_endless(b" "), 429, pause=0.2),
    "a million empty events": Answer(_endless(TINY_EVENTS[0])),
    "comments without end": Answer(_endless(TINY_EVENTS[1])),
    "ids without end": Answer(_endless(TINY_EVENTS[2])),
    "blank lines without end": Answer(_endless(TINY_EVENTS[3])),
    "text without end": Answer(_endless(_chunk("x" * 10_000))),
    "one letter per event": Answer(_endless(_chunk("x") * 500)),
    "brackets without end": Answer(_endless(_chunk("[" * 10_000))),
    "an object without end": Answer(
        lambda: itertools.chain(
            [_chunk('{"weeks":["')], itertools.repeat(_chunk("\\u0041" * 2_000))
        )
    ),
    "thousands of items": Answer(
        lambda: itertools.chain(
            [_chunk('{"weeks":[')], itertools.repeat(_chunk('{"week_number":1},' * 500))
        )
    ),
    "thinking without end": Answer(
        _endless(_event({"choices": [{"index": 0, "delta": {"reasoning": "hm " * 1_000}}]}))
    ),
    "thoughts that never close": Answer(
        lambda: itertools.chain([_chunk("<think>")], itertools.repeat(_chunk("<thi" * 2_000)))
    ),
    "annotations without end": Answer(
        _endless(
            _event(
                {
                    "choices": [
                        {
                            "index": 0,
                            "delta": {
                                "annotations": [
                                    {"url_citation": {"url": "https://x.example/" + "x" * 10_000}}
                                ]
                                * 10
                            },
                        }
                    ]
                }
            )
        )
    ),
    "deep JSON": Answer(_once(b"data: " + DEEP + b"\n\n", _chunk(DEEP.decode()))),
    "numbers without end": Answer(_once(b'data: {"usage": {"cost": ' + b"9" * 900_000 + b"}}\n\n")),
    "a forged line in the log": Answer(
        _once(_chunk("x", end=FORGED), _event({"model": FORGED, "provider": FORGED}))
    ),
    "a forged line in an error": Answer(
        _once(json.dumps({"error": {"message": FORGED, "code": FORGED, "type": FORGED}}).encode()),
        400,
    ),
    "names with NUL": Answer(
        _once(_chunk("x", end="\0", provider="\0"), _event({"model": "a\0b" * 100}))
    ),
    "2^63 tokens": _usage(prompt_tokens=2**63, completion_tokens=-(2**63), cost=0.01),
    "infinite costs": _usage(cost=1e308, prompt_tokens=1e308),
    "costs of $26": _usage(cost=26, prompt_tokens=1, completion_tokens=1),
    "waits that are none": Answer(
        _once(b'{"error": {"message": "slow down"}}'),
        429,
        {"retry-after": "-1e300", "retry-after-ms": "nan", "x-ratelimit-reset": "-" * 4_000},
    ),
    "errors within errors": Answer(
        _once(
            json.dumps(
                {
                    "error": {
                        "metadata": {
                            "raw": json.dumps({"error": json.dumps({"detail": "x" * 50_000})})
                        }
                    }
                }
            ).encode()
        ),
        502,
    ),
    "a header without end": Answer(_once(b"{}"), headers={"x-long": "x" * 2 * MEGABYTE}),
    "no chunk but [DONE]": Answer(_once(b"data: [DONE]\n\n" * 100_000)),
    "cut at once": Answer(_once()),
}


def attacks(model: HostileModel, answers: Mapping[str, Answer]) -> list[Attack]:
    """Return the attacks of a server that gives these answers."""
    return [Attack(name, hostile(model, answer)) for name, answer in answers.items()]
