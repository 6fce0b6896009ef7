"""Answers that clients ask for again and again: sent only if they have changed (RFC 9110, 13)."""

import hashlib
import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from starlette.datastructures import MutableHeaders

from src.web.json_bodies import StrictJSONRoute

REVALIDATE = "private, no-cache"
"""A browser may keep the answer, but must ask before it shows it again."""

_ETAG = re.compile(r'(W/)?("[!#-~\x80-\xff]*")')


def strong_etag(body: bytes) -> str:
    """Return a tag that changes with every byte."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def listed_etags(header: str) -> set[str]:
    """Return the tags in `If-None-Match`, where weak ones count like strong ones."""
    return {tag for _, tag in _ETAG.findall(header)}


def strong_etags(header: str) -> set[str]:
    """Return the tags in `If-Match`, where weak ones match nothing."""
    return {tag for weak, tag in _ETAG.findall(header) if not weak}


def is_any(header: str) -> bool:
    """Return whether `If-Match` or `If-None-Match` means every answer."""
    return header.strip() == "*"


class PolledRoute(StrictJSONRoute):
    """Tags what a GET answers, and answers 304 to a client that has it.

    The service works out the answer all the same: what is saved is its way over the network.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return a handler that adds the headers of RFC 9110 and 9111."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            response = await handler(request)
            if request.method != "GET":
                return response
            etag = strong_etag(bytes(response.body))
            response.headers["ETag"] = etag
            response.headers["Cache-Control"] = REVALIDATE
            response.headers.add_vary_header("Accept-Encoding, Authorization")
            known = ",".join(request.headers.getlist("if-none-match"))
            if is_any(known) or etag in listed_etags(known):
                return _not_modified(response.headers)
            return response

        return handle


def _not_modified(headers: MutableHeaders) -> Response:
    """Return a 304, with the headers of the answer that say how to keep it."""
    kept = {name: headers[name] for name in ("ETag", "Cache-Control", "Vary")}
    return Response(status_code=304, headers=kept)
