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

REQUEST_ID_HEADER = "X-Request-ID"

_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_request_id: ContextVar[str] = ContextVar("request_id", default="-")


def request_id() -> str:
    """Return the id of the request that this code works for, `-` outside of any."""
    return _request_id.get()


class RequestContextMiddleware:
    """Names each request, logs how it ended, and answers what no handler caught.

    It stands inside the CORS middleware: an unexpected error then carries the CORS headers too.
    """

    def __init__(
        self,
        app: ASGIApp,
        internal_error: Callable[[], Response],
        shutdown_response: Callable[[], Response | None],
    ) -> None:
        """Take what answers an unexpected error, and what answers once the server is leaving."""
        self._app = app
        self._internal_error = internal_error
        self._shutdown_response = shutdown_response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._run_lifespan(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
        identifier = given if _SAFE_ID.fullmatch(given) else uuid4().hex
        _request_id.set(identifier)
        began = time.monotonic()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = identifier
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except asyncio.CancelledError:
            if not await self._respond_on_shutdown(
                scope, receive, send_with_id, can_respond=not status
            ):
                raise
        except Exception:
            logger.exception("unexpected error")
            if status:
                raise  # The answer has begun; the server can only cut it.
            await self._internal_error()(scope, receive, send_with_id)
        finally:
            log_request(scope, status, time.monotonic() - began)

    async def _respond_on_shutdown(
        self, scope: Scope, receive: Receive, send: Send, *, can_respond: bool
    ) -> bool:
        """Answer a request for which a server that is leaving waits no longer, if it still can.

        The server would do so in its own words. Returns whether it is leaving at all.
        """
        answer, task = self._shutdown_response(), asyncio.current_task()
        if answer is None or task is None:
            return False
        task.uncancel()
        if can_respond:
            await answer(scope, receive, send)
        return True

    async def _run_lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Log why a start or an end failed, in place of the traceback that the server would print.

        Such a traceback quotes what the error says.
        """

        async def send_without_message(message: Message) -> None:
            await send({"type": message["type"]})

        try:
            await self._app(scope, receive, send_without_message)
        except SettingsError as error:
            logger.critical("Momentum-AI cannot start: %s", error)
            raise
        except Exception:
            logger.exception("cannot start, or cannot end in order")
            raise
