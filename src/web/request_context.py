"""What surrounds every request: its id, its log line, and a last net under unexpected errors."""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.domain.errors import SettingsError
from src.web.request_log import log_request

logger = logging.getLogger(__name__)

HEADER = "X-Request-ID"

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_request_id: ContextVar[str] = ContextVar("request_id", default="-")


def request_id() -> str:
    """Return the id of the request that this code works for, `-` outside of any."""
    return _request_id.get()


class RequestContextMiddleware:
    """Names each request, logs how it ended, and answers what no handler caught.

    It stands inside the CORS middleware: an unexpected error then carries the CORS headers too.
    """

    def __init__(
        self, app: ASGIApp, unexpected: Callable[[], Response], ended: Callable[[], Response | None]
    ) -> None:
        """Take what answers an unexpected error, and what answers once the server is leaving."""
        self._app = app
        self._unexpected = unexpected
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        identifier = given if _SANE_ID.fullmatch(given) else uuid4().hex
        _request_id.set(identifier)
        began = time.monotonic()
        status = 0

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = identifier
            await send(message)

        try:
            await self._app(scope, receive, send_named)
        except asyncio.CancelledError:
            if not await self._answered_at_the_end(scope, receive, send_named, is_open=not status):
                raise
        except Exception:
            logger.exception("unexpected error")
            if status:
                raise  # The answer has begun; the server can only cut it.
            await self._unexpected()(scope, receive, send_named)
        finally:
            log_request(scope, status, time.monotonic() - began)

    async def _answered_at_the_end(
        self, scope: Scope, receive: Receive, send: Send, *, is_open: bool
    ) -> bool:
        """Answer a request for which a server that is leaving waits no longer, if it still can.

        The server would do so in its own words. Returns whether it is leaving at all.
        """
        answer, task = self._ended(), asyncio.current_task()
        if answer is None or task is None:
            return False
        task.uncancel()
        if is_open:
            await answer(scope, receive, send)
        return True

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Log why a start or an end failed, in place of the traceback that the server would print.

        Such a traceback quotes what the error says.
        """

        async def send_without_words(message: Message) -> None:
            await send({"type": message["type"]})

        try:
            await self._app(scope, receive, send_without_words)
        except SettingsError as error:
            logger.critical("Momentum-AI cannot start: %s", error)
            raise
        except Exception:
            logger.exception("cannot start, or cannot end in order")
            raise
