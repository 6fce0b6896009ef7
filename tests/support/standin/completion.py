"""Chat completions as OpenRouter sends them, whole or as a stream, at a given pace."""

import asyncio
import json
import re
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from tests.support.standin.answers import Json, message_text
from tests.support.standin.calls import Call
from tests.support.standin.misbehaviours import Fault, Reply, error_body
from tests.support.standin.speech import Speaker
from tests.support.standin.tokens import CHARACTERS_PER_TOKEN, token_count
from tests.support.standin.wire import Wire

TICK = 0.05
"""Seconds between two chunks of a paced stream."""
COMMENT = b": OPENROUTER PROCESSING\n\n"


@dataclass
class Pace:
    """How fast the answers come. A rate of 0 tokens a second means at once."""

    first_token: float = 0.0
    tokens_per_second: float = 0.0
    slow_first_token: float = 5.0
    """Seconds to the first token under the misbehaviour `slow_first_token`."""
    drip: float = 0.1
    """Seconds between two comments or blanks while there is no token yet."""
    max_output_tokens: int = 16_384
    chunk: int = 200
    """Characters of a chunk when nothing is paced."""

    def before_first_token(self, reply: Reply) -> float:
        slow = reply.fault is Fault.SLOW_FIRST_TOKEN
        return self.slow_first_token if slow else self.first_token

    async def pieces(self, text: str) -> AsyncIterator[str]:
        """Yield the text piece by piece, as it becomes due."""
        if not self.tokens_per_second:
            for start in range(0, len(text), self.chunk):
                yield text[start : start + self.chunk]
            return
        started, sent = time.monotonic(), 0
        while sent < len(text):
            await asyncio.sleep(TICK)
            tokens = int((time.monotonic() - started) * self.tokens_per_second)
            due = tokens * CHARACTERS_PER_TOKEN
            if due > sent:
                yield text[sent:due]
                sent = due


