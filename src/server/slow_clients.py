"""HTTP on a socket, for clients that take their time: uvicorn's protocol with limits in time.

uvicorn bounds the time between two requests. Without this, whoever opens a connection and sends
nothing, or one byte now and then, keeps it for ever.
"""

import asyncio
from enum import Enum, auto

import h11
from starlette.datastructures import MutableHeaders
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from src.web.response_headers import add_private_headers


class _Awaited(Enum):
    """What the client owes us; the limit runs from when it began to, however often it sends."""

    HEAD = auto()
    REST_OF_BODY = auto()
    """Of a request that is answered: what remains is thrown away."""


class BoundedH11Protocol(H11Protocol):
    """Closes connections whose client is too slow to ask, or to read what it asked for.

    Bodies that a handler reads are bounded where they are read (`src.web.json_bodies`).
    """

    head_seconds = 15.0
    """How long a request's line and headers may take to arrive."""
    rest_seconds = 5.0
    """How long a body may go on once the request is answered without it.

    Closing at once would let the client's system throw the answer away unread.
    """
    stall_seconds = 60.0
    """How long a client may leave what waits for it unread."""

    _awaited: _Awaited | None = None
    _limit: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._update_limit()

    def data_received(self, data: bytes) -> None:
        """Take bytes, which may end what we wait for, or begin it."""
        super().data_received(data)
        self._update_limit()

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the rest of this one."""
        super().on_response_complete()
        self._update_limit()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        for timer in (self._limit, self._stall):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        self._stall = self.loop.call_later(self.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client reads."""
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, if there is anybody left to answer."""
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.close()  # An answer has begun; the client can only be cut off.
            return
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            # The handler that waits for this body learns that there is none.
            cycle.disconnected = True
            cycle.message_event.set()
        headers = MutableHeaders({"content-type": "text/plain", "connection": "close"})
        add_private_headers(headers)
        for event in (
            h11.Response(status_code=400, headers=headers.raw, reason=b"Bad Request"),
            h11.Data(data=msg.encode("ascii")),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _update_limit(self) -> None:
        awaited = self._find_awaited()
        if awaited is self._awaited:
            return
        if self._limit is not None:
            self._limit.cancel()
        self._awaited, self._limit = awaited, None
        if awaited is not None:
            seconds = self.head_seconds if awaited is _Awaited.HEAD else self.rest_seconds
            self._limit = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _find_awaited(self) -> _Awaited | None:
        if self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is None:
            return _Awaited.HEAD  # Not between two requests, which uvicorn bounds.
        if self.conn.their_state is h11.SEND_BODY and self.conn.our_state is h11.DONE:
            return _Awaited.REST_OF_BODY
        return None
