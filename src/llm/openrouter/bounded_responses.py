"""Bounds what a model's server may send: bytes, lines, and how much of them at once."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import httpx2

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Of one completion, with its thinking and the frames of its events; real ones have below 2 MB."""

MAX_ANSWER_LINES = 300_000
"""Of one completion: one of 100,000 tokens has as many, if each is an event of three lines."""

BYTES_AT_ONCE = 1024
"""Passed on before others get their turn: a kilobyte of tiny events takes some milliseconds."""

MAX_ERROR_BYTES = 256 * 1024
"""Of an error's body; the rest of a longer one is not read."""


async def bound_response(response: httpx2.Response) -> None:
    """Bound the body of a response before it is read, as a hook of the client.

    Raises:
        httpx2.DecodingError: it is compressed, although nothing like that was accepted. A few
            kilobytes could become gigabytes, in one step that blocks the event loop.
    """
    if response.headers.get("content-encoding", "identity") != "identity":
        raise httpx2.DecodingError("the server compressed its answer", request=response.request)
    stream = cast("httpx2.AsyncByteStream", response.stream)
    response.stream = _BoundedStream(stream, is_error=response.is_error)


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, *, is_error: bool) -> None:
        self._stream = stream
        self._is_error = is_error
        self._left = MAX_ERROR_BYTES if is_error else MAX_ANSWER_BYTES
        self._lines_left = MAX_ANSWER_LINES

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            self._left -= len(piece)
            self._lines_left -= piece.count(b"\n")
            if self._left < 0 and self._is_error:
                return  # What it says stands at the beginning.
            if self._left < 0 or self._lines_left < 0:
                raise httpx2.ReadError("the server sent more than any answer has")
            for start in range(0, len(piece), BYTES_AT_ONCE):
                yield piece[start : start + BYTES_AT_ONCE]
                await asyncio.sleep(0)

    async def aclose(self) -> None:
        await self._stream.aclose()
