"""How a server writes an answer: its chunks, its thinking, its end, its pace."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from tests.support.standin.answers import Json
from tests.support.standin.tokens import CHARACTERS_PER_TOKEN, token_count
from tests.support.standin.wire import Wire

LATE_ERROR = 'data: {"error":{"code":502,"message":"Provider disconnected"}}\n\n'

CHUNK_CHARACTERS = 120
THOUGHT_PIECES = 10

DRAFT = "DISCARDED DRAFT"
"""Stands in every text of a thought. Nothing that a learner sees may contain it."""


class Thinking(Enum):
    """Where a server puts what its model thinks before it answers."""

    NONE = auto()
    HIDDEN = auto()
    """Nowhere, but it counts as output."""
    REASONING = auto()
    REASONING_CONTENT = auto()
    REASONING_DETAILS = auto()
    CONTENT_PARTS = auto()
    """In `content`, as a list of parts."""
    TAGS = auto()
    """In the text, between `<think>` and `</think>`."""
    UNOPENED_TAGS = auto()
    """In the text, without the opening tag, which the server's template has put into the prompt."""
    HARMONY = auto()
    """In the text, as a channel of OpenAI's harmony format."""


TEMPLATES = {
    Thinking.TAGS: "<think>\n{}\n</think>\n\n{}",
    Thinking.UNOPENED_TAGS: "{}\n</think>\n\n{}",
    Thinking.HARMONY: "<|channel|>analysis<|message|>{}<|end|>"
    "<|start|>assistant<|channel|>final<|message|>{}",
}
"""How a thought and an answer stand in one text."""


class End(Enum):
    """What follows the last text."""

    NORMAL = auto()
    CLOSED = auto()
    """The connection closes."""
    SILENT = auto()
    """Nothing, and the connection stays open."""
    ERROR = auto()
    """An error, as an event."""


def delta(text: str, _so_far: str) -> Json:
    """Return the choice that OpenAI sends for a piece of text."""
    return {"index": 0, "delta": {"content": text}, "finish_reason": None}


def usage_on_request(usage: Json, body: Json) -> list[Json]:
    """Return the chunk with which OpenAI reports usage to those who ask for it."""
    wanted = (body.get("stream_options") or {}).get("include_usage")
    return [{"choices": [], "usage": usage}] if wanted else []


def usage_always(usage: Json, _body: Json) -> list[Json]:
    return [{"choices": [], "usage": usage}]


def no_usage(_usage: Json, _body: Json) -> list[Json]:
    return []


@dataclass(frozen=True)
class Speech:
    """How answers are written. The defaults are OpenAI's."""

    thinking: Thinking = Thinking.NONE
    thought_tokens: int = 0
    """The length of hidden thinking; other thinking is about as long as the answer."""
    thought_seconds: float = 0.0
    """How long the visible thinking takes, evenly spread."""
    first_chunks: tuple[Json, ...] = ()
    choice: Callable[[str, str], Json] = delta
    """The choice for a piece of text, by the piece and all the text so far."""
    envelope: Json = field(default_factory=dict)
    """What each chunk has beside its choices, in place of OpenAI's."""
    finish_reason: str | None = "stop"
    last_chunks: tuple[Json, ...] = ()
    usage: Callable[[Json, Json], list[Json]] = usage_on_request
    """The chunks that report usage, by the usage and the request."""
    sends_done: bool = True
    end: End = End.NORMAL
    streams: bool = True
    """Whether the server streams; if not, it sends one JSON object although it was asked to."""
    rewrite: Callable[[str], str] = str
    """What the model makes of the good answer, in a way that leaves its meaning."""
    context: int | None = None
    """Tokens of prompt and answer together, at which the answer is cut."""
    seconds: float = 0.0
    """Seconds before each answer begins."""
    cold_seconds: float = 0.0
    """Further seconds before the first answer of all: the model has to be loaded."""
    one_at_a_time: bool = False
    """Whether further calls wait until the one before is answered."""


