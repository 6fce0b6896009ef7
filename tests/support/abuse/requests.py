"""Attackers whose requests break the rules of HTTP, or use all that these allow."""

import random
from collections.abc import Iterator

from tests.support.abuse.attack import Attack
from tests.support.abuse.target import Target
from tests.support.abuse.wire import (
    ADDRESS,
    CHUNKED,
    CLOSE,
    HEALTH,
    HOST,
    JSON,
    SECONDS,
    Flood,
    answered,
    connected,
    get,
    post,
    send_slowly,
    side_by_side,
)

CHANCE_SEED = 5
POST = b"POST /task/update HTTP/1.1\r\n" + HOST + JSON
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
BODY = b"0\r\n\r\n" + SMUGGLED
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
WEB_SOCKET = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
PREFLIGHT = (
    b"OPTIONS /generate_roadmap HTTP/1.1\r\n" + HOST + CLOSE + b"Origin: https://%d.example\r\n"
    b"Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: %s\r\n\r\n"
)
REFUSED = answered(400)

SMUGGLING = [
    POST + framing + b"\r\n" + BODY
    for framing in (
        CHUNKED + LENGTH,
        LENGTH + CHUNKED,
        LENGTH + b"Content-Length: 5\r\n",
        b"Content-Length: 5, 6\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"Transfer-Encoding: chunked, identity\r\n" + LENGTH,
        b"Transfer-Encoding: identity\r\n" + LENGTH,
        b"Transfer-Encoding: \x0bchunked\r\n" + LENGTH,
        b"Transfer-Encoding : chunked\r\n" + LENGTH,
        b"Transfer-Encoding:\r\n chunked\r\n" + LENGTH,
        b"Transfer_Encoding: chunked\r\nX: \x00\r\n" + LENGTH,
    )
]
CHUNK_SIZES = [
    POST + CHUNKED + b"\r\n" + size + b"\r\n{}\r\n" + BODY
    for size in (b"F" * 17, b"-1", b"0x2", b"2 ", b"", b"g", b"2;" + b"x" * 2_000_000)
]
HOSTS = [
    b"GET /health HTTP/1.1\r\n" + hosts + b"\r\n"
    for hosts in (
        *(b"", b"Host: a\r\nHost: b\r\n", b"Host: a b\r\n", b"Host: a/../b\r\n", b"Host: @\r\n"),
        *(b"Host: a:99999999\r\n", b"Host: \xff\r\n", b"Host:\r\n", b"Host: [::1\r\n"),
    )
]
NOT_A_REQUEST = [
    *(
        b"\0" * 1_000,
        b"\r\n" * 10_000 + b"x",
        b"GET\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"\x80" * 100,
    ),
    *(b"GET /health HTTP/9.9\r\n\r\n", b"GET /health\r\n\r\n", HEALTH.replace(b"\r\n", b"\n")),
    b"CONNECT api:443 HTTP/1.1\r\nHost: api:443\r\n\r\n",
]


async def send_trailers_without_end(target: Target) -> list[str]:
    async def send(_: int) -> None:
        async with connected(target) as (_reader, writer):
            writer.write(POST + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n")
            await send_slowly(writer, b"X-Trailer: " + b"a" * 100 + b"\r\n", 0.0)

    await side_by_side(50, send)
    return []


async def ask_to_continue(target: Target) -> list[str]:
    """Ask whether a body may come, and send none."""
    request = POST + b"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n"

    async def ask(_: int) -> None:
        while True:
            async with connected(target) as (reader, writer):
                writer.write(request)
                await reader.readline()

    await side_by_side(30, ask, SECONDS)
    return []


def _mutations() -> Iterator[bytes]:
    """Yield requests of which some bytes are others."""
    chance = random.Random(CHANCE_SEED)
    valid = (HEALTH, post(b"/task/update", b'{"task_id": "1", "completed": true}'), get(b"/docs"))
    while True:
        wire = bytearray(chance.choice(valid))
        for _ in range(chance.randint(1, 12)):
            wire[chance.randrange(len(wire))] = chance.randrange(256)
        yield bytes(wire) + b"\r\n\r\n"


async def send_mutations(target: Target) -> list[str]:
    """Send bytes that are nearly requests; none is the service's own fault."""
    anything_but_500 = frozenset((s,) for s in range(200, 500))
    found = await Flood(_mutations, anything_but_500, half_close=True)(target)
    return [each for each in found if "(5" in each or ", 5" in each]


ATTACKS = (
    Attack(
        "headers of a megabyte",
        Flood([get(b"/health", b"X: " + b"a" * 2**20 + b"\r\n")], answered(431)),
    ),
    Attack("ten thousand headers", Flood([get(b"/health", b"X: a\r\n" * 10_000)], answered(431))),
    Attack("targets of a megabyte", Flood([get(b"/" + b"a" * 2**20)], answered(414))),
    Attack("methods of ten kilobytes", Flood([b"A" * 10_000 + HEALTH], REFUSED)),
    Attack(
        "paths of percent signs",
        Flood(
            [
                get(b"/" + b"%" * 8_000),
                get(b"/" + b"%25" * 2_600),
                get(b"/" + b"%00" * 2_600),
                get(b"/roadmap/" + b"%ff" * 2_000),
                get(b"/" + b"..%2f" * 1_600),
            ],
            answered(404, 422),
        ),
    ),
    Attack(
        "query strings",
        Flood(
            [get(b"/roadmaps?" + b"user_id=1&" * 800), get(b"/roadmaps?" + b"&" * 8_000)],
            answered(422),
        ),
    ),
    Attack("smuggling", Flood(SMUGGLING, REFUSED)),
    Attack("sizes of chunks", Flood(CHUNK_SIZES, answered(400, 413))),
    Attack("hosts", Flood(HOSTS, REFUSED)),
    Attack(
        "absolute targets",
        Flood(
            [
                get(b"http://internal/health"),
                get(b"https://user:pass@api:1/health"),
                get(b"http://" + b"a" * 8_000 + b"/health"),
            ],
            answered(200, 400),
        ),
    ),
    Attack("no requests at all", Flood(NOT_A_REQUEST, REFUSED, half_close=True)),
    Attack("requests with other bytes", send_mutations),
    Attack("trailers without end", send_trailers_without_end),
    Attack(
        "ranges",
        Flood(
            [
                get(
                    b"/static-offline-docs/redoc.standalone.js",
                    b"Range: bytes=" + b"0-," * 8_000 + b"\r\n",
                )
            ],
            answered(200),
        ),
    ),
    Attack("Expect: 100-continue", ask_to_continue),
    Attack(
        "offers of other protocols",
        Flood(
            [
                get(b"/health", WEB_SOCKET).replace(CLOSE, b""),
                get(b"/health", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"),
            ],
            answered(200),
            half_close=True,
        ),
    ),
    Attack(
        "preflights", Flood([PREFLIGHT % (n, b"x-%d," % n * 300) for n in range(50)], answered(400))
    ),
    Attack(
        "addresses",
        Flood(
            [
                get(b"/roadmaps?user_id=x").replace(ADDRESS, b"X-Real-IP: %s\r\n" % (b"%d" % n * n))
                for n in range(200)
            ],
            answered(422),
        ),
    ),
)
