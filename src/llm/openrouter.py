"""The OpenRouter client: one guarded call, with every failure named.

Calls always stream: a stream that stops making progress can be told from one that is slow, and
cancelling it ends what is billed.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import httpx2
import openai
import stamina
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam
from pydantic import BaseModel

from src.errors import (
    ModelDeclinedError,
    ModelError,
    ModelMisconfiguredError,
    ModelOutputError,
    ModelTooSlowError,
    ModelUnavailableError,
)

logger = logging.getLogger(__name__)

Messages: TypeAlias = Sequence[ChatCompletionMessageParam]
AnswerFormat = Literal["json_schema", "json_object", "text"]

FORMATS: tuple[AnswerFormat, ...] = ("json_schema", "json_object", "text")
"""From the strictest down: small OpenAI-compatible servers reject the first, some the second."""

ATTEMPTS = 3
"""How often one completion is tried when its failure may pass by itself."""

LONGEST_WAIT_SECONDS = 20.0
"""A server that asks for more patience than this is treated as unavailable at once."""

LONGEST_TOKEN_CHARACTERS = 6
"""Above the average of any text that is worth reading; English has about four."""

LONGEST_RETRY_AFTER_SECONDS = 3600.0
"""What a client is told at most; some servers say nonsense."""

APP_HEADERS = {
    "HTTP-Referer": "https://momentum-ai-frontend.vercel.app",
    "X-OpenRouter-Title": "Momentum-AI",
}
"""How OpenRouter lists the app that calls."""


class _FormatRejectedError(ModelUnavailableError):
    """The server refused the request, perhaps for its answer format."""

    def __init__(self, reason: str, *, permanent: bool) -> None:
        super().__init__(reason)
        self.permanent = permanent


@dataclass(frozen=True)
class Shape:
    """What a completion must look like: a name and the model of its JSON."""

    name: str
    model: type[BaseModel]


class OpenRouterClient:
    """Completes conversations through any server that speaks OpenAI's protocol."""

    def __init__(
        self, *, base_url: str, api_key: str, model: str, call_timeout: float, idle_timeout: float
    ) -> None:
        """Build the client; nothing is sent yet.

        `call_timeout` bounds one attempt in seconds, `idle_timeout` the time without progress.
        """
        self._model = model
        self._call_timeout = call_timeout
        self._idle_timeout = idle_timeout
        self._format_index = 0
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key,
            default_headers=APP_HEADERS,
            max_retries=0,  # ours are bounded in time, and know failures inside a 200
            timeout=httpx2.Timeout(call_timeout, connect=min(10.0, call_timeout)),
        )

    async def complete(self, messages: Messages, *, shape: Shape | None, max_tokens: int) -> str:
        """Return the model's text, never empty; JSON of the shape if the model obeys.

        The strictest answer format that the server took is remembered.

        Raises:
            ModelError: no complete answer came about; which subclass says why.
        """
        first = self._format_index if shape else len(FORMATS) - 1
        for index in range(first, len(FORMATS)):
            try:
                text = await self._complete_with_retries(
                    messages, FORMATS[index], shape, max_tokens
                )
            except _FormatRejectedError as error:
                if index == len(FORMATS) - 1:
                    raise ModelUnavailableError(str(error)) from error
                continue
            if shape and index > self._format_index:
                logger.warning("the model's server takes no format above %s", FORMATS[index])
                self._format_index = index
            return text
        raise AssertionError("unreachable: the last format returns or raises")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _complete_with_retries(
        self,
        messages: Messages,
        answer_format: AnswerFormat,
        shape: Shape | None,
        max_tokens: int,
    ) -> str:
        async for attempt in stamina.retry_context(
            on=_wait_before_retry, attempts=ATTEMPTS, wait_initial=0.5, wait_max=10, timeout=None
        ):
            with attempt:
                async with _translated_errors():
                    text = await self._stream_text(messages, answer_format, shape, max_tokens)
        return text

    async def _stream_text(
        self,
        messages: Messages,
        answer_format: AnswerFormat,
        shape: Shape | None,
        max_tokens: int,
    ) -> str:
        finish_reason = None
        pieces: list[str] = []
        left = max_tokens * LONGEST_TOKEN_CHARACTERS
        async with asyncio.timeout(self._call_timeout):
            stream = await self._client.chat.completions.create(
                model=self._model,
                messages=list(messages),
                stream=True,
                max_tokens=max_tokens,
                response_format=_response_format(answer_format, shape),
            )
            async with contextlib.aclosing(stream):
                async for chunk in self._with_progress(stream):
                    # Some servers send chunks without choices, for usage or to keep alive.
                    for choice in chunk.choices or ():
                        pieces.append(choice.delta.content or "")
                        # `max_tokens` is a request; this is a bound.
                        left -= len(pieces[-1])
                        if left < 0:
                            raise ModelOutputError("more output than was asked for")
                        finish_reason = choice.finish_reason or finish_reason
        return _finished_text("".join(pieces), finish_reason, partial_is_fine=shape is None)

    async def _with_progress(
        self, stream: AsyncIterator[ChatCompletionChunk]
    ) -> AsyncIterator[ChatCompletionChunk]:
        """Yield the chunks; the client swallows blank lines and comments, which are none."""
        while True:
            try:
                async with asyncio.timeout(self._idle_timeout):
                    chunk = await anext(stream)
            except StopAsyncIteration:
                return
            yield chunk


