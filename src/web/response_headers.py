"""The security headers of every response: of the API, preflights and the docs."""

from collections.abc import Iterable
from functools import cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.web.public_paths import is_public

RawHeaders = Iterable[tuple[bytes, bytes]]

COMMON_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    "Referrer-Policy": "no-referrer",
}

API_CSP = "default-src 'none'; frame-ancestors 'none'"

NO_STORE = "no-store"

PRIVATE_HEADERS = COMMON_HEADERS | {"Content-Security-Policy": API_CSP, "Cache-Control": NO_STORE}
"""The headers of a response that may hold personal data."""

_PAGE_CSP = (
    f"{API_CSP}; base-uri 'none'; form-action 'none'"
    "; connect-src 'self'"  # /openapi.json, and "Try it out"
    "; img-src 'self' data:"
    "; style-src 'self' 'unsafe-inline'"  # both pages set styles from scripts
)

SWAGGER_SCRIPT = "'sha256-QOOQu4W1oxGqd2nbXbxiA1Di6OHQOLQD+o+G9oWL8YY='"
"""The hash of the inline script in /docs, which FastAPI writes. Update it when FastAPI does."""

PAGE_CSPS = {
    "/docs": f"{_PAGE_CSP}; script-src 'self' {SWAGGER_SCRIPT}",
    # Its search runs in a worker created from a blob.
    "/redoc": f"{_PAGE_CSP}; script-src 'self'; worker-src blob:",
}

HSTS = "max-age=31536000"
"""A year. Subdomains are not included, since they may belong to other services."""


class ResponseHeadersMiddleware:
    """Adds the headers when a response starts, without buffering its body.

    It runs outside the CORS middleware, which answers preflights itself.
    """

    def __init__(self, app: ASGIApp, *, behind_tls: bool) -> None:
        """`behind_tls`: a platform terminates TLS in front of us, so that requests come as http."""
        self._app = app
        self._behind_tls = behind_tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Read now: mounts change the path in the scope.
        path: str = scope["path"]
        is_secure = self._behind_tls or scope["scheme"] == "https"
        headers = _encode(PAGE_CSPS.get(path, API_CSP), is_secure=is_secure)
        may_be_stored = is_public(path)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present: RawHeaders = message.get("headers", ())
                message["headers"] = [*(each for each in present if each[0] not in NAMES), *headers]
                # Only what is meant to be asked for again and again says otherwise.
                if not may_be_stored and all(name != b"cache-control" for name, _ in present):
                    message["headers"].append((b"cache-control", NO_STORE.encode()))
            await send(message)

        await self._app(scope, receive, send_with_headers)


@cache
def _encode(csp: str, *, is_secure: bool) -> RawHeaders:
    """Return the headers as ASGI has them."""
    headers = COMMON_HEADERS | {"Content-Security-Policy": csp}
    if is_secure:
        headers["Strict-Transport-Security"] = HSTS
    return tuple((name.lower().encode(), value.encode()) for name, value in headers.items())


NAMES = frozenset(name for name, _ in _encode(API_CSP, is_secure=True))
