"""Reads a completion's bytes as chunks, and trusts nothing of their envelope."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from src.llm.openrouter.errors import NotTheProtocolError

MAX_EVENT_BYTES = 1024 * 1024
"""More than any answer has; a server that sends more in one line or body is not read on. A JSON
text of this size is parsed in some milliseconds."""

MAX_NAME_LENGTH = 200

_THINKING_KEYS = ("reasoning", "reasoning_content", "reasoning_details", "thinking")
_THINKING_TYPES = {"thinking", "reasoning", "reasoning.text", "reasoning_content"}


@dataclass(frozen=True)
class Chunk:
    """What one chunk of a stream, or a whole completion, says."""

    text: str = ""
    thinking: int = 0
    """The length of the thinking in it, in characters; at least 1 if there is any."""
    refused: bool = False
    """Whether it has the words of a refusal beside the text, as OpenAI sends it."""
    finish_reason: str | None = None
    """In lower case."""
    model: str | None = None
    provider: str | None = None
    usage: Mapping[str, object] | None = None
    annotations: Sequence[object] = ()
    error: object = None


async def read_chunks(body: AsyncIterator[bytes]) -> AsyncGenerator[Chunk, None]:
    """Yield the chunks of a body: server-sent events, or one JSON object despite `stream`.

    Comments, blank lines and events that are not JSON yield empty chunks or nothing.

    Raises:
        NotTheProtocolError: the body is neither, or a line of it is too long.
    """
    rest = bytearray()
    has_events, event = False, b""
    async for line in _lines(body):
        name, _, value = line.partition(b":")
        if name == b"data":
            has_events = True
            data = _parse(value)
            yield Chunk(error=data) if event == b"error" else read_chunk(data)
        elif name in {b"", b"event"}:
            event = value.strip() if name else b""
        elif name not in {b"id", b"retry"} and not has_events:
            rest += line + b"\n"
            if len(rest) > MAX_EVENT_BYTES:
                raise NotTheProtocolError("not OpenAI's protocol: the answer is too long")
    if rest and not has_events:
        whole = _parse(rest)
        if not isinstance(whole, dict | list):
            raise NotTheProtocolError("not OpenAI's protocol: neither events nor JSON")
        yield read_chunk(whole[0] if isinstance(whole, list) and whole else whole)


async def _lines(body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    held = bytearray()
    async for piece in body:
        held += piece
        if b"\n" in piece:
            *lines, last = bytes(held).split(b"\n")
            held = bytearray(last)
            for line in lines:
                yield line.rstrip(b"\r")
        if len(held) > MAX_EVENT_BYTES:
            raise NotTheProtocolError("not OpenAI's protocol: a line is too long")
    if held:
        yield bytes(held).rstrip(b"\r")


def _parse(data: bytes | bytearray) -> object:
    try:
        return json.loads(data.decode(errors="replace"))
    except (ValueError, RecursionError):
        return None


def read_chunk(data: object) -> Chunk:
    """Return what an event's JSON says, whatever its shape; an empty chunk if it says nothing."""
    if not isinstance(data, dict):
        return Chunk()
    choice = _first_choice(data)
    message = next(
        (choice[key] for key in ("delta", "message") if isinstance(choice.get(key), dict)), choice
    )
    content = message.get("content", choice.get("text"))
    annotations = message.get("annotations")
    return Chunk(
        text="".join(_texts(content)),
        thinking=_thinking_length(message),
        refused=bool(message.get("refusal")),
        finish_reason=_name(choice.get("finish_reason"), lower=True),
        model=_name(data.get("model")),
        provider=_name(data.get("provider")),
        usage=data["usage"] if isinstance(data.get("usage"), dict) else None,
        annotations=annotations if isinstance(annotations, list) else (),
        error=_find_error(data, choice),
    )


def _first_choice(data: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = data.get("choices")
    candidates = choices if isinstance(choices, list) else [choices]
    for choice in candidates:
        if isinstance(choice, dict) and choice.get("index") in {0, None}:
            return choice
    # Ollama's own protocol has the message at the top.
    return {"message": data["message"]} if isinstance(data.get("message"), dict) else {}


def _find_error(data: Mapping[str, Any], choice: Mapping[str, Any]) -> object:
    if data.get("error") or data.get("object") == "error" or data.get("type") == "error":
        return data.get("error") or data
    if choice.get("error"):
        return choice["error"]
    # FastAPI's shape, in a 200.
    return data if "detail" in data and "choices" not in data else None


def _name(value: object, *, lower: bool = False) -> str | None:
    # Names are stored and logged: one with a NUL or a line break would spoil a record or a line.
    if not isinstance(value, str) or not value.isprintable():
        return None
    if not 0 < len(value) <= MAX_NAME_LENGTH:
        return None
    return value.lower() if lower else value


def _texts(content: object) -> Iterator[str]:
    """Yield the text of `content`: a string, parts, a number, or the JSON object itself."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            if not (isinstance(part, dict) and part.get("type") in _THINKING_TYPES):
                yield from _texts(part)
    elif isinstance(content, dict):
        inner = next((content[key] for key in ("text", "value") if key in content), None)
        is_part = isinstance(inner, str | dict) and ("type" in content or len(content) == 1)
        yield from _texts(inner) if is_part else [json.dumps(content, ensure_ascii=False)]
    elif isinstance(content, int | float) and not isinstance(content, bool):
        yield json.dumps(content)


def _thinking_length(message: Mapping[str, Any]) -> int:
    values = [message[key] for key in _THINKING_KEYS if message.get(key)]
    content = message.get("content")
    if isinstance(content, list):
        values += [
            part
            for part in content
            if isinstance(part, dict) and part.get("type") in _THINKING_TYPES
        ]
    # Servers send the same thinking under two names; the longest is the whole of it.
    return max((len(v) if isinstance(v, str) else len(str(v)) // 2 for v in values), default=0)
