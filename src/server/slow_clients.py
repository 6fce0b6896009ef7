"""uvicorn's HTTP protocol with timeouts for slow clients.

uvicorn itself limits only the time between two requests. A client that opens a connection and sends
nothing, or one byte now and then, would keep it open without end.
"""

import asyncio
from enum import Enum, auto

import h11
from starlette.datastructures import MutableHeaders
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from src.web.response_headers import PRIVATE_HEADERS


class _Awaited(Enum):
    """What the client has to send. The timeout starts with it, and no partial data resets it."""

    HEAD = auto()
    REST_OF_BODY = auto()
    """The rest of a body whose request is already answered; it is discarded."""


class BoundedH11Protocol(H11Protocol):
    """Closes connections whose client sends its request or reads the response too slowly.

    `src.web.json_bodies` limits the time of bodies that a handler reads.
    """

    head_seconds = 15.0
    """How long a request's line and headers may take to arrive."""
    rest_seconds = 5.0
    """How long a body may continue after its request was answered.

    If we closed at once, the client's system could discard the response unread.
    """
    stall_seconds = 60.0
    """How long a client may read nothing while data is waiting for it."""

    _awaited: _Awaited | None = None
    _limit: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timeout for the first request."""
        super().connection_made(transport)
        self._update_limit()

    def data_received(self, data: bytes) -> None:
        """Take bytes, which may end one timeout and start another."""
        super().data_received(data)
        self._update_limit()

    def on_response_complete(self) -> None:
        """Start the timeout for what the client has to send next."""
        super().on_response_complete()
        self._update_limit()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel all timeouts."""
        for timer in (self._limit, self._stall):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

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

    def send_400_response(self, msg: str) -> None:
        """Respond to a malformed request, unless a response has already started."""
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.close()  # Nothing else can be sent inside a response.
            return
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            # A handler that waits for the body sees a disconnect.
            cycle.disconnected = True
            cycle.message_event.set()
        own = {"content-type": "text/plain", "connection": "close"}
        headers = MutableHeaders(own | PRIVATE_HEADERS)
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
            return _Awaited.HEAD  # Between two requests, uvicorn's own timeout runs.
        if self.conn.their_state is h11.SEND_BODY and self.conn.our_state is h11.DONE:
            return _Awaited.REST_OF_BODY
        return None
