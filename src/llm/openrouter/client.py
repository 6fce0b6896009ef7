"""The OpenRouter client: one guarded stream, with every failure named.

Calls always stream: a stream that stops making progress can be told from one that is slow, and
leaving it ends what is billed.
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Any, Literal, TypeAlias

import httpx2
import openai
import stamina
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam
from pydantic import BaseModel

from src.domain.errors import (
    ModelDeclinedError,
    ModelError,
    ModelMisconfiguredError,
    ModelOutputError,
    ModelTooSlowError,
    ModelUnavailableError,
)
from src.domain.plan import ModelUsage

logger = logging.getLogger(__name__)

Messages: TypeAlias = Sequence[ChatCompletionMessageParam]
AnswerFormat = Literal["json_schema", "json_object", "text"]

ANSWER_FORMATS: tuple[AnswerFormat, ...] = ("json_schema", "json_object", "text")
"""From the strictest down: small OpenAI-compatible servers reject the first, some the second."""

MAX_ATTEMPTS = 6
"""How often one question is asked, whatever its failures."""

MAX_LASTING_ERROR_ATTEMPTS = 3
"""How often when the failure looks lasting: a key, credits, moderation, an hour's Retry-After.

Not once: OpenRouter routes each call anew, and single calls fail in all of these ways.
"""

MAX_RETRY_WAIT_SECONDS = 20.0
"""A server that asks for more patience than this is not waited for."""

MAX_CHARACTERS_PER_TOKEN = 6
"""Above the average of any text that is worth reading; English has about four."""

MAX_RETRY_AFTER_SECONDS = 3600.0
"""What a client is told at most; some servers say nonsense."""

APP_HEADERS = {
    "HTTP-Referer": "https://momentum-ai-frontend.vercel.app",
    "X-OpenRouter-Title": "Momentum-AI",
}
"""How OpenRouter lists the app that calls."""


class FormatRejectedError(ModelUnavailableError):
    """The server refused the request, perhaps for its answer format."""


@dataclass(frozen=True)
class AnswerShape:
    """What a completion must look like: a name, the model of its JSON, and the list in it."""

    name: str
    model: type[BaseModel]
    items: str


@dataclass
class UsageMeter:
    """Counts what one generation or answer asks of the model, and bounds its retries."""

    model: str
    retries_left: int
    calls: int = 0
    retries: int = 0
    citations: dict[str, str] = field(default_factory=dict)
    """The titles of the pages that a web search cited, by their URL."""
    usage_by_call: dict[int, ModelUsage] = field(default_factory=dict)
    """What each call took, by its number; some servers tell that as it grows."""

    def usage(self) -> ModelUsage:
        """Return the counts so far."""
        counted = ModelUsage(model=self.model, calls=self.calls, retries=self.retries)
        return reduce(ModelUsage.plus, (*self.usage_by_call.values(), counted))

    def record_chunk(self, call: int, chunk: ChatCompletionChunk) -> None:
        """Take what a chunk of a call, counted from 1, tells beside its text."""
        self.model = chunk.model or self.model
        if chunk.usage is not None:
            cost = (chunk.usage.model_extra or {}).get("cost")
            if not isinstance(cost, int | float) or not 0 <= cost < math.inf:
                before = self.usage_by_call.get(call)
                cost = before and before.cost_dollars
            self.usage_by_call[call] = ModelUsage(
                model=self.model,
                priced_calls=int(cost is not None),
                prompt_tokens=chunk.usage.prompt_tokens,
                completion_tokens=chunk.usage.completion_tokens,
                cost_dollars=cost,
            )
        for choice in chunk.choices or ():
            for annotation in (choice.delta.model_extra or {}).get("annotations") or ():
                cited = annotation.get("url_citation") or {}
                if isinstance(cited.get("url"), str):
                    self.citations[cited["url"]] = str(cited.get("title") or cited["url"])


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
        Retries wait for about `retry_wait` seconds first, and then for ever longer, up to ten times
        that. At most `max_calls` run at once; further ones wait in the order of their arrival.
        """
        self._model = model
        self._fallback_models = list(fallback_models)
        self._call_timeout = call_timeout
        self._idle_timeout = idle_timeout
        self._slots = asyncio.Semaphore(max_calls)
        self._retry_wait = retry_wait
        self._format_index = 0
        self._proven_formats: set[AnswerFormat] = set()
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

        A `ModelError` inside an attempt brings the next one, after a wait with jitter or the one
        that the server asked for, until patience or the meter's retries are used up.
        """
        lasting_errors = 0

        def wait(error: Exception) -> bool | float:
            nonlocal lasting_errors
            if not isinstance(error, ModelError) or meter.retries_left <= 0:
                return False
            logger.warning("a model call failed: %s: %s", type(error).__name__, error)
            meter.retries_left -= 1
            meter.retries += 1
            if isinstance(error, ModelOutputError):
                return 0.0  # The server is well; there is nothing to wait for.
            asked = getattr(error, "retry_after", None)
            if asked is not None and asked <= MAX_RETRY_WAIT_SECONDS:
                return float(asked)
            if asked or isinstance(error, ModelMisconfiguredError | ModelDeclinedError):
                lasting_errors += 1
                return lasting_errors < MAX_LASTING_ERROR_ATTEMPTS
            return True

        return aiter(
            stamina.retry_context(
                on=wait,
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

        To be closed by whoever leaves early (`contextlib.aclosing`). Text without a shape that
        reaches its token limit ends with an ellipsis.

        The strictest answer format that the server took is remembered.

        Raises:
            ModelError: the completion failed or was cut; which subclass says why.
        """
        first = self._format_index if shape else len(ANSWER_FORMATS) - 1
        for index in range(first, len(ANSWER_FORMATS)):
            answer_format = ANSWER_FORMATS[index]
            request = self._request(messages, answer_format, shape, max_tokens, extra_body)
            try:
                call = self._call(request, max_tokens, meter, is_prose=shape is None)
                async with aclosing(call) as pieces:
                    async for piece in pieces:
                        # Text is the proof that the format was taken.
                        self._remember_format(shape, index)
                        yield piece
            except FormatRejectedError as error:
                if index == len(ANSWER_FORMATS) - 1:
                    raise ModelUnavailableError(str(error)) from error
                continue
            return

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _remember_format(self, shape: AnswerShape | None, format_index: int) -> None:
        self._proven_formats.add(ANSWER_FORMATS[format_index])
        # What this model took before, it rejects now for another reason, which may pass.
        if shape and ANSWER_FORMATS[self._format_index] not in self._proven_formats:
            logger.warning(
                "the model's server takes no format above %s", ANSWER_FORMATS[format_index]
            )
            self._format_index = format_index

    def _request(
        self,
        messages: Messages,
        answer_format: AnswerFormat,
        shape: AnswerShape | None,
        max_tokens: int,
        extra_body: dict[str, Any] | None,
    ) -> dict[str, Any]:
        fallback = (
            {"models": [self._model, *self._fallback_models]} if self._fallback_models else {}
        )
        return {
            "model": self._model,
            "messages": list(messages),
            "max_tokens": max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
            "response_format": response_format(answer_format, shape),
            "extra_body": (extra_body or {}) | fallback,
        }

    async def _call(
        self, request: dict[str, Any], max_tokens: int, meter: UsageMeter, *, is_prose: bool
    ) -> AsyncGenerator[str, None]:
        async with self._slots:
            meter.calls += 1
            call = meter.calls
            deadline = time.monotonic() + self._call_timeout
            left = max_tokens * MAX_CHARACTERS_PER_TOKEN
            finish_reason, text_seen = None, False
            with translate_errors():
                # `timeout` of the client is per read; this bounds the wait for the first byte.
                async with asyncio.timeout(self._idle_timeout):
                    stream = await self._client.chat.completions.create(**request)
            try:
                while True:
                    with translate_errors():
                        piece, reason = await self._next_piece(
                            stream, partial(meter.record_chunk, call), deadline
                        )
                    if piece is None:
                        break
                    finish_reason = reason or finish_reason
                    text_seen = text_seen or bool(piece.strip())
                    # `max_tokens` is a request; this is a bound.
                    left -= len(piece)
                    if left < 0:
                        raise ModelOutputError("more output than was asked for")
                    if piece:
                        yield piece
            finally:
                await stream.close()
        if finish_reason == "length" and text_seen and is_prose:
            yield "…"
        else:
            check_finish_reason(finish_reason, text_seen=text_seen)

    async def _next_piece(
        self,
        stream: openai.AsyncStream[ChatCompletionChunk],
        note: Callable[[ChatCompletionChunk], None],
        deadline: float,
    ) -> tuple[str | None, str | None]:
        """Return the next text that is not empty, or the finish reason; None at the end.

        The client swallows blank lines and comments, and chunks may be empty: none is progress.
        """
        async with asyncio.timeout(min(self._idle_timeout, deadline - time.monotonic())):
            async for chunk in stream:
                note(chunk)
                # Some servers send chunks without choices, for usage or to keep alive.
                for choice in chunk.choices or ():
                    if choice.delta.content or choice.finish_reason:
                        return choice.delta.content or "", choice.finish_reason
        return None, None


