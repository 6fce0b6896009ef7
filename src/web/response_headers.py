"""The headers that every answer carries, whoever made it: the API, a preflight, the docs."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.web.public_paths import is_public

COMMON_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    "Referrer-Policy": "no-referrer",
}

API_CSP = "default-src 'none'; frame-ancestors 'none'"

_PAGE_CSP = (
    f"{API_CSP}; base-uri 'none'; form-action 'none'"
    "; connect-src 'self'"  # the description, and the examples that one executes
    "; img-src 'self' data:"
    "; style-src 'self' 'unsafe-inline'"  # both pages style themselves while they run
)

SWAGGER_SCRIPT = "'sha256-QOOQu4W1oxGqd2nbXbxiA1Di6OHQOLQD+o+G9oWL8YY='"
"""The one inline script of /docs. FastAPI writes it; where it changes, this has to follow."""

PAGE_CSPS = {
    "/docs": f"{_PAGE_CSP}; script-src 'self' {SWAGGER_SCRIPT}",
    # Its search runs in a worker made of a blob.
    "/redoc": f"{_PAGE_CSP}; script-src 'self'; worker-src blob:",
}

HSTS = "max-age=31536000"
"""A year. Not for the subdomains: what stands there is not this service's to decide."""


def add_private_headers(headers: MutableHeaders) -> None:
    """Add what an answer carries that may hold personal data; all do but the public ones."""
    headers.update(
        COMMON_HEADERS | {"Content-Security-Policy": API_CSP, "Cache-Control": "no-store"}
    )


class ResponseHeadersMiddleware:
    """Adds the headers as an answer begins; nothing of its body is held back.

    It stands outside of the CORS middleware, which answers preflights itself.
    """

    def __init__(self, app: ASGIApp, *, behind_tls: bool) -> None:
        """`behind_tls` says that a platform ends TLS before us, so that requests come as http."""
        self._app = app
        self._behind_tls = behind_tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]  # as the client sent it; inside, mounts change the scope
        headers = COMMON_HEADERS | {"Content-Security-Policy": PAGE_CSPS.get(path, API_CSP)}
        if not is_public(path):
            headers["Cache-Control"] = "no-store"
        if self._behind_tls or scope["scheme"] == "https":
            headers["Strict-Transport-Security"] = HSTS

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        await self._app(scope, receive, send_with_headers)