class Completion:
    """One answer to one call, whole or as a stream."""

    def __init__(self, call: Call, reply: Reply, pace: Pace) -> None:
        self._call, self._reply, self._pace = call, reply, pace
        self._envelope = {
            "id": f"gen-{uuid.uuid4().hex}",
            "provider": "StandIn",
            "model": call.model,
            "created": int(time.time()),
        }

    async def send(self, wire: Wire) -> None:
        reply, call = self._reply, self._call
        if reply.fault is Fault.SILENCE:
            await asyncio.Event().wait()
        if reply.fault is Fault.CLOSED_CONNECTION:
            return
        call.status = reply.status
        if reply.speech:
            await Speaker(reply.speech, wire, call.body, reply.content).answer()
        elif reply.error and (reply.status != 200 or not call.stream):
            await wire.json({"error": reply.error}, reply.status, **dict(reply.headers))
        elif reply.html:
            await wire.start(200, "text/html; charset=utf-8")
            await wire.send(reply.html.encode())
            await wire.finish()
        elif call.stream:
            await self._stream(wire)
        else:
            await self._whole(wire)

    async def _whole(self, wire: Wire) -> None:
        reply, pace = self._reply, self._pace
        await wire.start(200, "application/json")
        if reply.fault is Fault.BLANK_DRIP:
            await self._drip(wire, b"\n", seconds=float("inf"))
        rate = pace.tokens_per_second
        writing = token_count(reply.content) / rate if rate else 0
        await asyncio.sleep(pace.before_first_token(reply) + writing)
        text, finish_reason, error = reply.content, reply.finish_reason, {}
        if reply.fault is Fault.MID_STREAM_ERROR:
            text, finish_reason = text[: len(text) // 2], "error"
            error = {"error": error_body(502, "Provider disconnected")}
        message = {"role": "assistant", "content": text, "refusal": None}
        body = json.dumps(
            self._envelope
            | {
                "object": "chat.completion",
                "choices": [self._choice("message", message, finish_reason)],
                "usage": self._usage(text),
            }
            | error
        ).encode()
        if reply.fault is Fault.CUT_CONNECTION:
            await wire.send(body[: len(body) // 2])
            return
        await wire.send(body)
        await wire.finish()

    async def _stream(self, wire: Wire) -> None:
        reply = self._reply
        await wire.start(200, "text/event-stream", **{"cache-control": "no-cache"})
        drip = float("inf") if reply.fault is Fault.BLANK_DRIP else 0
        await self._drip(wire, COMMENT, seconds=drip or self._pace.before_first_token(reply))
        if reply.error:
            await wire.send(self._event({"error": reply.error, "choices": []}))
            await wire.finish()
            return
        breaks = reply.fault in {Fault.CUT_CONNECTION, Fault.MID_STREAM_ERROR}
        text = reply.content[: len(reply.content) // 2] if breaks else reply.content
        async for piece in self._pace.pieces(text):
            await wire.send(self._delta(piece))
        if reply.fault is Fault.CUT_CONNECTION:
            await wire.send(self._delta("never seen")[:40])
            return
        if reply.fault is Fault.MID_STREAM_ERROR:
            error = error_body(502, "Provider disconnected")
            await wire.send(self._delta("", "error", error=error))
        else:
            if {"id": "web"} in self._call.body.get("plugins", ()):
                await wire.send(self._citation())
            await wire.send(self._delta("", reply.finish_reason))
            await wire.send(self._event({"choices": [], "usage": self._usage(text)}))
            await wire.send(b"data: [DONE]\n\n")
        await wire.finish()

    async def _drip(self, wire: Wire, nothing: bytes, seconds: float) -> None:
        """Send nothing of substance, at least once, until the time is over."""
        over = time.monotonic() + seconds
        await wire.send(nothing)
        while (left := over - time.monotonic()) > 0:
            await asyncio.sleep(min(left, self._pace.drip))
            await wire.send(nothing)

    def _event(self, fields: Json) -> bytes:
        chunk = self._envelope | {"object": "chat.completion.chunk"} | fields
        return f"data: {json.dumps(chunk)}\n\n".encode()

    def _delta(self, text: str, finish_reason: str | None = None, **fields: object) -> bytes:
        delta = {"role": "assistant", "content": text}
        return self._event({"choices": [self._choice("delta", delta, finish_reason)]} | fields)

    def _citation(self) -> bytes:
        cited = {"url": "https://docs.example/start", "title": "Getting started"}
        annotation = {"type": "url_citation", "url_citation": cited}
        delta = {"role": "assistant", "content": "", "annotations": [annotation]}
        return self._event({"choices": [self._choice("delta", delta, None)]})

    @staticmethod
    def _choice(part: str, content: Json, finish_reason: str | None) -> Json:
        return {
            "index": 0,
            part: content,
            "finish_reason": finish_reason,
            "native_finish_reason": finish_reason,
            "logprobs": None,
        }

    def _usage(self, text: str) -> Json:
        read = sum(token_count(message_text(message)) for message in self._call.messages)
        written = token_count(text)
        return {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
            "cost": round(read * 0.15e-6 + written * 0.6e-6, 9),
        }


def schema_problem(response_format: Json) -> str | None:
    """Return why a strict JSON schema would be refused, as OpenAI does; None when it would not."""
    if response_format.get("type") != "json_schema":
        return None
    wanted = response_format.get("json_schema") or {}
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", wanted.get("name", "")) or "schema" not in wanted:
        return "json_schema needs a name of letters, digits, _ and -, and a schema"
    waiting: list[Any] = [wanted["schema"]] if wanted.get("strict") else []
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if part.get("type") == "object":
                if part.get("additionalProperties") is not False:
                    return "'additionalProperties' is required to be supplied and to be false."
                if set(part.get("required", ())) != set(part.get("properties", ())):
                    return "'required' must list every key in properties."
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return None
