"""Bytes to a service and back, as no HTTP client would send them."""

import asyncio
import itertools
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tests.support.abuse.target import Target
from tests.support.loopback import reset_on_close

ADDRESS = b"X-Real-IP: 203.0.113.66\r\n"
"""Where attackers come from, as the proxy in front of the service says it."""

HOST = b"Host: api\r\n" + ADDRESS
CLOSE = b"Connection: close\r\n"
JSON = b"Content-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
HEALTH = b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n"

SECONDS = 1.0
"""How long most attacks last."""

PATIENCE_SECONDS = 20.0
"""How long an attacker waits for an answer."""

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
_ERRORS = (OSError, asyncio.IncompleteReadError, TimeoutError)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Statuses = tuple[int, ...]


def get(path: bytes = b"/health", *headers: bytes) -> bytes:
    """Return a request after which the connection closes."""
    return b"GET " + path + b" HTTP/1.1\r\n" + HOST + CLOSE + b"".join(headers) + b"\r\n"


def post(path: bytes, body: bytes, *headers: bytes, content_type: bytes = JSON) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    lines = [b"POST " + path + b" HTTP/1.1\r\n", HOST, CLOSE, content_type, length, *headers]
    return b"".join([*lines, b"\r\n", body])


@asynccontextmanager
async def connected(target: Target) -> AsyncIterator[Streams]:
    """Offer a connection, and reset it at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    try:
        yield reader, writer
    finally:
        with suppress(OSError):
            reset_on_close(writer)
        writer.close()


async def send_slowly(writer: asyncio.StreamWriter, drip: bytes, pause: float) -> None:
    """Send the same bytes again and again."""
    while True:
        writer.write(drip)
        await writer.drain()
        await asyncio.sleep(pause)


async def statuses_of(target: Target, payload: bytes, *, half_close: bool = False) -> Statuses:
    """Send bytes and return the statuses of all answers until the service closes; -1: it stays."""
    received = b""
    with suppress(OSError):
        async with connected(target) as (reader, writer):
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    writer.write(payload)
                    if half_close:
                        writer.write_eof()
                    while part := await reader.read(65_536):
                        received += part
            except TimeoutError:
                return (-1,)
            except OSError:
                pass
    return tuple(int(status) for status in _STATUS.findall(received))


@dataclass(frozen=True)
class Flood:
    """Payloads that are sent in turn over many connections, and the answers that are right.

    The service may also reset a connection whose bytes it does not want to read, without an answer.
    """

    payloads: Sequence[bytes] | Callable[[], Iterator[bytes]]
    answers: frozenset[Statuses]
    sockets: int = 20
    half_close: bool = False

    async def __call__(self, target: Target) -> list[str]:
        payloads = self.payloads() if callable(self.payloads) else itertools.cycle(self.payloads)
        seen: Counter[Statuses] = Counter()

        async def send_until(ends: float) -> None:
            while time.monotonic() < ends:
                payload = next(payloads)
                seen[await statuses_of(target, payload, half_close=self.half_close)] += 1

        ends = time.monotonic() + SECONDS
        await asyncio.gather(*(send_until(ends) for _ in range(self.sockets)))
        wrong = {answer: n for answer, n in seen.items() if answer not in {*self.answers, ()}}
        if not seen.keys() & self.answers:
            wrong[()] = seen[()]
        return [f"{n} x answered {answer}" for answer, n in wrong.items()]


def answered(*statuses: int) -> frozenset[Statuses]:
    """Return that each payload has one answer, with one of these statuses."""
    return frozenset((status,) for status in statuses)


async def side_by_side(
    number: int, work: Callable[[int], Coroutine[Any, Any, None]], seconds: float = SECONDS
) -> None:
    """Do a work so many times at once, for so long at most; connections that break are no news."""

    async def try_to(index: int) -> None:
        with suppress(*_ERRORS):
            async with asyncio.timeout(seconds):
                await work(index)

    await asyncio.gather(*(try_to(index) for index in range(number)))
