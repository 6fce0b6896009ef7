"""The server: its life, its routes, and what it answers to whom."""

import asyncio
import json
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from typing import Self

import h11

from tests.support.standin.answers import (
    Json,
    Wanted,
    answer_text,
    find_wanted,
    message_text,
)
from tests.support.standin.calls import Call, Calls
from tests.support.standin.completion import Completion, Pace, schema_problem
from tests.support.standin.misbehaviours import Reply, error_body
from tests.support.standin.script import EVERY_MISBEHAVIOUR, Rule, Script, Spoil
from tests.support.standin.tokens import CHARACTERS_PER_TOKEN, token_count
from tests.support.standin.wire import Request, Wire

SETTLING_TURNS = 20
"""More turns of its loop than a request needs to be counted, from `accept` on."""

HEADERS_OF_INTEREST = ("http-referer", "x-openrouter-title", "x-title", "user-agent")


class OpenRouterStandIn:
    """The server, in a thread and loop of its own. Enter it with `with`."""

    completion: type[Completion] = Completion
    """How answers are written; a stand-in that writes others names its own."""

    def __init__(
        self,
        *,
        api_key: str = "stand-in",
        pace: Pace | None = None,
        port: int = 0,
    ) -> None:
        self.api_key = api_key
        self.pace = pace or Pace()
        self.port = port
        self.script = Script()
        self.calls = Calls()
        self._connections: set[asyncio.Task[None]] = set()
        self._thread: threading.Thread | None = None
        self.loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event

    @property
    def url(self) -> str:
        """The server's origin, under which `/_control` stands."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """What a client of OpenRouter is given."""
        return f"{self.url}/api/v1"

    def reset(self) -> None:
        """Forget the script and the calls, also those of clients that have just left."""
        if self._thread is not None:
            asyncio.run_coroutine_threadsafe(self._settle(), self.loop).result(timeout=60)
        self.script.reset()
        self.calls.reset()

    @staticmethod
    async def _settle() -> None:
        """Take in what has been sent: on a busy machine it would count as a later test's call."""
        for _ in range(SETTLING_TURNS):
            await asyncio.sleep(0)

    # Life

    def start(self) -> None:
        """Serve from now on; returns once the port is open."""
        opened: Future[int] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(opened)), name="openrouter-stand-in", daemon=True
        )
        self._thread.start()
        self.port = opened.result(timeout=10)

    def stop(self) -> None:
        """Break every connection and end."""
        if self._thread is not None:
            self.loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(timeout=10)
            self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def _serve(self, opened: Future[int]) -> None:
        self.loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        try:
            server = await asyncio.start_server(
                self._accept, "127.0.0.1", self.port, backlog=1_024, reuse_address=True
            )
        except OSError as error:
            opened.set_exception(error)
            return
        opened.set_result(server.sockets[0].getsockname()[1])
        await self._stopping.wait()
        server.close()
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await asyncio.sleep(0)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._converse(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer)
        try:
            while request := await wire.request():
                await wire.while_client_stays(self._respond(wire, request))
                if not wire.next_cycle():
                    break
        except (ConnectionError, h11.RemoteProtocolError):
            pass
        finally:
            wire.close()

    # Routes

    async def _respond(self, wire: Wire, request: Request) -> None:
        match request.method, request.path:
            case "POST", "/api/v1/chat/completions":
                await self._complete(wire, request)
            case "POST", "/_control/script":
                await self._change_script(wire, request)
            case "GET", "/_control/summaries":
                await wire.json([call.summary for call in self.calls.all()])
            case _:
                await self.answer_unknown_path(wire)

    async def answer_unknown_path(self, wire: Wire) -> None:
        await wire.json({"error": error_body(404, "Not Found")}, 404)

    async def _change_script(self, wire: Wire, request: Request) -> None:
        """Add `rules` (name, kind, week, times) and set `spoil` (share, names, seed) and `pace`."""
        try:
            change = json.loads(request.body)
            rules = [Rule(**rule) for rule in change.get("rules", ())]
            pace = replace(self.pace, **change.get("pace", {}))
            spoil = Spoil(**change["spoil"]) if "spoil" in change else None
        except (ValueError, TypeError, AttributeError) as error:
            await wire.json({"error": error_body(400, str(error))}, 400)
            return
        for rule in rules:
            self.script.add(rule)
        if spoil:
            self.script.spoil(spoil.share, spoil.names, spoil.seed)
        self.pace = pace
        await wire.json({"ok": True})

    async def _complete(self, wire: Wire, request: Request) -> None:
        try:
            body = json.loads(request.body)
            wanted = find_wanted(body)
            call = self._call(request, body, wanted)
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            message = f"Invalid request: {error!r}"
            await wire.json({"error": error_body(400, message)}, 400)
            return
        with self.calls.recording(call):
            await self.answer(wire, request, call, wanted)

    async def answer(self, wire: Wire, request: Request, call: Call, wanted: Wanted) -> None:
        """Answer one call; a stand-in for another kind of server answers in its own way."""
        reply = self._reply(request, call, wanted)
        await self.completion(call, reply, self.pace).send(wire)

    @staticmethod
    def _call(request: Request, body: Json, wanted: Wanted) -> Call:
        return Call(
            kind=wanted.kind,
            week_number=wanted.week_number,
            model=body["model"],
            stream=bool(body.get("stream")),
            response_format=(body.get("response_format") or {}).get("type"),
            headers={
                name: request.headers[name]
                for name in HEADERS_OF_INTEREST
                if name in request.headers
            },
            body=body,
            started_at=time.time(),
            client_port=request.client_port,
            facts=wanted.facts,
        )

    def _reply(self, request: Request, call: Call, wanted: Wanted) -> Reply:
        """Return what to answer: a refusal, or the good answer as the script spoils it."""
        if request.headers.get("authorization") != f"Bearer {self.api_key}":
            return Reply(status=401, error=error_body(401, "No auth credentials found"))
        if problem := schema_problem(call.body.get("response_format") or {}):
            return Reply(status=400, error=error_body(400, f"Invalid schema: {problem}"))
        try:
            reply = Reply(answer_text(wanted))
        except (LookupError, TypeError, AttributeError) as error:
            message = f"The stand-in cannot answer {wanted.kind!r} by these facts: {error!r}"
            return Reply(status=400, error=error_body(400, message))
        call.misbehaviour = self.script.choose(wanted)
        if call.misbehaviour:
            reply = EVERY_MISBEHAVIOUR[call.misbehaviour](reply, wanted)
        elif order := self.script.order_in(wanted):
            call.misbehaviour = f"obeys: {order.deed}"
            reply = order.obeyed(reply, wanted, message_text(call.messages[0]))
        tokens = call.body.get("max_completion_tokens") or call.body.get("max_tokens")
        most = min(tokens or self.pace.max_output_tokens, self.pace.max_output_tokens)
        if token_count(reply.content) > most:
            content = reply.content[: most * CHARACTERS_PER_TOKEN]
            return replace(reply, content=content, finish_reason="length")
        return reply