def _response_format(answer_format: AnswerFormat, shape: Shape | None) -> Any:  # noqa: ANN401
    if answer_format == "text" or shape is None:
        return openai.omit
    if answer_format == "json_object":
        return {"type": "json_object"}
    schema = shape.model.model_json_schema()
    return {
        "type": "json_schema",
        "json_schema": {"name": shape.name, "strict": True, "schema": schema},
    }


def _finished_text(text: str, finish_reason: str | None, *, partial_is_fine: bool) -> str:
    # Typed as OpenAI's values; OpenRouter adds `error`.
    if finish_reason == "content_filter":
        raise ModelDeclinedError("finish_reason content_filter")
    if finish_reason == "length" and text.strip() and partial_is_fine:
        return f"{text.rstrip()}…"
    if finish_reason == "length":
        raise ModelOutputError("the output was cut at its token limit")
    if finish_reason != "stop":
        raise ModelUnavailableError(f"the stream ended with finish_reason {finish_reason}")
    if not text.strip():
        raise ModelUnavailableError("an empty completion")
    return text


def _wait_before_retry(error: Exception) -> bool | float:
    """Decide whether to try again: not at all, after jittered backoff, or as the server asked."""
    logger.warning("a model call failed: %s: %s", type(error).__name__, error)
    if isinstance(error, _FormatRejectedError):
        return not error.permanent
    if isinstance(error, ModelUnavailableError):
        if error.retry_after is None:
            return True
        return error.retry_after if error.retry_after <= LONGEST_WAIT_SECONDS else False
    return False


@asynccontextmanager
async def _translated_errors() -> AsyncIterator[None]:
    """Turn everything that the client raises into a `ModelError`."""
    try:
        yield
    except ModelError:
        raise
    except openai.APIStatusError as error:
        raise _status_error(error.status_code, error.response.headers) from error
    except (TimeoutError, openai.APITimeoutError, httpx2.TimeoutException) as error:
        raise ModelTooSlowError("no progress, or no end, within the time of one call") from error
    except (openai.APIConnectionError, httpx2.HTTPError) as error:
        raise ModelUnavailableError(type(error).__name__) from error
    except openai.APIError as error:
        # An error inside a 200: the body's code says what the status would have.
        code = error.body.get("code") if isinstance(error.body, dict) else None
        raise _status_error(code if isinstance(code, int) else 502, {}) from error
    except (openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
        # Bytes that are no server-sent events, or events that are no chunks.
        raise ModelUnavailableError(f"not OpenAI's protocol: {type(error).__name__}") from error


def _status_error(status: int, headers: Any) -> ModelError:  # noqa: ANN401  any mapping of text
    meanings: dict[int, ModelError] = {
        401: ModelMisconfiguredError("401: OPENAI_API_KEY is not accepted"),
        402: ModelMisconfiguredError("402: the account has no credits left"),
        403: ModelDeclinedError("403: moderation refused the text, or the key lacks the right"),
        404: ModelMisconfiguredError("404: OPENAI_MODEL is unknown, or no provider serves it"),
        400: _FormatRejectedError("400: the server refused the request", permanent=True),
        422: _FormatRejectedError("422: the server refused the request", permanent=True),
        500: _FormatRejectedError("500: the server failed", permanent=False),
    }
    return meanings.get(status, ModelUnavailableError(f"status {status}", _retry_after(headers)))


def _retry_after(headers: Any) -> float | None:  # noqa: ANN401  any mapping of text
    try:
        # The other form, a date, is not used by OpenRouter.
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    if not math.isfinite(seconds):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)
