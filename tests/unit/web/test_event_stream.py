"""Events as they are written on the wire, and the end of their stream."""

import asyncio
import json
from collections.abc import AsyncGenerator

import pytest

from src.domain.roadmap import AssistantAnswer
from src.web.event_stream import Event, event_stream


@pytest.mark.parametrize(
    "data", ["a\x85b\u2028c\u2029d\ne", AssistantAnswer(response="a\x85b\u2028c\ne")]
)
def test_text_of_an_event_is_one_line(data: str | AssistantAnswer) -> None:
    """For clients, too, that split lines as Python does; parsed, it is the same text."""
    name, line, *end = Event("answer", data).encode().decode().splitlines()
    assert (name, end) == ("event: answer", [""])
    parsed = json.loads(line.removeprefix("data: "))
    assert parsed == (data if isinstance(data, str) else data.model_dump(mode="json"))


async def test_disconnect_lets_the_events_clean_up() -> None:
    """The server cancels a response again and again until it has ended; the events take longer."""
    has_started, is_clean = asyncio.Event(), asyncio.Event()

    async def events() -> AsyncGenerator[Event, None]:
        try:
            has_started.set()
            await asyncio.Future()
            yield Event("answer", "a")
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            is_clean.set()

    response = event_stream(events())
    reading = asyncio.ensure_future(anext(aiter(response.body_iterator)))
    await has_started.wait()
    while not reading.done():
        reading.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await reading
    async with asyncio.timeout(5):
        await is_clean.wait()
