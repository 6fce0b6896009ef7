"""A reverse proxy that misbehaves on demand, between a store and PostgREST."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import h11
import httpx

from tests.support.loopback import LoopbackServer, reset_on_close
from tests.support.waiting import PATIENCE_SECONDS, until_true

PREFIX = "/rest/v1"

UNAVAILABLE = (
    b'{"code":"PGRST001","message":"Database client error. Retrying the connection.",'
    b'"details":null,"hint":null}'
)
_OF_CONNECTION = frozenset({b"connection", b"host"})
_FRAMING = frozenset({b"connection", b"content-length", b"transfer-encoding"})
HTML = b"<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>"


class Fault(StrEnum):
    """What can happen to a request."""

    REFUSE = "refuse"
    """Closed before anything is forwarded."""
    DELAY = "delay"
    """Held until it is released, then forwarded, whether or not the client still waits."""
    WITHHOLD = "withhold"
    """Forwarded; the answer is held until it is released, and then never comes."""
    CUT = "cut"
    """Forwarded; half of the answer's bytes, then a reset."""
    LOSE = "lose"
    """Forwarded; closed without a byte."""
    UNAVAILABLE = "unavailable"
    """A 503 as PostgREST writes it, without forwarding."""
    HTML = "html"
    """A gateway's 502 page, without forwarding."""
    HTML_OK = "html_ok"
    """A page with status 200, as from a captive portal, without forwarding."""


NOT_FORWARDED = {
    Fault.UNAVAILABLE: (503, "application/json; charset=utf-8", UNAVAILABLE),
    Fault.HTML: (502, "text/html; charset=UTF-8", HTML),
    Fault.HTML_OK: (200, "text/html; charset=UTF-8", HTML),
}


@dataclass
class Exchange:
    """One request; `number` counts from 1 since the last reset."""

    number: int
    method: str
    path: str
    peer_port: int
    """The port from which the client asks."""
    status: int | None = None
    """What PostgREST or the fault answered; None while or where there was no answer."""


class Moment(StrEnum):
    ANSWERED = "answered"
    """PostgREST has answered, and the client does not know yet."""
    DELIVERED = "delivered"
    """The answer is on its way to the client."""


Watcher: TypeAlias = Callable[[Exchange, bytes, Moment], None]
"""Gets an exchange, its request's body and its moment, in the proxy's thread."""


class _Hold:
    """What held requests wait for: `is_over` is set by a release, or by a reset."""

    def __init__(self) -> None:
        self.is_over = asyncio.Event()
        self.is_dropped = False


@dataclass(frozen=True)
class _Rule:
    fault: Fault
    when: Callable[[Exchange], bool]
    seconds: float


