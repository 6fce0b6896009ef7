"""Translates what the SDK raises, a server's errors and a stream's end into a `ModelError`."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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
from src.llm.openrouter.server_errors import ServerError, read_error
from src.llm.openrouter.waits import requested_wait

_TRANSPORT_ERRORS = (
    httpx2.HTTPError,
    # These have no base in common with it.
    httpx2.CookieConflict,
    httpx2.InvalidURL,
    httpx2.StreamError,
)


class RefusedError(ModelUnavailableError):
    """The server refused the request; another dialect may help."""

    def __init__(self, reason: str, said: ServerError) -> None:
        super().__init__(reason)
        self.said = said


class ServerFailedError(ModelUnavailableError):
    """The server failed (5xx): usually that passes, but some servers refuse requests like this."""

    def __init__(self, reason: str, said: ServerError) -> None:
        super().__init__(reason, requested_wait(said))
        self.said = said


class RateLimitedError(ModelUnavailableError):
    """The server wants fewer calls."""


class TooManyAtOnceError(RateLimitedError):
    """The server says that it takes fewer calls at once."""


class PausedError(ModelUnavailableError):
    """The server wants no calls for longer than the caller has time. Nothing was sent."""


class NoDialectError(ModelMisconfiguredError):
    """The server refused the request in every dialect that was tried. Trying again is no use."""


class ContextTooSmallError(ModelMisconfiguredError):
    """The model's context has no room for the question. Trying again is no use."""


class WrongAddressError(ModelMisconfiguredError):
    """There is no such model or no such path (404)."""


class NotTheProtocolError(ModelUnavailableError):
    """What arrived is not OpenAI's protocol, for example an HTML page."""


class EmptyCompletionError(ModelUnavailableError):
    """The completion has no text. That may pass, or be how the server refuses a request."""


class CutWhileThinkingError(ModelOutputError):
    """The model used up its token limit with thinking, before any text."""


FINAL_ERRORS = (NoDialectError, ContextTooSmallError, PausedError)
"""Errors after which the same question is not sent again."""


@dataclass(frozen=True)
class _Meaning:
    """What an error means if it has one of the statuses (any, if empty) and its signs match."""

    build: Callable[[ServerError], ModelError]
    statuses: frozenset[int] = frozenset()
    signs: str = ""

    def fits(self, said: ServerError) -> bool:
        return (not self.statuses or said.status in self.statuses) and bool(
            re.search(self.signs, said.signs, re.IGNORECASE | re.MULTILINE)
        )


CONTEXT_SIGNS = (
    r"context_length_exceeded|exceed_context|context (?:length|window|size)|too many tokens"
    r"|prompt is too long|request too large|input is too long|reduce the length"
)
"""What an error says that is about the model's context."""

_CLIENT_ERRORS = frozenset(range(400, 500))

