"""Gives each request an id, logs it, and catches errors that nothing else caught."""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from uuid import uuid4

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.domain.errors import SettingsError
from src.telemetry import begin_spending
from src.web.request_log import log_request, server_timing

logger = logging.getLogger(__name__)

REQUEST_ID_HEADER = "X-Request-ID"
_RAW_ID_HEADER = REQUEST_ID_HEADER.lower().encode()

_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_request_id: ContextVar[str] = ContextVar("request_id", default="-")
_request_path: ContextVar[str] = ContextVar("request_path", default="")


def request_id() -> str:
    """Return the id of the current request, `-` outside of a request."""
    return _request_id.get()


def request_path() -> str:
    """Return the path of the current request, empty outside of a request."""
    return _request_path.get()


def _given_id(scope: Scope) -> str:
    """Return the id that the client gave the request, empty if it gave none."""
    given = (value for name, value in scope["headers"] if name == _RAW_ID_HEADER)
    return next(given, b"").decode("latin-1")


class RequestContextMiddleware:
    """Assigns request ids, logs each request, and answers errors that no handler caught.

    It runs inside the CORS middleware, so that those answers carry the CORS headers, too.
    """

    def __init__(
        self,
        app: ASGIApp,
        internal_error: Callable[[], Response],
        shutdown_response: Callable[[], Response | None],
    ) -> None:
        """`shutdown_response` returns None unless the server is shutting down."""
        self._app = app
        self._internal_error = internal_error
        self._shutdown_response = shutdown_response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._run_lifespan(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve_request(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _serve_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = _given_id(scope)
        identifier = given if _SAFE_ID.fullmatch(given) else uuid4().hex
        _request_id.set(identifier)
        _request_path.set(scope["path"])
        started, spending = time.monotonic(), begin_spending()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                timing = server_timing(time.monotonic() - started, spending)
                message["headers"] = [
                    *message.get("headers", ()),
                    (_RAW_ID_HEADER, identifier.encode()),
                    (b"server-timing", timing.encode()),
                ]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except asyncio.CancelledError:
            response, task = self._shutdown_response(), asyncio.current_task()
            if response is None or task is None:
                raise
            # The server cancels it as it exits. Answered here, before the server's own 500.
            task.uncancel()
            if not status:
                await response(scope, receive, send_with_id)
        except Exception:
            logger.exception("unexpected error")
            if status:
                raise  # The response has started: the server can only close the connection.
            await self._internal_error()(scope, receive, send_with_id)
        finally:
            log_request(scope, status, time.monotonic() - started, spending)

    async def _run_lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Log why startup or shutdown failed, and remove the traceback that the server would print.

        That traceback would quote the error's message.
        """

        async def send_without_message(message: Message) -> None:
            await send({"type": message["type"]})

        try:
            await self._app(scope, receive, send_without_message)
        except SettingsError as error:
            logger.critical("Momentum-AI cannot start: %s", error)
            raise
        except Exception:
            logger.exception("startup or shutdown failed")
            raise
