"""The OpenRouter client: streamed completions whose failures are all `ModelError`s.

Every call streams: only a stream shows whether the server makes progress, and closing it ends what
is billed.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, TypeAlias

import httpx2
import openai
import stamina
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from src.domain import errors
from src.llm.openrouter.errors import FormatRejectedError, check_finish_reason, translate_errors
from src.llm.openrouter.formats import AcceptedFormats, response_format
from src.llm.openrouter.schemas import AnswerShape
from src.llm.openrouter.usage import UsageMeter

logger = logging.getLogger(__name__)

Messages: TypeAlias = Sequence[ChatCompletionMessageParam]

MAX_ATTEMPTS = 6
"""How often one question is sent, whatever its failures."""

MAX_LASTING_FAILURES = 3
"""How often one question may fail for a reason that looks lasting: the key, the credits,
moderation, a long `Retry-After`. More than once, since OpenRouter routes each call anew and single
calls fail in all of these ways."""

MAX_RETRY_WAIT_SECONDS = 20.0
"""The longest `Retry-After` that is waited for."""

MAX_CHARACTERS_PER_TOKEN = 6
"""More than the average of any real text; English has about four."""

APP_HEADERS = {
    "HTTP-Referer": "https://momentum-ai-frontend.vercel.app",
    "X-OpenRouter-Title": "Momentum-AI",
}
"""How OpenRouter lists the app that calls."""


class OpenRouterClient:
    """Completes conversations through any server that speaks OpenAI's protocol."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        model: str,
        call_timeout: float,
        idle_timeout: float,
        retry_wait: float = 0.5,
        fallback_models: Sequence[str] = (),
        max_calls: int = 64,
    ) -> None:
        """Build the client; nothing is sent yet.

        `call_timeout` bounds one call in seconds, `idle_timeout` the time without progress in it.
        The wait before a retry grows from about `retry_wait` seconds to ten times that. At most
        `max_calls` run at once; further ones wait in the order of their arrival.
        """
        self._model = model
        self._fallback = {"models": [model, *fallback_models]} if fallback_models else {}
        self._call_timeout = call_timeout
        self._idle_timeout = idle_timeout
        self._retry_wait = retry_wait
        self._slots = asyncio.Semaphore(max_calls)
        self._formats = AcceptedFormats()
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key,
            default_headers=APP_HEADERS,
            max_retries=0,  # ours are bounded in time, and know failures inside a 200
            timeout=httpx2.Timeout(call_timeout, connect=min(10.0, call_timeout)),
        )

    def meter(self, retries: int) -> UsageMeter:
        """Return a meter that allows so many retries."""
        return UsageMeter(self._model, retries)

    def attempts(self, meter: UsageMeter) -> AsyncIterator[stamina.Attempt]:
        """Return the attempts at one question, for `async for attempt: with attempt:`.

        A `ModelError` inside an attempt leads to the next one, after a wait with jitter or the one
        that the server asked for. The last error is raised when it is not worth retrying any more
        or the meter has no retries left.
        """
        lasting_failures = 0

        def should_retry(error: Exception) -> bool | float:
            nonlocal lasting_failures
            if not isinstance(error, errors.ModelError) or meter.retries_left <= 0:
                return False
            logger.warning("a model call failed: %s: %s", type(error).__name__, error)
            meter.retries_left -= 1
            meter.retries += 1
            if isinstance(error, errors.ModelOutputError):
                return 0.0  # The server is well; there is nothing to wait for.
            retry_after = getattr(error, "retry_after", None)
            if retry_after is not None and retry_after <= MAX_RETRY_WAIT_SECONDS:
                return float(retry_after)
            if retry_after or isinstance(
                error, errors.ModelMisconfiguredError | errors.ModelDeclinedError
            ):
                lasting_failures += 1
                return lasting_failures < MAX_LASTING_FAILURES
            return True

        return aiter(
            stamina.retry_context(
                on=should_retry,
                attempts=MAX_ATTEMPTS,
                wait_initial=self._retry_wait,
                wait_max=10 * self._retry_wait,
                wait_jitter=self._retry_wait,
                timeout=None,  # the caller's deadline bounds the whole
            )
        )

    async def stream(
        self,
        messages: Messages,
        *,
        shape: AnswerShape | None,
        max_tokens: int,
        meter: UsageMeter,
        extra_body: dict[str, Any] | None = None,
    ) -> AsyncGenerator[str, None]:
        """Yield the completion's text piece by piece; it ends only when it is complete.

        Prose, which has no shape, ends with an ellipsis if it reaches its token limit. A caller
        that stops early has to close this generator (`contextlib.aclosing`).

        Raises:
            ModelError: the completion failed or was cut; the subclass says why.
        """
        formats = self._formats.to_try(shape)
        for answer_format in formats:
            request = {
                "model": self._model,
                "messages": list(messages),
                "max_tokens": max_tokens,
                "stream": True,
                "stream_options": {"include_usage": True},
                "response_format": response_format(answer_format, shape),
                "extra_body": (extra_body or {}) | self._fallback,
            }
            try:
                async with aclosing(self._call(request, meter, is_prose=shape is None)) as pieces:
                    async for piece in pieces:
                        # Text is the proof that the server accepted the format.
                        self._formats.remember(answer_format, shape)
                        yield piece
            except FormatRejectedError as error:
                if answer_format == formats[-1]:
                    raise errors.ModelUnavailableError(str(error)) from error
            else:
                return

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _call(
        self, request: dict[str, Any], meter: UsageMeter, *, is_prose: bool
    ) -> AsyncGenerator[str, None]:
        async with self._slots:
            meter.calls += 1
            call = meter.calls
            deadline = time.monotonic() + self._call_timeout
            characters_left = request["max_tokens"] * MAX_CHARACTERS_PER_TOKEN
            finish_reason, has_text = None, False
            with translate_errors():
                # `timeout` of the client is per read; this bounds the wait for the first byte.
                async with asyncio.timeout(self._idle_timeout):
                    stream = await self._client.chat.completions.create(**request)
            try:
                while True:
                    with translate_errors():
                        piece, reason = await self._next_piece(stream, meter, call, deadline)
                    if piece is None:
                        break
                    finish_reason = reason or finish_reason
                    has_text = has_text or bool(piece.strip())
                    # A server may ignore `max_tokens`.
                    characters_left -= len(piece)
                    if characters_left < 0:
                        raise errors.ModelOutputError("more output than was requested")
                    if piece:
                        yield piece
            finally:
                await stream.close()
        if finish_reason == "length" and has_text and is_prose:
            yield "…"
        else:
            check_finish_reason(finish_reason, has_text=has_text)

    async def _next_piece(
        self,
        stream: openai.AsyncStream[ChatCompletionChunk],
        meter: UsageMeter,
        call: int,
        deadline: float,
    ) -> tuple[str | None, str | None]:
        """Return the next text, perhaps empty, with a finish reason; the text is None at the end.

        Only text and a finish reason are progress. The SDK skips blank lines and comments, and
        some servers send chunks without choices, for usage or to keep the connection alive.
        """
        async with asyncio.timeout(min(self._idle_timeout, deadline - time.monotonic())):
            async for chunk in stream:
                meter.record_chunk(call, chunk)
                for choice in chunk.choices or ():
                    if choice.delta.content or choice.finish_reason:
                        return choice.delta.content or "", choice.finish_reason
        return None, None
