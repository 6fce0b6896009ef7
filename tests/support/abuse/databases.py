"""Answers of PostgREST, or of what stands in its place, that no database gives."""

import asyncio
import functools
import gzip
import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import httpx

from tests.support.abuse.acknowledged import Acknowledged
from tests.support.abuse.attack import Attack, Run
from tests.support.abuse.target import Target
from tests.support.abuse.traffic import Traffic
from tests.support.loopback import LoopbackServer

MEGABYTE = 1024 * 1024
SECONDS = 1.0
PAGE = b"<html><head><title>502</title></head><body>cloudflare</body></html>"

Pieces = Callable[[], Iterable[bytes]]


class BadPostgrest(LoopbackServer):
    """Passes connections on to a project, or answers each request with the same bytes."""

    def __init__(self, project_port: int) -> None:
        super().__init__()
        self._project_port = project_port
        self._answer: Pieces | None = None
        self._pause = 0.0

    def answer(self, pieces: Pieces | None, pause: float = 0.0) -> None:
        """From now on, send these pieces, with a pause before each; None: pass on again."""
        self._answer, self._pause = pieces, pause
        self.loop.call_soon_threadsafe(self._break_connections)

    def _break_connections(self) -> None:
        for connection in self._connections:
            connection.cancel()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._answer is None:
            await self._pass_on(reader, writer)
            return
        with suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await reader.readuntil(b"\r\n\r\n")
        for piece in self._answer():
            await asyncio.sleep(self._pause)
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._project_port)
        ways = [
            asyncio.create_task(_copy(reader, up_writer)),
            asyncio.create_task(_copy(up_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            up_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


class TrafficBesideOutage(Traffic):
    """Traffic that gets a problem document while the database answers nonsense."""

    async def _generate(self) -> None:
        """Begin nothing: `Acknowledged` has begun it before."""

    def _is_refusal(self, answer: httpx.Response) -> bool:
        kind = answer.headers.get("content-type", "")
        return answer.is_server_error and kind == "application/problem+json"


def _http(body: bytes, status: int = 200, *headers: bytes) -> bytes:
    kind = b"Content-Type: application/json; charset=utf-8\r\n"
    length = b"Content-Length: %d\r\n" % len(body)
    head = b"HTTP/1.1 %d X\r\n" % status + b"".join(headers or (kind,)) + length
    return head + b"Connection: close\r\n\r\n" + body


def _once(answer: bytes) -> Pieces:
    return lambda: [answer]


def _error(status: int, code: object = None) -> Pieces:
    body = {"code": code, "message": "no", "details": None, "hint": None}
    return _once(_http(json.dumps(body).encode(), status))


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def _chunks(piece: bytes, first: bytes = b"") -> Iterator[bytes]:
    yield CHUNKED
    for data in itertools.chain([first] * bool(first), itertools.repeat(piece)):
        yield b"%x\r\n" % len(data) + data + b"\r\n"


@dataclass(frozen=True)
class Answer:
    pieces: Pieces
    pause: float = 0.0


@functools.cache
def _bomb() -> list[bytes]:
    return [
        _http(
            gzip.compress(b" " * (200 * MEGABYTE), compresslevel=1),
            200,
            b"Content-Encoding: gzip\r\n",
        )
    ]


ANSWERS = {
    "a page with 200": Answer(_once(_http(PAGE, 200, b"Content-Type: text/html\r\n"))),
    "an empty 200": Answer(_once(_http(b""))),
    "cut JSON": Answer(_once(_http(b'[{"roadmap_id": 1, "user'))),
    "a body that ends early": Answer(_once(HEAD + b"Content-Length: 1000\r\n\r\n[{")),
    "an object for a list": Answer(_once(_http(b'{"roadmap_id": 1}'))),
    "rows of another shape": Answer(_once(_http(b'[{"roadmap_id": "x", "tasks": 7}]'))),
    "rows that are lists": Answer(_once(_http(b"[[1, 2], null, 3]"))),
    "null": Answer(_once(_http(b"null"))),
    "deep JSON": Answer(_once(_http(b"[" * 200_000))),
    "huge numbers": Answer(_once(_http(b'[{"roadmap_id": ' + b"9" * 100_000 + b"}]"))),
    "no UTF-8": Answer(_once(_http(b'["\xff\xfe"]'))),
    "a body without end": Answer(lambda: _chunks(b" " * MEGABYTE, b"[")),
    "a gzip bomb": Answer(_bomb),
    "a body that drips": Answer(lambda: _chunks(b" "), pause=0.2),
    "headers without end": Answer(
        lambda: itertools.chain([HEAD], itertools.repeat(b"X: y\r\n" * 1_000))
    ),
    "silence": Answer(lambda: [b""], pause=3_600),
    "closed without a byte": Answer(list),
    "1xx without end": Answer(lambda: itertools.repeat(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)),
    "status 401": Answer(_error(401)),
    "status 429": Answer(_error(429)),
    "status 544": Answer(_once(_http(PAGE, 544, b"Content-Type: text/html\r\n"))),
    "too many clients": Answer(_error(503, "53300")),
    "a limit without details": Answer(_error(429, "PT429")),
    "a redirect to another origin": Answer(
        _once(_http(b"", 307, b"Location: http://127.0.0.1:9/rest/v1/roadmaps\r\n"))
    ),
}


def attacks(
    project: BadPostgrest, acknowledged: Acknowledged, answers: Mapping[str, Answer]
) -> list[Attack]:
    """Return the attacks of a project that gives these answers for a while."""

    def attack(answer: Answer) -> Run:
        async def run(_: Target) -> list[str]:
            await acknowledged.begin(1)
            project.answer(answer.pieces, answer.pause)
            await asyncio.sleep(SECONDS)
            project.answer(None)
            return await acknowledged.until_answered(time.monotonic())

        return run

    return [Attack(name, attack(answer)) for name, answer in answers.items()]