_MEANINGS = (
    _Meaning(
        lambda _: ModelDeclinedError("the provider's content filter refused the text"),
        _CLIENT_ERRORS,
        # Azure; OpenAI; DeepSeek; Qwen.
        r"content_filter|content management policy|content_policy|Content Exists Risk"
        r"|data_inspection_failed",
    ),
    _Meaning(
        lambda _: ModelMisconfiguredError("OPENAI_MODEL is unknown to the model's server"),
        frozenset({400, 403, 404, 422, *range(500, 504)}),
        # OpenRouter; OpenAI and vLLM; Ollama; DeepSeek; Azure.
        r"not a valid model|model_not_found|model\b.{0,120}\b(not found|does not exist)"
        r"|no such model|model not exist|DeploymentNotFound|unknown[_ ]model|invalid[_ ]model",
    ),
    _Meaning(
        lambda _: ModelMisconfiguredError("the provider does not serve this region"),
        frozenset({400, 403}),
        r"unsupported_country|(?:country|region|location)\b.{0,40}\bnot supported",
    ),
    _Meaning(
        lambda said: RefusedError(f"{said.status}: the context is too small", said),
        _CLIENT_ERRORS - {429} | frozenset(range(500, 600)),
        CONTEXT_SIGNS,  # some servers report it as their own failure
    ),
    _Meaning(
        lambda _: ModelMisconfiguredError("OPENAI_API_KEY is not accepted"),
        frozenset({400, 403}),
        r"invalid_api_key|api[_ ]key not valid|API_KEY_INVALID",
    ),
    _Meaning(
        lambda _: ModelMisconfiguredError("the account has no credits left"),
        frozenset({429}),
        r"insufficient_quota|insufficient balance",
    ),
    _Meaning(
        lambda _: ModelOutputError("the model's JSON did not fit the schema"),
        frozenset({400}),
        r"json_validate_failed",  # Groq: the model's fault, and the next attempt may do better
    ),
    _Meaning(
        lambda _: ModelMisconfiguredError("401: OPENAI_API_KEY is not accepted"), frozenset({401})
    ),
    _Meaning(
        lambda said: RefusedError("402: too many tokens for the credits that are left", said),
        frozenset({402}),
        r"can only afford \d+",
    ),
    _Meaning(
        lambda _: ModelMisconfiguredError("402: the account has no credits left"), frozenset({402})
    ),
    _Meaning(
        lambda said: RefusedError("403: the server refused the request", said),
        frozenset({403}),
        r"stream(ing)?\b.{0,40}\bnot\b.{0,20}\b(allowed|supported)",
    ),
    _Meaning(
        lambda _: ModelDeclinedError(
            "403: moderation refused the text, or OPENAI_API_KEY lacks the right"
        ),
        frozenset({403}),
    ),
    _Meaning(
        lambda said: WrongAddressError(
            f"{said.status}: OPENAI_BASE_URL leads elsewhere, and redirects are not followed"
        ),
        frozenset(range(300, 400)),
    ),
    _Meaning(
        lambda _: WrongAddressError(
            "404: OPENAI_MODEL is unknown, or no provider serves it, or OPENAI_BASE_URL is wrong"
        ),
        frozenset({404}),
    ),
    _Meaning(
        lambda _: WrongAddressError("OPENAI_BASE_URL is wrong: the server has no such path"),
        signs=r"unexpected endpoint",  # LM Studio, inside a 200
    ),
    _Meaning(
        lambda said: RefusedError(f"{said.status}: the server refused the request", said),
        frozenset({400, 413, 422}),
    ),
    _Meaning(
        lambda said: TooManyAtOnceError(f"{said.status}: too many at once", requested_wait(said)),
        frozenset({429, 503}),
        r"concurren|pending requests|requests? (?:in parallel|at once|at the same time)",
    ),
    _Meaning(
        lambda said: RateLimitedError("429: too many calls", requested_wait(said)), frozenset({429})
    ),
)
"""What a server's error means; the first that fits counts."""


@contextmanager
def translate_errors(hear: Callable[[ServerError], None] = lambda _: None) -> Iterator[None]:
    """Raise everything that the SDK raises inside as a `ModelError`.

    `hear` gets what the server said, if it said anything. The errors themselves quote nothing.
    """
    try:
        yield
    except ModelError:
        raise
    except openai.APIStatusError as error:
        said = read_error(error.body, error.status_code, error.response.headers)
        hear(said)
        raise model_error(said) from error
    except (TimeoutError, openai.APITimeoutError, httpx2.TimeoutException) as error:
        raise ModelTooSlowError("no progress, or no end, within the time of one call") from error
    except (openai.APIConnectionError, *_TRANSPORT_ERRORS) as error:
        raise ModelUnavailableError(type(error).__name__) from error
    except openai.APIError as error:
        said = read_error(error.body, None, {})
        hear(said)
        raise model_error(said) from error
    except (openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
        raise NotTheProtocolError(f"not OpenAI's protocol: {type(error).__name__}") from error


def model_error(said: ServerError) -> ModelError:
    """Return what an error of the model's server means."""
    for meaning in _MEANINGS:
        if meaning.fits(said):
            return meaning.build(said)
    return ServerFailedError(f"{said.status}: the server failed", said)


_DECLINED = {"content_filter", "safety", "blocklist", "prohibited_content", "recitation", "refusal"}
_CUT = {"length", "max_tokens", "max_output_tokens", "model_length"}


def was_cut(finish_reason: str | None) -> bool:
    """Return whether the stream ended at its token limit."""
    return finish_reason in _CUT


def check_finish_reason(finish_reason: str | None, *, has_text: bool) -> None:
    """Raise a `ModelError` if the stream ended badly, or without text.

    Servers call a good end `stop`, `eos`, `end_turn`, `STOP` or nothing at all, so every other
    reason is as good as its text. `finish_reason` is in lower case.
    """
    if finish_reason in _DECLINED:
        raise ModelDeclinedError(f"finish_reason {finish_reason}")
    if was_cut(finish_reason):
        raise ModelOutputError("the output was cut at its token limit")
    if finish_reason == "error":
        raise ModelUnavailableError("the stream ended with finish_reason error")
    if not has_text:
        raise EmptyCompletionError("an empty completion")