class Speaker:
    """Writes one answer in a server's way of speaking."""

    def __init__(
        self, speech: Speech, wire: Wire, body: Json, text: str, room: int | None = None
    ) -> None:
        """`room` is the most tokens that may be written, thinking included; None for no limit."""
        self._speech, self._wire, self._body = speech, wire, body
        thought = draft_of(text) if speech.thinking is not Thinking.NONE else ""
        visible = speech.rewrite(text)
        if speech.thinking in TEMPLATES:
            visible, thought = TEMPLATES[speech.thinking].format(thought, visible), ""
        hidden = speech.thinking is Thinking.HIDDEN
        thinking_tokens = speech.thought_tokens if hidden else token_count(thought)
        self._thought = "" if hidden else thought
        self._reasoning_tokens = thinking_tokens
        self._finish_reason = speech.finish_reason
        if room is not None and thinking_tokens + token_count(visible) > room:
            self._reasoning_tokens = min(thinking_tokens, room)
            visible = visible[: (room - self._reasoning_tokens) * CHARACTERS_PER_TOKEN]
            self._finish_reason = "length"
        self._text = visible

    async def answer(self) -> None:
        """Send the answer as a stream or as one JSON object, as was asked and as the server can."""
        if self._speech.streams and self._body.get("stream"):
            await self.stream()
        else:
            await self.whole()

    async def whole(self) -> None:
        """Send the answer as one JSON object."""
        message = {"role": "assistant", "content": self._text}
        choice = {"index": 0, "message": message, "finish_reason": self._finish_reason}
        answer = self._envelope("chat.completion") | {"choices": [choice], "usage": self._usage()}
        await self._wire.json(answer)

    async def stream(self, error: str = "", share: float = 1.0) -> None:
        """Send the answer as events; with an error, a share of its text and then the error."""
        speech = self._speech
        await self._wire.start(200, "text/event-stream")
        await self._send(speech.first_chunks)
        for choice in self._thought_choices():
            await asyncio.sleep(speech.thought_seconds / THOUGHT_PIECES)
            await self._send([{"choices": [choice]}])
        text = self._text[: int(len(self._text) * share)]
        await self._send({"choices": [choice]} for choice in self._text_choices(text))
        if speech.end is End.SILENT:
            await asyncio.Event().wait()
        if speech.end is End.CLOSED:
            return
        if error or speech.end is End.ERROR:
            await self._wire.send((error or LATE_ERROR).encode())
        else:
            await self._send(self._end())
            if speech.sends_done:
                await self._wire.send(b"data: [DONE]\n\n")
        await self._wire.finish()

    def _text_choices(self, text: str) -> Iterator[Json]:
        for start in range(0, len(text), CHUNK_CHARACTERS):
            end = start + CHUNK_CHARACTERS
            yield self._speech.choice(text[start:end], text[:end])

    def _thought_choices(self) -> Iterator[Json]:
        size = -(-len(self._thought) // THOUGHT_PIECES) or 1
        for start in range(0, len(self._thought), size):
            piece = self._thought[start : start + size]
            yield {"index": 0, "delta": thought_delta(self._speech.thinking, piece)}

    def _end(self) -> Iterator[Json]:
        end = self._speech.choice("", self._text) | {"finish_reason": self._finish_reason}
        yield {"choices": [end]}
        yield from self._speech.last_chunks
        yield from self._speech.usage(self._usage(), self._body)

    async def _send(self, chunks: Sequence[Json] | Iterator[Json]) -> None:
        for chunk in chunks:
            event = self._envelope("chat.completion.chunk") | chunk
            await self._wire.send(f"data: {json.dumps(event)}\n\n".encode())

    def _envelope(self, kind: str) -> Json:
        return {
            "id": "chatcmpl-1",
            "object": kind,
            "created": int(time.time()),
            "model": self._body["model"],
        } | self._speech.envelope

    def _usage(self) -> Json:
        written = token_count(self._text) + self._reasoning_tokens
        usage: Json = {"prompt_tokens": 500, "completion_tokens": written}
        usage["total_tokens"] = 500 + written
        if self._reasoning_tokens:
            usage["completion_tokens_details"] = {"reasoning_tokens": self._reasoning_tokens}
        return usage


def thought_delta(thinking: Thinking, piece: str) -> Json:
    """Return the delta that carries a piece of visible thinking."""
    match thinking:
        case Thinking.REASONING_CONTENT:
            return {"reasoning_content": piece, "content": None}
        case Thinking.REASONING_DETAILS:
            details = {"type": "reasoning.text", "text": piece, "index": 0}
            return {"content": "", "reasoning_details": [details]}
        case Thinking.CONTENT_PARTS:
            thought = {"type": "thinking", "thinking": [{"type": "text", "text": piece}]}
            return {"content": [thought]}
        case _:
            return {"role": "assistant", "content": "", "reasoning": piece}


def draft_of(answer: str) -> str:
    """Return a thought with a whole answer in it, which the model then discards."""
    draft = answer
    for field_name in ("goal", "text"):
        draft = draft.replace(f'"{field_name}":"', f'"{field_name}":"{DRAFT} ')
    return f"First a {DRAFT}: {draft} No, that is not good enough."
