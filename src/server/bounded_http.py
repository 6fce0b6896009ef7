"""uvicorn's HTTP protocol with bounds: on bytes, on seconds, and on connections.

uvicorn's own parser (httptools) is fast and accepts anything: headers of 40 MB, a body without end,
no `Host`. A client that sends nothing, or one byte now and then, would stay for ever.
"""

import asyncio
import re
from collections.abc import Iterable
from functools import partial
from http import HTTPStatus
from typing import Any, cast

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from src.server.asgi import (
    HEALTH_PATH,
    announce_end,
    refusal,
    refuse_overloaded,
    start_in_turn,
)
from src.server.connections import HEALTH_CONNECTIONS, connection_limit, longest_idle

MAX_TARGET_BYTES = 8 * 1024
"""Of a request's target; RFC 9112, section 3, recommends to accept at least 8,000."""

MAX_HEAD_BYTES = 32 * 1024
"""Of all headers together. Access tokens take up to 8 KiB, cookies of a shared domain as much."""

MAX_HEADERS = 100

MAX_CHUNKS = 1_024
"""Of one body. `src.web.json_bodies` allows 64 KiB, so that even chunks of 64 bytes fit."""

MAX_MESSAGE_BYTES = 1024 * 1024
"""Of one request as it arrives, with its chunks' sizes, extensions and trailers."""

MAX_PIPELINED = 100
"""Requests that may wait for the answer to an earlier one of their connection."""

MAX_DISCARDED_BYTES = 1024 * 1024
"""What may still arrive once the answer is sent. It is not parsed."""

_HOST = re.compile(rb"(?:[\w.~%!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?", re.ASCII)
_ABSOLUTE_FORM = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE)


class _RefusedError(Exception):
    def __init__(self, status: HTTPStatus) -> None:
        self.status = status


