"""Bounds what the database's HTTP server may send: bytes, compressed or not, and interim answers.

httpx decompresses each piece that arrives in one step. A few hundred kilobytes of gzip can become
hundreds of megabytes, which block the event loop for seconds and take a gigabyte of memory.
"""

import asyncio
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

import aiohttp
import httpx
from aiohttp.client_proto import ResponseHandler

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""Of one answer, decompressed. A year's tasks take about 1 MB, as do a generation's events."""

BYTES_AT_ONCE = 128 * 1024
"""What is decompressed before others get their turn: less than a millisecond's work."""

MAX_INTERIM_ANSWERS = 8
"""Answers with a status of 1xx before the final one. RFC 9110, section 15.2, allows any number;
gateways send one or two."""

PARSED_AT_ONCE = 16 * 1024
"""Bytes whose interim answers are counted before more are parsed."""

_GZIP = zlib.MAX_WBITS | 16


class BoundedTransport(httpx.AsyncBaseTransport):
    """Passes requests to another transport, and bounds the bodies of its answers.

    Gzip is accepted, since it makes a year's tasks ten times smaller on their way over the
    internet. Other encodings are not: only this one is decompressed here.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; reading the answer's body raises what `bounded_pieces` does.

        Raises:
            httpx.DecodingError: the answer is compressed in another way than was accepted.
        """
        request.headers["Accept-Encoding"] = "gzip"
        response = await self._transport.handle_async_request(request)
        try:
            is_compressed = is_gzip(response.headers)
        except httpx.DecodingError:
            await response.aclose()
            raise
        response.headers.pop("Content-Encoding", None)
        # By RFC 7240 the server may ignore the preference, and PostgREST does not.
        needs_body = response.is_success and "return=minimal" not in request.headers.get(
            "Prefer", ""
        )
        response.stream = _BoundedStream(
            response.stream, is_gzip=is_compressed, needs_body=needs_body
        )
        return response

    async def aclose(self) -> None:
        """Close the other transport."""
        await self._transport.aclose()


class BoundedConnector(aiohttp.TCPConnector):
    """Connects as aiohttp does, and closes connections with too many interim answers."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  as the base class has them
        super().__init__(**options)
        # aiohttp offers no other way to count interim answers, which it skips without a bound.
        self._factory = partial(_BoundedResponseHandler, loop=self._loop)  # type: ignore[assignment]  # partial is invariant


def is_gzip(headers: Mapping[str, str]) -> bool:
    """Return whether an answer is compressed.

    Raises:
        httpx.DecodingError: it is, in another way than was accepted.
    """
    encoding = headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise httpx.DecodingError("the answer is compressed in another way than accepted")
    return encoding == "gzip"


async def bounded_pieces(
    pieces: AsyncIterable[bytes], *, is_gzip: bool, needs_body: bool
) -> AsyncIterator[bytes]:
    """Yield a body, decompressed.

    Raises:
        httpx.DecodingError: the gzip data are invalid, or end too early.
        httpx.ReadError: the body is longer than any answer, or missing.
    """
    received = 0
    async for piece in _decompress(pieces) if is_gzip else pieces:
        received += len(piece)
        if received > MAX_ANSWER_BYTES:
            raise httpx.ReadError("the database sent more than any answer has")
        yield piece
    if needs_body and not received:
        # The client would take it for an empty list, that is for "not found".
        raise httpx.ReadError("the answer has no body")


class _BoundedStream(httpx.AsyncByteStream):
    def __init__(self, stream: Any, *, is_gzip: bool, needs_body: bool) -> None:  # noqa: ANN401  httpx types it as sync or async
        self._stream = stream
        self._pieces = bounded_pieces(stream, is_gzip=is_gzip, needs_body=needs_body)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _decompress(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    decompressor = zlib.decompressobj(_GZIP)
    async for piece in pieces:
        left = piece
        while left and not decompressor.eof:
            try:
                yield decompressor.decompress(left, BYTES_AT_ONCE)
            except zlib.error as error:
                raise httpx.DecodingError("the gzip data are invalid") from error
            left = decompressor.unconsumed_tail
            await asyncio.sleep(0)
    if not decompressor.eof:
        raise httpx.DecodingError("the gzip data end too early")


class _BoundedResponseHandler(ResponseHandler):
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._interim_answers = 0

    def data_received(self, data: bytes) -> None:
        # In pieces: a single read can bring thousands of interim answers.
        for start in range(0, len(data) or 1, PARSED_AT_ONCE):
            super().data_received(data[start : start + PARSED_AT_ONCE])
            if self._interim_answers > MAX_INTERIM_ANSWERS:
                self.abort()
                self.set_exception(aiohttp.ServerDisconnectedError("too many interim answers"))
                return

    def feed_data(self, data: Any, size: int = 0) -> None:  # noqa: ANN401  a message and its body
        message, _ = data
        is_interim = message.code < HTTPStatus.OK
        self._interim_answers = self._interim_answers + 1 if is_interim else 0
        super().feed_data(data, size)
