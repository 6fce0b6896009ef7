"""Server-sent events as an answer that a route returns.

FastAPI streams what a route yields, but then the answer has begun before the route's first line
runs: a request that is refused would get its problem inside a 200.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import NamedTuple

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import BaseModel
from starlette.responses import StreamingResponse

KEEPALIVE_SECONDS = 15.0
"""How long a stream may be silent: proxies close idle connections, some after 30 s."""


class Event(NamedTuple):
    """One event: its name, its data as JSON, and its number if it has one."""

    name: str
    data: BaseModel | str
    number: int | None = None

    def encode(self) -> bytes:
        """Return the event as it is sent."""
        data = self.data
        return format_sse_event(
            event=self.name,
            data_str=data.model_dump_json() if isinstance(data, BaseModel) else json.dumps(data),
            id=None if self.number is None else str(self.number),
        )


def event_stream(
    events: AsyncGenerator[Event, None], headers: Mapping[str, str] | None = None
) -> StreamingResponse:
    """Return an answer that sends the events as they come; a client that disconnects closes it."""
    unbuffered = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # the second is nginx's
    return StreamingResponse(
        _encode_with_keepalive(events),
        headers={**unbuffered, **(headers or {})},
        media_type="text/event-stream",
    )


async def _encode_with_keepalive(
    events: AsyncGenerator[Event, None],
) -> AsyncGenerator[bytes, None]:
    async with aclosing(events):
        upcoming = asyncio.create_task(anext(events, None))
        try:
            while True:
                # Not `wait_for`: a ping must not cancel what is being waited for.
                if not (await asyncio.wait({upcoming}, timeout=KEEPALIVE_SECONDS))[0]:
                    yield KEEPALIVE_COMMENT
                    continue
                event = upcoming.result()
                if event is None:
                    return
                yield event.encode()
                upcoming = asyncio.create_task(anext(events, None))
        finally:
            upcoming.cancel()
            await asyncio.wait({upcoming})
