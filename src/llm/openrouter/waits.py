"""How long a model's server asks its clients to wait."""

import math
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from email.utils import parsedate_to_datetime

from src.llm.openrouter.server_errors import ServerError

MAX_RETRY_AFTER_SECONDS = 3_600.0
"""What one answer can ask for. It stops the calls of all users, so a single mistaken or hostile
answer must not stop them for a day. A daily quota may need longer: a call after an hour
learns how much is left, and a generation keeps waiting for up to `MAX_WAITING_SECONDS`."""

_EPOCH_SECONDS = 1e9
"""A reset above this is a time and not a duration: 1e9 s after 1970 is in 2001."""

_EPOCH_MILLISECONDS = 1e12
"""A reset above this is a time in milliseconds, as OpenRouter sends it."""

_UNITS = {"ms": 0.001, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "hour": 3600.0}
_AMOUNT = re.compile(
    r"(\d+(?:\.\d+)?)\s*(ms|seconds?|secs?|s|minutes?|mins?|m|hours?|h)", re.IGNORECASE
)
_SENTENCE = re.compile(
    r"(?:try again|retry|wait|available again|resets?)\s+(?:in|after|for)\s+"
    r"((?:\d+(?:\.\d+)?\s*(?:ms|seconds?|secs?|s|minutes?|mins?|m|hours?|h)\s*)+)",
    re.IGNORECASE,
)


def requested_wait(error: ServerError, now: float | None = None) -> float | None:
    """Return the seconds that the server asks to wait, at most an hour; None if it does not say.

    Read are `Retry-After` in seconds or as a date, `retry-after-ms`, Google's `retryDelay`, the
    sentences of OpenAI, Groq, Azure and Google ("Please try again in 1m2.5s"), and
    `X-RateLimit-Reset`. Headers may also stand in the body, where OpenRouter puts them. `now` is
    in seconds since 1970.
    """
    now = time.time() if now is None else now
    for seconds in _candidates(error, now):
        if math.isfinite(seconds):
            return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)
    return None


def _candidates(error: ServerError, now: float) -> Iterator[float]:
    if text := error.find("retry-after-ms"):
        yield _number(text) / 1000
    if text := error.find("retry-after"):
        yield _number(text)
        yield _seconds_until_date(text, now)
    if text := error.find("retry_after_seconds"):
        yield _number(text)
    if text := error.find("retrydelay"):
        yield _duration(text)
    if sentence := _SENTENCE.search(error.words):
        yield _duration(sentence[1])
    if text := error.find("x-ratelimit-reset"):
        yield _seconds_until_reset(text, now)


def _number(text: str) -> float:
    with suppress(ValueError):
        return float(text)
    return math.nan


def _duration(text: str) -> float:
    """Return the sum of amounts such as `1m2.5s`, in seconds; NaN without any."""
    amounts = _AMOUNT.findall(text)
    if not amounts:
        return math.nan
    return sum(float(number) * _UNITS[_unit(name)] for number, name in amounts)


def _unit(name: str) -> str:
    name = name.lower()
    return name if name in _UNITS else {"s": "s", "m": "m", "h": "h"}[name[0]]


def _seconds_until_date(text: str, now: float) -> float:
    with suppress(ValueError, TypeError, OverflowError):
        return parsedate_to_datetime(text).timestamp() - now
    return math.nan


def _seconds_until_reset(text: str, now: float) -> float:
    value = _number(text)
    if math.isnan(value):
        return _duration(text)
    if value >= _EPOCH_MILLISECONDS:
        return value / 1000 - now
    return value - now if value >= _EPOCH_SECONDS else value
