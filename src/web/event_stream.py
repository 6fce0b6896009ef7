"""Server-sent events as a response that a route returns.

FastAPI can also stream what a route yields, but then it sends the 200 before the route's first line
runs: a refused request would get its problem inside a 200.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Mapping
from typing import NamedTuple

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import BaseModel
from starlette.responses import StreamingResponse

# No line breaks in server-sent events, but many clients split there: httpx's `iter_lines` does.
_LINE_BREAKS = re.compile("[\x85\u2028\u2029]")

_closing: set[asyncio.Task[None]] = set()
"""Keeps the tasks alive that close the events of streams whose clients have left."""

KEEPALIVE_SECONDS = 15.0
"""How often to write to a silent stream: proxies close idle connections, some after 30 s."""


class Event(NamedTuple):
    """An event; `number` becomes its `id`, from which a client can resume."""

    name: str
    data: BaseModel | str
    number: int | None = None

    def encode(self) -> bytes:
        """Return the event in the format of the wire."""
        data = self.data
        text = data.model_dump_json() if isinstance(data, BaseModel) else json.dumps(data)
        return format_sse_event(
            event=self.name,
            data_str=_LINE_BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", text),
            id=None if self.number is None else str(self.number),
        )


def event_stream(
    events: AsyncGenerator[Event, None], headers: Mapping[str, str] | None = None
) -> StreamingResponse:
    """Return a response that sends each event at once, and closes `events` on disconnect."""
    unbuffered = {
        "Cache-Control": "no-store, no-transform",  # a proxy that compresses holds events back
        "X-Accel-Buffering": "no",  # nginx's
    }
    return StreamingResponse(
        _encode_with_keepalive(events),
        headers={**unbuffered, **(headers or {})},
        media_type="text/event-stream",
    )


async def _encode_with_keepalive(
    events: AsyncGenerator[Event, None],
) -> AsyncGenerator[bytes, None]:
    upcoming = asyncio.create_task(anext(events, None))
    try:
        while True:
            # Not `wait_for`: a keepalive must not cancel the wait for the next event.
            if not (await asyncio.wait({upcoming}, timeout=KEEPALIVE_SECONDS))[0]:
                yield KEEPALIVE_COMMENT
                continue
            event = upcoming.result()
            if event is None:
                return
            yield event.encode()
            upcoming = asyncio.create_task(anext(events, None))
    finally:
        # In a task of its own: on a disconnect, the server cancels this one at every await.
        closing = asyncio.create_task(_close(events, upcoming))
        _closing.add(closing)
        closing.add_done_callback(_closing.discard)
        await asyncio.shield(closing)


async def _close(events: AsyncGenerator[Event, None], upcoming: asyncio.Task[Event | None]) -> None:
    upcoming.cancel()
    await asyncio.wait({upcoming})
    await events.aclose()
