"""Rules of HTTP that hold for every route (RFC 9110)."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HttpSemanticsMiddleware:
    """Serves HEAD wherever GET is served, and ignores `Range`, as a server may (section 14.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http":
            # In place: what routing notes in the scope is read for the request log.
            scope["headers"] = [header for header in scope["headers"] if header[0] != b"range"]
        if scope.get("method") == "HEAD":
            await self._serve_head({**scope, "method": "GET"}, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _serve_head(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a GET up to its headers; an event stream would go on for minutes after them."""
        has_sent = asyncio.Event()

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body"})
                has_sent.set()

        serving = asyncio.ensure_future(self._app(scope, receive, send_head))
        waiting = asyncio.ensure_future(has_sent.wait())
        try:
            await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
        finally:
            waiting.cancel()
            serving.cancel()
            await asyncio.wait({serving})
