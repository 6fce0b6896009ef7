"""Bounds what a model's server may send: its bytes, compressed or not, and where it points to."""

from collections.abc import AsyncIterator
from typing import cast

import httpx2

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Of one completion, with its thinking and the frames of its events; real ones have below 2 MB."""

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

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            self._left -= len(piece)
            if self._left >= 0:
                yield piece
            elif self._is_error:
                return  # What it says stands at the beginning.
            else:
                raise httpx2.ReadError("the server sent more than any answer has")

    async def aclose(self) -> None:
        await self._stream.aclose()