class BoundedHttpProtocol(HttpToolsProtocol):
    """Refuses what is too long, and closes connections whose client is too slow.

    `src.web.json_bodies` limits the size and the time of bodies that a handler reads.
    """

    head_seconds = 15.0
    """How long a request's line and headers may take to arrive."""
    discard_seconds = 5.0
    """How long the client may take to notice that we have closed.

    If we closed at once, its system could discard the response unread.
    """
    stall_seconds = 60.0
    """How long a client may read nothing while data is waiting for it."""
    max_connections = connection_limit()

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  as the base class has it
        super().__init__(*args, **kwargs)
        self._is_in_head = False
        self._has_ended = False
        """The client has closed its half."""
        self._served: RequestResponseCycle | None = None
        """The request that is being answered, while `cycle` is the latest that has arrived."""
        self._discarded: int | None = None
        """Bytes that came after the last answer; None while requests are read."""
        self._message_bytes = self._head_bytes = self._chunks = 0
        self._head_limit: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._closing_limit: asyncio.TimerHandle | None = None
        self.waits_since = 0.0

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timeout for the first request, and make room for the connection."""
        super().connection_made(transport)
        self.waits_since = self.loop.time()
        self._update_head_limit()
        if len(self.connections) > self.max_connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel all timeouts, and stop the answer that is being sent."""
        for timer in (self._head_limit, self._stall, self._closing_limit):
            if timer is not None:
                timer.cancel()
        if self._served is not None:
            # The base class tells the latest request alone, and the others would answer nobody.
            self._served.disconnected = True
            self._served.message_event.set()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection open for the answer, if a whole request has arrived."""
        self._has_ended = True
        is_whole = not self._is_in_head and not self.is_idle() and not self.cycle.more_body
        return is_whole and self._discarded is None

    def pause_writing(self) -> None:
        """Start the timeout for the client to read."""
        super().pause_writing()
        self._stall = self.loop.call_later(self.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Cancel that timeout: the client reads again."""
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        super().resume_writing()

    def is_idle(self) -> bool:
        """Return whether no request is being answered."""
        # None before the first request, whatever its type says.
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]

    def _make_room(self) -> None:
        """Close the connection that has waited longest for a request, or else this one."""
        others = (other for other in self.connections if other is not self)
        closing = longest_idle(cast("Iterable[BoundedHttpProtocol]", others))
        if closing is None and len(self.connections) > self.max_connections + HEALTH_CONNECTIONS:
            closing = self
        if closing is not None:
            self.connections.discard(closing)  # `connection_lost` comes later.
            closing.transport.abort()

    def _update_head_limit(self) -> None:
        # Between two requests, uvicorn's own timeout runs. Partial data does not reset this one.
        is_needed = (
            self.is_idle()
            and self.timeout_keep_alive_task is None
            and self._discarded is None
            and not self.transport.is_closing()
        )
        if is_needed and self._head_limit is None:
            self._head_limit = self.loop.call_later(
                self.head_seconds, self.timeout_keep_alive_handler
            )
        elif not is_needed and self._head_limit is not None:
            self._head_limit.cancel()
            self._head_limit = None

    # Requests

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived, within the bounds."""
        self._unset_keepalive_if_required()
        if self._discarded is not None:
            self._discarded += len(data)
            if self._discarded > MAX_DISCARDED_BYTES:
                self.transport.abort()
            return
        self._message_bytes += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(
                cause.status if isinstance(cause, _RefusedError) else HTTPStatus.BAD_REQUEST
            )
        else:
            if self._is_in_head and self._message_bytes > MAX_HEAD_BYTES + MAX_TARGET_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            elif self._message_bytes > MAX_MESSAGE_BYTES:
                self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self._update_head_limit()

    def _parse(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                # We offer no other protocol, so that HTTP goes on (RFC 9110, section 7.8). The
                # parser has skipped the body: it gets the request again, without the offer.
                data = self._head_without_upgrade() + data[upgrade.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn
            else:
                return

    def _head_without_upgrade(self) -> bytes:
        lines = [self.parser.get_method() + b" " + self.url + b" HTTP/1.1"]
        lines += [
            name + b": " + value
            for name, value in self.headers
            if name not in {b"upgrade", b"connection"}
        ]
        return b"\r\n".join([*lines, b"\r\n"])

    def on_message_begin(self) -> None:
        """Begin to count a request's bytes."""
        if len(self.pipeline) >= MAX_PIPELINED:
            raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE)
        super().on_message_begin()
        self._is_in_head = True
        self._message_bytes = self._head_bytes = self._chunks = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        super().on_url(url)
        if len(self.url) > MAX_TARGET_BYTES:
            raise _RefusedError(HTTPStatus.REQUEST_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; the trailers of a body are ignored, since the request has begun."""
        if not self._is_in_head:
            return
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES or len(self.headers) >= MAX_HEADERS:
            raise _RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the request, if it says rightly for whom it is (RFC 9112, section 3.2)."""
        if self.parser.get_method() == b"CONNECT":
            raise _RefusedError(HTTPStatus.BAD_REQUEST)
        if self.parser.should_upgrade():
            return
        self._is_in_head = False
        hosts = [value for name, value in self.headers if name == b"host"]
        if absolute := _ABSOLUTE_FORM.match(self.url):
            target = self.url[absolute.end() :]
            self.url = target if target.startswith(b"/") else b"/" + target
        is_optional = self.parser.get_http_version() == "1.0" and not hosts
        if not is_optional and (len(hosts) != 1 or not _HOST.fullmatch(hosts[0])):
            raise _RefusedError(HTTPStatus.BAD_REQUEST)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Pass on that the body is complete."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def on_chunk_header(self) -> None:
        """Count the chunks: each costs time, however small it is."""
        self._chunks += 1
        if self._chunks > MAX_CHUNKS:
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer a request that is not served, and close."""
        cycle = None if self.is_idle() else self.cycle
        if cycle is not None and not cycle.more_body:
            self._discarded = 0  # Earlier requests of this connection get their answers first.
            return
        if cycle is not None:
            # A handler that waits for the body sees a disconnect.
            cycle.disconnected = True
            cycle.message_event.set()
        if cycle is not None and cycle.response_started:
            self.transport.close()  # Nothing else can be sent inside a response.
            return
        self.transport.write(refusal(status))
        self._close_after_answer()

    # Answers

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._served = cycle
        is_crowded = len(self.connections) > self.max_connections
        if is_crowded and cycle.scope["path"] != HEALTH_PATH:
            app = refuse_overloaded
        app = partial(start_in_turn, partial(announce_end, app, cycle), cycle)
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Wait for the next request, or close: the rest of an unread body is not worth reading."""
        self.waits_since = self.loop.time()
        super().on_response_complete()
        is_last = self.cycle.more_body or self._has_ended or self._discarded is not None
        if self.is_idle() and is_last:
            self._close_after_answer()
        self._update_head_limit()

    def _close_after_answer(self) -> None:
        """Close our half, and discard what still comes until the client closes the other."""
        self._unset_keepalive_if_required()
        self._discarded = 0
        self._update_head_limit()
        if self.transport.is_closing() or self._has_ended:
            self.transport.close()
            return
        self.transport.write_eof()
        self.flow.resume_reading()
        self._closing_limit = self.loop.call_later(self.discard_seconds, self.transport.abort)
