"""Translates what the SDK raises and what a stream ends with into a `ModelError`."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import httpx2
import openai

from src.domain.errors import (
    ModelDeclinedError,
    ModelError,
    ModelMisconfiguredError,
    ModelOutputError,
    ModelTooSlowError,
    ModelUnavailableError,
)

MAX_RETRY_AFTER_SECONDS = 3600.0
"""Servers may ask for longer than this; clients are asked for this at most."""

_TRANSPORT_ERRORS = (
    httpx2.HTTPError,
    # These have no base in common with it.
    httpx2.CookieConflict,
    httpx2.InvalidURL,
    httpx2.StreamError,
)


class FormatRejectedError(ModelUnavailableError):
    """The server refused the request, perhaps because of its answer format."""


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise everything that the SDK raises inside as a `ModelError`."""
    try:
        yield
    except ModelError:
        raise
    except openai.APIStatusError as error:
        raise error_for_status(error.status_code, error.response.headers) from error
    except (TimeoutError, openai.APITimeoutError, httpx2.TimeoutException) as error:
        raise ModelTooSlowError("no progress, or no end, within the time of one call") from error
    except (openai.APIConnectionError, *_TRANSPORT_ERRORS) as error:
        raise ModelUnavailableError(type(error).__name__) from error
    except openai.APIError as error:
        # An error inside a 200: the `code` in its body takes the place of the status.
        code = error.body.get("code") if isinstance(error.body, dict) else None
        raise error_for_status(code if isinstance(code, int) else 502, {}) from error
    except (openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
        # The bytes are not server-sent events, or the events are not chunks.
        raise ModelUnavailableError(f"not OpenAI's protocol: {type(error).__name__}") from error


def check_finish_reason(finish_reason: str | None, *, has_text: bool) -> None:
    """Raise a `ModelError` unless the stream ended well, after some text.

    The reasons are OpenAI's and OpenRouter's own `error`; None where the server sent none.
    """
    if finish_reason == "content_filter":
        raise ModelDeclinedError("finish_reason content_filter")
    if finish_reason == "length":
        raise ModelOutputError("the output was cut at its token limit")
    if finish_reason != "stop":
        raise ModelUnavailableError(f"the stream ended with finish_reason {finish_reason}")
    if not has_text:
        raise ModelUnavailableError("an empty completion")


def error_for_status(status: int, headers: Mapping[str, str]) -> ModelError:
    """Return what an HTTP status of the model's server means."""
    meanings: dict[int, ModelError] = {
        400: FormatRejectedError("400: the server refused the request"),
        401: ModelMisconfiguredError("401: OPENAI_API_KEY is not accepted"),
        402: ModelMisconfiguredError("402: the account has no credits left"),
        403: ModelDeclinedError("403: moderation refused the text, or the key lacks the right"),
        404: ModelMisconfiguredError("404: OPENAI_MODEL is unknown, or no provider serves it"),
        422: FormatRejectedError("422: the server refused the request"),
        500: FormatRejectedError("500: the server failed"),
    }
    unknown = ModelUnavailableError(f"status {status}", parse_retry_after(headers))
    return meanings.get(status, unknown)


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of `Retry-After`, at most an hour; None without a usable number."""
    with suppress(ValueError):  # The header may also be a date; OpenRouter sends seconds.
        seconds = float(headers.get("retry-after", ""))
        if math.isfinite(seconds):
            return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)
    return None
