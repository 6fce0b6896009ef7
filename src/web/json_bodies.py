"""Reads request bodies, limited in size and time, and parses JSON as strictly as RFC 8259."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from src.domain.vocabulary import MAX_QUESTION_LENGTH

MAX_BODY_BYTES = 64 * 1024
"""Documented for clients; the longest valid body is about 16 KiB."""

BODY_TIMEOUT_SECONDS = 30.0
"""How long a body may take to arrive."""

MAX_STRINGS = 1_000
"""Names and values of one body; requests have about ten. Parsing 10,000 takes 3 ms of CPU."""

MAX_BRACKETS = MAX_QUESTION_LENGTH + 100
"""Opening ones of one body: the longest text may consist of them, and a few belong to the JSON."""


class StrictJSONRoute(APIRoute):
    """Refuses a body that is not JSON (415), too large (413), too slow (408) or bad (400, 422)."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, which then gets a request that parses strictly."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            media_type = request.headers.get("content-type", "").partition(";")[0]
            if self.body_field and media_type.strip().lower() != "application/json":
                raise HTTPException(415)
            return await handler(_StrictJSONRequest(request.scope, request.receive))

        return handle


class _StrictJSONRequest(Request):
    # FastAPI's own `max_body_size` would answer without CORS headers and problem documents.
    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            declared = self.headers.get("content-length", "0")
            if declared.isdecimal() and int(declared) > MAX_BODY_BYTES:
                raise HTTPException(413)  # Before a client with `Expect: 100-continue` sends it.
            body = bytearray()
            try:
                async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
                    async for chunk in self.stream():
                        body += chunk
                        if len(body) > MAX_BODY_BYTES:
                            raise HTTPException(413)
            except TimeoutError:
                raise HTTPException(408) from None
            self._body = bytes(body)
        return self._body

    async def json(self) -> Any:  # noqa: ANN401  as the base class declares it
        if not hasattr(self, "_json"):
            body = await self.body()
            _reject_too_many_parts(body)
            self._json = json.loads(
                body.decode("utf-8"),
                parse_constant=_reject_constant,
                object_pairs_hook=_reject_duplicate_names,
            )
        return self._json


def _reject_too_many_parts(body: bytes) -> None:
    """Refuse what would be expensive to parse, at the price of counting some bytes."""
    # Quotes inside strings are escaped. Some others look escaped, since they follow an escaped
    # backslash: the number is never too high.
    strings = (body.count(b'"') - body.count(b'\\"')) // 2
    if body.count(b"{") + body.count(b"[") > MAX_BRACKETS:
        raise HTTPException(400)  # as for what the parser finds to be nested too deeply
    if strings > MAX_STRINGS:
        raise json.JSONDecodeError("It has more names than any request", "", 0)


def _reject_constant(_name: str) -> NoReturn:
    raise json.JSONDecodeError("NaN and Infinity are not JSON", "", 0)


def _reject_duplicate_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    parsed = dict(pairs)
    if len(parsed) < len(pairs):
        raise json.JSONDecodeError("A name is repeated", "", 0)
    return parsed
