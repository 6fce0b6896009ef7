"""The stand-in for a server that speaks a dialect."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.standin.answers import Wanted, answer_text
from tests.support.standin.calls import Call
from tests.support.standin.completion import schema_problem
from tests.support.standin.dialects.dialect import Asked, Body, Dialect, Refusal
from tests.support.standin.server import OpenRouterStandIn
from tests.support.standin.speech import Speaker
from tests.support.standin.wire import Request, Wire


class DialectStandIn(OpenRouterStandIn):
    """Answers as the server of a dialect would, and as strictly. Enter it with `with`."""

    def __init__(self, dialect: Dialect, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.dialect = dialect
        self._refused: Counter[int] = Counter()
        self._turn = asyncio.Lock()
        self._is_cold = True

    @property
    def base_url(self) -> str:
        return f"{self.url}{self.dialect.base_path}"

    async def answer_unknown_path(self, wire: Wire) -> None:
        call = Call("unknown path", None, "", False, None, {}, {"messages": []}, time.time())  # noqa: FBT003
        with self.calls.recording(call):
            await send_body(wire, self.dialect.not_found, 404)

    async def answer(self, wire: Wire, request: Request, call: Call, wanted: Wanted) -> None:
        if request.headers.get("authorization") != f"Bearer {self.api_key}":
            await send_body(wire, {"error": {"message": "No auth credentials found"}}, 401)
            return
        asked = Asked(call.body, wanted.kind, self.calls.active)
        refusal = self._refusal(asked)
        if refusal and refusal.status != 200:
            call.misbehaviour = "refused"
            call.status = refusal.status
            headers = refusal.current_headers()
            await send_body(wire, refusal.body_for(asked), refusal.status, **headers)
            return
        if problem := schema_problem(call.body.get("response_format") or {}):
            error = {"message": f"Invalid schema: {problem}", "type": "invalid_request_error"}
            await send_body(wire, {"error": error}, 400)
            return
        call.status = 200
        async with self._turn_to_answer():
            await self._speak(wire, asked, answer_text(wanted), refusal)

    def _refusal(self, asked: Asked) -> Refusal | None:
        for index, refusal in enumerate(self.dialect.refusals):
            is_over = refusal.times is not None and self._refused[index] >= refusal.times
            if not is_over and refusal.when(asked):
                self._refused[index] += 1
                return refusal
        return None

    @asynccontextmanager
    async def _turn_to_answer(self) -> AsyncIterator[None]:
        speech = self.dialect.speech
        if not speech.one_at_a_time:
            await self._wait_as_cold()
            yield
            return
        async with self._turn:
            await self._wait_as_cold()
            yield

    async def _wait_as_cold(self) -> None:
        speech = self.dialect.speech
        await asyncio.sleep(speech.seconds + (speech.cold_seconds if self._is_cold else 0))
        # A client that disconnects while the model is being loaded stops that.
        self._is_cold = False

    async def _speak(self, wire: Wire, asked: Asked, text: str, refusal: Refusal | None) -> None:
        speech = self.dialect.speech
        room = asked.token_limit
        if speech.context is not None:
            left = max(speech.context - asked.prompt_tokens, 0)
            room = left if room is None else min(room, left)
        speaker = Speaker(speech, wire, asked.body, text, room)
        if refusal:
            error = json.dumps(refusal.body_for(asked))
            event = f"event: {refusal.event}\n" if refusal.event else ""
            await speaker.stream(f"{event}data: {error}\n\n", refusal.after)
        else:
            await speaker.answer()


async def send_body(wire: Wire, body: Body, status: int, **headers: str) -> None:
    """Send a complete answer, as plain text or JSON by what it is."""
    is_text = isinstance(body, str)
    await wire.start(status, "text/plain" if is_text else "application/json", **headers)
    await wire.send((body if is_text else json.dumps(body)).encode())  # type: ignore[union-attr]
    await wire.finish()
