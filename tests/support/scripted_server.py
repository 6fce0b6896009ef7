"""A small HTTP server on a real socket whose every answer a test writes itself."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One HTTP answer: the pieces of its body, with a pause in seconds before each of them."""

    pieces: Iterable[bytes] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pause: float = 0.0
    is_cut: bool = False
    """Whether the connection breaks after the last piece."""


@dataclass(frozen=True)
class Received:
    """A request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    at: float


Script = Callable[[dict[str, Any]], Answer]


class ScriptedServer:
    """Answers each request with what the script returns for its body."""

    def __init__(self, script: Script, at_once: int = 1_000) -> None:
        self.script = script
        self._slots = asyncio.Semaphore(at_once)
        self.requests: list[Received] = []
        self.most_at_once = 0
        self.port = 0
        self.running = 0
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection in a task of its own."""
        self._connections.add(asyncio.create_task(self._serve(reader, writer)))

    async def stop(self) -> None:
        """Break every connection."""
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                request_line, *lines = head.strip().split("\r\n")
                headers = {
                    name.lower(): value for name, value in (line.split(": ", 1) for line in lines)
                }
                body = json.loads(await reader.readexactly(int(headers["content-length"])))
                received = Received(request_line.split()[1], headers, body, time.monotonic())
                self.requests.append(received)
                async with self._slots:
                    # Servers drop what nobody waits for any more.
                    if reader.at_eof() or await self._answer(self.script(body), writer):
                        return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, answer: Answer, writer: asyncio.StreamWriter) -> bool:
        """Send an answer and return whether the connection has to break."""
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            headers = {"content-type": "text/event-stream", "transfer-encoding": "chunked"}
            headers |= answer.headers
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            writer.write(f"HTTP/1.1 {answer.status} X\r\n{lines}\r\n".encode())
            for piece in answer.pieces:
                await asyncio.sleep(answer.pause)
                writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                await writer.drain()
            if not answer.is_cut:
                writer.write(b"0\r\n\r\n")
            await writer.drain()
        finally:
            self.running -= 1
        return answer.is_cut


@asynccontextmanager
async def scripted_server(script: Script, at_once: int = 1_000) -> AsyncIterator[ScriptedServer]:
    """Serve the script on a free port of loopback, to so many requests at once."""
    scripted = ScriptedServer(script, at_once)
    server = await asyncio.start_server(scripted.accept, "127.0.0.1", 0)
    scripted.port = server.sockets[0].getsockname()[1]
    try:
        yield scripted
    finally:
        server.close()
        await scripted.stop()


def always(answer: Answer) -> Script:
    """Return the script of a server that always answers the same."""
    return lambda _: answer


def event(data: object) -> bytes:
    """Return a server-sent event."""
    return f"data: {json.dumps(data)}\n\n".encode()


def chunk(content: object = None, finish_reason: object = None, **delta: object) -> dict[str, Any]:
    """Return a chunk with one choice."""
    message = delta | ({} if content is None else {"content": content})
    return {
        "model": "m",
        "choices": [{"index": 0, "delta": message, "finish_reason": finish_reason}],
    }


def streamed(*chunks: object, pause: float = 0.0) -> Answer:
    """Return a stream of these chunks, with an end."""
    return Answer([*map(event, chunks), b"data: [DONE]\n\n"], pause=pause)


def text_answer(text: str = "Fine.") -> Answer:
    """Return a good answer."""
    return streamed(chunk(text), chunk(finish_reason="stop"))


def error(status: int, body: object, **headers: str) -> Answer:
    """Return an error with a JSON body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer([json.dumps(body).encode()], status, {"content-type": "application/json"} | named)