def response_format(answer_format: AnswerFormat, shape: AnswerShape | None) -> Any:  # noqa: ANN401
    if answer_format == "text" or shape is None:
        return openai.omit
    if answer_format == "json_object":
        return {"type": "json_object"}
    schema = shape.model.model_json_schema()
    return {
        "type": "json_schema",
        "json_schema": {"name": shape.name, "strict": True, "schema": schema},
    }


def check_finish_reason(finish_reason: str | None, *, text_seen: bool) -> None:
    # Typed as OpenAI's values; OpenRouter adds `error`.
    if finish_reason == "content_filter":
        raise ModelDeclinedError("finish_reason content_filter")
    if finish_reason == "length":
        raise ModelOutputError("the output was cut at its token limit")
    if finish_reason != "stop":
        raise ModelUnavailableError(f"the stream ended with finish_reason {finish_reason}")
    if not text_seen:
        raise ModelUnavailableError("an empty completion")


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn everything that the client raises into a `ModelError`."""
    try:
        yield
    except ModelError:
        raise
    except openai.APIStatusError as error:
        raise error_for_status(error.status_code, error.response.headers) from error
    except (TimeoutError, openai.APITimeoutError, httpx2.TimeoutException) as error:
        raise ModelTooSlowError("no progress, or no end, within the time of one call") from error
    except (openai.APIConnectionError, httpx2.HTTPError) as error:
        raise ModelUnavailableError(type(error).__name__) from error
    except openai.APIError as error:
        # An error inside a 200: the body's code says what the status would have.
        code = error.body.get("code") if isinstance(error.body, dict) else None
        raise error_for_status(code if isinstance(code, int) else 502, {}) from error
    except (openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
        # Bytes that are no server-sent events, or events that are no chunks.
        raise ModelUnavailableError(f"not OpenAI's protocol: {type(error).__name__}") from error


def error_for_status(status: int, headers: Any) -> ModelError:  # noqa: ANN401  any mapping of text
    meanings: dict[int, ModelError] = {
        400: FormatRejectedError("400: the server refused the request"),
        401: ModelMisconfiguredError("401: OPENAI_API_KEY is not accepted"),
        402: ModelMisconfiguredError("402: the account has no credits left"),
        403: ModelDeclinedError("403: moderation refused the text, or the key lacks the right"),
        404: ModelMisconfiguredError("404: OPENAI_MODEL is unknown, or no provider serves it"),
        422: FormatRejectedError("422: the server refused the request"),
        500: FormatRejectedError("500: the server failed"),
    }
    return meanings.get(
        status, ModelUnavailableError(f"status {status}", parse_retry_after(headers))
    )


def parse_retry_after(headers: Any) -> float | None:  # noqa: ANN401  any mapping of text
    try:
        # The other form, a date, is not used by OpenRouter.
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    if not math.isfinite(seconds):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)
