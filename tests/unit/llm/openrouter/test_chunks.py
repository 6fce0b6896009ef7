"""Reading completions whose envelope is odd: what is beside the text never costs the text."""

import json
import math
from collections.abc import AsyncIterator
from typing import Any

import pytest

from src.domain.errors import ModelDeclinedError, ModelError, ModelUnavailableError
from src.llm.openrouter.chunks import Chunk, read_chunk, read_chunks
from src.llm.openrouter.errors import NotTheProtocolError
from src.llm.openrouter.usage import UsageMeter
from tests.support.scripted_server import Answer, always, chunk, event, streamed
from tests.unit.llm.openrouter.conftest import Serve

END = chunk(finish_reason="stop")

WHOLE: dict[str, list[object]] = {
    "a choice without delta": [chunk("A"), {"choices": [{"index": 0}]}, chunk("B"), END],
    "a delta that is null": [chunk("A"), {"choices": [{"delta": None}]}, chunk("B"), END],
    "choices that are null": [{"choices": None}, chunk("AB"), END],
    "choices that are an object": [{"choices": {"delta": {"content": "AB"}}}, END],
    "chunks that are no objects": [None, 7, "x", [], chunk("AB"), END],
    "parts": [chunk([{"type": "text", "text": "A"}, "B"]), END],
    "thinking parts (Mistral)": [
        chunk([{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]),
        chunk([{"type": "text", "text": "AB"}]),
        END,
    ],
    "a part without a list": [chunk({"type": "text", "text": "AB"}), END],
    "message instead of delta": [
        {"choices": [{"message": {"content": "AB"}, "finish_reason": "stop"}]}
    ],
    "text instead of delta": [{"choices": [{"text": "AB", "finish_reason": "stop"}]}],
    "Ollama's own protocol": [{"message": {"content": "AB"}, "done": True}],
    "a model that is no string": [chunk("AB") | {"model": {"name": "m"}}, END | {"model": 4}],
    "usage that is null": [chunk("AB") | {"usage": None}, END],
    "usage that is empty": [chunk("AB") | {"usage": {}}, END],
    "usage that is partial": [chunk("AB") | {"usage": {"prompt_tokens": 3}}, END],
    "usage with fractions": [chunk("AB") | {"usage": {"prompt_tokens": 3.5}}, END],
    "usage in texts": [chunk("AB") | {"usage": {"prompt_tokens": "3", "cost": "x"}}, END],
    "usage that is a list": [chunk("AB") | {"usage": [1]}, END],
    "odd annotations": [chunk("AB", annotations=[None, 1, {"url_citation": 2}]), END],
    "annotations that are an object": [chunk("AB", annotations={"a": 1}), END],
    "a second choice": [chunk("AB"), {"choices": [{"index": 1, "delta": {"content": "x"}}]}, END],
    **{
        f"finish reason {reason!r}": [chunk("AB"), chunk(finish_reason=reason)]
        for reason in ("eos", "end_turn", "STOP", "tool_calls", None, 4, {"type": "stop"})
    },
}


@pytest.mark.parametrize("name", WHOLE)
async def test_text_is_whole(serve: Serve, name: str) -> None:
    async with serve(lambda _: streamed(*WHOLE[name])) as scripted:
        assert await scripted.ask(shape=None) == "AB"
        assert len(scripted.bodies) == 1


@pytest.mark.parametrize(
    ("content", "text"), [(42, "42"), (4.5, "4.5"), ({"days": [1]}, '{"days": [1]}'), (True, "")]
)
def test_content_of_other_types(content: object, text: str) -> None:
    """A number is a text, and so is the JSON that was asked for."""
    assert read_chunk(chunk(content)).text == text


async def test_completion_that_is_not_streamed(serve: Serve) -> None:
    """Some servers ignore `stream` and answer with one JSON object."""
    body = {"choices": [{"message": {"content": "AB"}, "finish_reason": "stop"}], "model": "m"}
    for text in (json.dumps(body), json.dumps(body, indent=1)):
        answer = Answer([text.encode()], headers={"content-type": "application/json"})
        async with serve(always(answer)) as scripted:
            assert await scripted.ask(shape=None) == "AB"


@pytest.mark.parametrize(
    ("delta", "length"),
    [
        ({"reasoning": "abc"}, 3),
        ({"reasoning_content": "abc", "reasoning": "abc"}, 3),
        ({"thinking": "abc"}, 3),
        ({"reasoning_details": [{"type": "reasoning.encrypted", "data": "x" * 100}]}, 50),
        ({"reasoning": None, "reasoning_details": []}, 0),
        ({"reasoning": ""}, 0),
    ],
)
def test_thinking_beside_the_text(delta: dict[str, Any], length: int) -> None:
    """It is no text, and its length is about known."""
    read = read_chunk(chunk("", **delta))
    assert read.text == ""
    assert length <= read.thinking <= 2 * length


@pytest.mark.long(4)
async def test_thinking_is_progress(serve: Serve) -> None:
    """It keeps a call alive that has no text yet, but not longer than a call may take."""
    thinking = [chunk(reasoning="Hm. ") for _ in range(12)]
    async with serve(
        lambda _: streamed(*thinking, chunk("AB"), END, pause=0.1), idle_timeout=0.5
    ) as scripted:
        for _ in range(2):  # the first token of all may take longer anyway
            assert await scripted.ask(shape=None, retries=0) == "AB"
    endless = [chunk(reasoning="Hm. ") for _ in range(100)]
    async with serve(
        lambda _: streamed(*endless, pause=0.1), idle_timeout=0.5, call_timeout=1.0
    ) as scripted:
        with pytest.raises(ModelError, match="within the time of one call"):
            await scripted.ask(shape=None, retries=0)


@pytest.mark.parametrize(
    "odd",
    [
        {"error": {"code": 502, "message": "Provider disconnected"}},
        {"error": "it broke"},
        {"object": "error", "message": "it broke"},
        {"choices": [{"delta": {}, "error": {"message": "it broke"}}]},
        {"detail": "it broke"},
    ],
)
async def test_error_in_the_stream(serve: Serve, odd: dict[str, Any]) -> None:
    """It comes after all of the text, and is no refusal of the request then."""
    async with serve(lambda _: streamed(chunk('{"a":'), odd)) as scripted:
        pieces, failure = await scripted.pieces()
        assert pieces == ['{"a":']
        assert type(failure) is ModelUnavailableError
        assert len(scripted.bodies) == 1


async def test_refusal_beside_the_text(serve: Serve) -> None:
    """OpenAI puts a refusal into a field of its own."""
    async with serve(lambda _: streamed(chunk(refusal="I can't."), END)) as scripted:
        with pytest.raises(ModelDeclinedError):
            await scripted.ask(retries=0)


async def bytes_of(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def chunks_of(*pieces: bytes) -> list[Chunk]:
    return [each async for each in read_chunks(bytes_of(*pieces)) if each != Chunk()]


async def test_events_may_be_cut_anywhere() -> None:
    """Also inside a character, and with either kind of line end, comments and odd fields."""
    whole = (
        b": OPENROUTER PROCESSING\r\n\r\nid: 1\r\nretry: 3\r\n"
        + event(chunk("é🙂"))
        + 'data:{"choices":[{"delta":{"content":"ñ"}}]}\n\n'.encode()
        + b"data: not JSON\n\ndata: [DONE]"
    )
    for size in range(1, 40):
        pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
        assert "".join(each.text for each in await chunks_of(*pieces)) == "é🙂ñ"


async def test_events_named_error_are_errors() -> None:
    """LM Studio names the event and may leave the field out."""
    (read,) = await chunks_of(b'event: error\ndata: {"message": "it broke"}\n\n')
    assert read.error == {"message": "it broke"}


@pytest.mark.parametrize(
    "body", [b"<!doctype html>", b"404 page not found", b'"text"', b"[" * 9999]
)
async def test_other_protocols_are_named(body: bytes) -> None:
    with pytest.raises(NotTheProtocolError):
        await chunks_of(body)


async def test_empty_body_has_nothing() -> None:
    assert await chunks_of() == []


def test_usage_of_odd_reports() -> None:
    """Numbers that are none leave what was known before."""
    meter = UsageMeter("m", retries_left=0, calls=1)
    reports: list[dict[str, object]] = [
        {"prompt_tokens": 10, "completion_tokens": "20", "cost": 0.5},
        {"prompt_tokens": -1, "completion_tokens": True, "cost": "NaN"},
        {"prompt_tokens": None, "completion_tokens": 21.7, "cost": math.inf},
        {"prompt_tokens": 1e300},
    ]
    for usage in reports:
        meter.record_chunk(1, Chunk(usage=usage))
    total = meter.usage()
    assert (total.prompt_tokens, total.completion_tokens, total.cost_dollars) == (10, 21, 0.5)