class FaultProxy(LoopbackServer):
    """Forwards `/rest/v1/…` to PostgREST, except where a rule says otherwise.

    Its `url` is what a Supabase client gets as its project's address.
    """

    def __init__(self, upstream: str) -> None:
        super().__init__()
        self._client = httpx.AsyncClient(base_url=upstream, timeout=60)
        self._hold = _Hold()
        self._in_flight = 0
        self._rules: list[_Rule] = []
        self._watcher: Watcher | None = None
        self.held = threading.Event()
        """Set once a request is being held."""
        self.on_hold: Callable[[], object] | None = None
        """Called in the proxy's thread whenever a request is held."""
        self.exchanges: list[Exchange] = []
        """The requests since the last reset, in the order in which they came."""
        self.documents: dict[str, bytes] = {}
        """What the project publishes as JSON beside its data, by path; rules hold for it, too."""

    def inject(
        self, fault: Fault, when: Callable[[Exchange], bool], *, seconds: float = 60.0
    ) -> None:
        """Do this to every request of which `when` is true; the first rule that fits counts.

        `DELAY` and `WITHHOLD` hold a request until `release`, or for so many seconds.
        """
        self._rules.append(_Rule(fault, when, seconds))

    def inject_at(self, number: int, fault: Fault) -> None:
        """Do this to one request, counted from 1 since the last reset."""
        self.inject(fault, lambda exchange: exchange.number == number)

    def release(self) -> None:
        """Let go what is held, and hold nothing more until the next reset."""
        self.loop.call_soon_threadsafe(self._hold.is_over.set)

    def watch(self, watcher: Watcher | None) -> None:
        """Call `watcher` with every forwarded request, at each moment; None ends that."""
        self._watcher = watcher

    def reset(self) -> None:
        """Forget the rules, the watcher and the exchanges, and count from 1 again.

        Requests that are held are dropped: later they would write into another test's database.
        """
        hold, self._hold = self._hold, _Hold()
        hold.is_dropped = True
        self.loop.call_soon_threadsafe(hold.is_over.set)
        self._rules = []
        self._watcher = None
        self.exchanges = []
        self.held.clear()
        self.on_hold = None

    async def until_held(self) -> None:
        if not await asyncio.to_thread(self.held.wait, PATIENCE_SECONDS):
            raise TimeoutError("no request was held")

    @property
    def is_idle(self) -> bool:
        """Whether it works on no request."""
        return not self._in_flight

    async def settled(self) -> None:
        await until_true(lambda: self.is_idle)

    async def clean_up(self) -> None:
        await self._client.aclose()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        http = h11.Connection(h11.SERVER)
        with suppress(h11.RemoteProtocolError):
            while await self._exchange(http, reader, writer):
                http.start_next_cycle()

    async def _exchange(
        self, http: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Serve one request; return whether the connection can serve another."""
        request = await _next_event(http, reader)
        if not isinstance(request, h11.Request):
            return False
        # Counted as in flight from its first line: `settled` must not overlook its body.
        self._in_flight += 1
        try:
            body = b""
            while isinstance(event := await _next_event(http, reader), h11.Data):
                body += event.data
            if not isinstance(event, h11.EndOfMessage):
                return False
            path = request.target.decode().partition("?")[0]
            port = writer.get_extra_info("peername")[1]
            number = len(self.exchanges) + 1
            exchange = Exchange(number, request.method.decode(), path, port)
            self.exchanges.append(exchange)
            hold = self._hold  # before the rules: a reset in between drops the request
            rule = next((rule for rule in self._rules if rule.when(exchange)), None)
            answer = await self._answer(exchange, request, body, rule, hold)
            self._notify(exchange, body, Moment.ANSWERED)
        finally:
            self._in_flight -= 1
        if answer is None:
            return False
        sent = _bytes_of(http, answer)
        if rule is not None and rule.fault is Fault.CUT:
            writer.write(sent[: len(sent) // 2])
            await writer.drain()
            reset_on_close(writer)
            return False
        writer.write(sent)
        await writer.drain()
        self._notify(exchange, body, Moment.DELIVERED)
        return http.our_state is h11.DONE and http.their_state is h11.DONE

    async def _answer(
        self,
        exchange: Exchange,
        request: h11.Request,
        body: bytes,
        rule: _Rule | None,
        hold: _Hold,
    ) -> httpx.Response | None:
        """Return what to answer; None where the connection closes without a byte."""
        fault = None if rule is None else rule.fault
        if fault is Fault.REFUSE:
            return None
        if fault in NOT_FORWARDED:
            exchange.status = NOT_FORWARDED[fault][0]
            return _answer_of(*NOT_FORWARDED[fault])
        if rule is not None and fault is Fault.DELAY:
            await self._wait_for(hold, rule.seconds)
            if hold.is_dropped:
                return None
        answer = await self._forward(exchange, request, body)
        exchange.status = answer.status_code
        if rule is not None and fault is Fault.WITHHOLD:
            await self._wait_for(hold, rule.seconds)
        return None if fault in {Fault.WITHHOLD, Fault.LOSE} else answer

    def _notify(self, exchange: Exchange, body: bytes, moment: Moment) -> None:
        if self._watcher is not None:
            self._watcher(exchange, body, moment)

    async def _wait_for(self, hold: _Hold, seconds: float) -> None:
        if hold.is_over.is_set():
            return
        self.held.set()
        if self.on_hold is not None:
            self.on_hold()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await hold.is_over.wait()

    async def _forward(
        self, exchange: Exchange, request: h11.Request, body: bytes
    ) -> httpx.Response:
        if not exchange.path.startswith(f"{PREFIX}/"):
            document = self.documents.get(exchange.path)
            return _answer_of(200 if document else 404, "application/json", document or b"{}")
        try:
            return await self._client.request(
                exchange.method,
                httpx.URL(request.target.decode().removeprefix(PREFIX)),
                headers=[pair for pair in request.headers if pair[0] not in _OF_CONNECTION],
                content=body,
            )
        except httpx.TransportError:
            # PostgREST is down, or went down over this request: a gateway says so.
            return _answer_of(*NOT_FORWARDED[Fault.HTML])


def _answer_of(status: int, kind: str, content: bytes) -> httpx.Response:
    return httpx.Response(status, headers={"content-type": kind}, content=content)


async def _next_event(http: h11.Connection, reader: asyncio.StreamReader) -> object:
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(await reader.read(65_536))
    return event


def _bytes_of(http: h11.Connection, answer: httpx.Response) -> bytes:
    headers = [pair for pair in answer.headers.raw if pair[0].lower() not in _FRAMING]
    if answer.status_code not in {204, 304}:
        headers.append((b"content-length", str(len(answer.content)).encode()))
    events: tuple[h11.Event, ...] = (
        h11.Response(status_code=answer.status_code, headers=headers),
        h11.Data(data=answer.content),
        h11.EndOfMessage(),
    )
    return b"".join(sent for event in events if (sent := http.send(event)))
