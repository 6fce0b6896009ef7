"""Compresses answers with gzip where the client takes it."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.web.negotiation import is_zero_weight

LEAST_BYTES = 1_024
"""What is shorter fits into one packet anyway."""

LEVEL = 6
"""zlib's own default: the levels above it take twice the time for a hundredth of the size."""

LEAST_BYTES_IN_THREAD = 32 * 1_024
"""Compressing so much takes about a millisecond, for which the event loop would stand still."""

_SUFFIX = '-gzip"'


class CompressionMiddleware:
    """Adds what Starlette's middleware lacks: weights of zero, and tags of their own.

    A strong ETag stands for bytes (RFC 9110, section 8.8.3), and the compressed bytes are others:
    their tag ends in `-gzip`. In `If-None-Match` both count. Event streams are never compressed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._compressing = GZipMiddleware(
            app,
            minimum_size=LEAST_BYTES,
            compresslevel=LEVEL,
            thread_minimum_size=LEAST_BYTES_IN_THREAD,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._plain(scope, receive, send)
            return
        # In place: what routing notes in the scope is read for the request log.
        scope["headers"] = list(scope["headers"])
        headers = MutableHeaders(scope=scope)
        takes_gzip = _takes_gzip(headers)
        headers["Accept-Encoding"] = "gzip" if takes_gzip else "identity"
        known = ",".join(headers.getlist("if-none-match"))
        if known:
            headers["If-None-Match"] = known.replace(_SUFFIX, '"')

        async def send_with_tag(message: Message) -> None:
            # The tag in the answer to a POST stands for something else than that answer.
            if message["type"] == "http.response.start" and scope["method"] == "GET":
                _adapt_headers(MutableHeaders(scope=message), message["status"], known)
            await send(message)

        await self._compressing(scope, receive, send_with_tag)


def _adapt_headers(headers: MutableHeaders, status: int, known: str) -> None:
    etag = headers.get("etag", "")
    tag_of_compressed = etag.removesuffix('"') + _SUFFIX
    is_known = status == 304 and tag_of_compressed in known  # noqa: PLR2004  Not Modified
    if etag and (headers.get("content-encoding") == "gzip" or is_known):
        headers["ETag"] = tag_of_compressed
    if vary := headers.get("vary"):  # Starlette adds `Accept-Encoding` without a look at it
        headers["Vary"] = ", ".join(dict.fromkeys(name.strip() for name in vary.split(",")))


def _takes_gzip(headers: Headers) -> bool:
    """Return whether `Accept-Encoding` has gzip, or `*`, with another weight than zero."""
    weights: dict[str, bool] = {}
    for item in ",".join(headers.getlist("accept-encoding")).lower().split(","):
        coding, *parameters = (part.strip() for part in item.split(";"))
        weights[coding] = not any(map(is_zero_weight, parameters))
    return weights.get("gzip", weights.get("*", False))
