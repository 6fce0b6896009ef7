"""Removes from a server's words what must not reach a log: secrets, and quotations of requests."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from src.domain.vocabulary import shortened

MAX_WORDS_LENGTH = 500
"""In characters, of a server's words in a log line."""

MIN_QUOTATION_LENGTH = 8
"""Shorter runs of characters occur in a request and an error by chance."""

MIN_SECRET_LENGTH = 4

REDACTED = "[…]"

_SECRETS = re.compile(
    r"\b(?:sk|pk|gsk|key|xai|hf|org|user|proj)[-_][\w*.-]{6,}|\bBearer\s+[\w.~+/=-]+|\bAIza[\w-]{10,}"
    r"|\beyJ[\w-]{4,}(?:\.[\w-]+)+",
    re.IGNORECASE,
)
_QUOTED = re.compile(
    "(['\"`\u201c\u2018\u00ab])([^'\"`\u201c\u201d\u2018\u2019\u00ab\u00bb]{2,}?)"
    "(['\"`\u201d\u2019\u00bb])"
)
"""A text in quotation marks of any kind."""

_ESCAPE = re.compile(r"\\+u([0-9a-fA-F]{4})")


def redact(words: str, secrets: Iterable[str], messages: Iterable[Mapping[str, object]]) -> str:
    """Return a server's words as one line for the log, at most `MAX_WORDS_LENGTH` characters.

    Removed are the given secrets, everything that looks like a key or a token, and whatever the
    words quote of the user messages.
    """
    text = " ".join(_unescape(words[: 2 * MAX_WORDS_LENGTH]).split())
    for secret in secrets:
        if len(secret) >= MIN_SECRET_LENGTH:
            text = text.replace(secret, REDACTED)
    text = _SECRETS.sub(REDACTED, text)
    for content in _user_contents(messages):
        text = _remove_values(text, content)
        plain = " ".join(_unescape(content).split())
        text = _remove_quotations(_remove_quoted(text, plain), plain)
    return shortened(text, MAX_WORDS_LENGTH)


def _user_contents(messages: Iterable[Mapping[str, object]]) -> Iterator[str]:
    for message in messages:
        content = message.get("content")
        if message.get("role") == "user" and isinstance(content, str):
            yield content


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda code: chr(int(code[1], 16)), text)


def _remove_values(text: str, content: str) -> str:
    """Remove the texts in the message's JSON, such as a goal of one word."""
    for value in _texts(_parse(content)):
        whole = " ".join(value.split())
        if whole and whole.casefold() in text.casefold():
            pattern = rf"(?<!\w){re.escape(whole)}(?!\w)"
            text = re.sub(pattern, REDACTED, text, flags=re.IGNORECASE)
    return text


def _parse(content: str) -> object:
    # A folded message has rules before its JSON.
    try:
        return json.loads(content[max(content.find("{"), 0) :])
    except (ValueError, RecursionError):
        return content


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _remove_quotations(text: str, content: str) -> str:
    """Remove every run of at least `MIN_QUOTATION_LENGTH` characters that the content has, too."""
    lower, haystack = text.casefold(), content.casefold()
    if len(lower) != len(text):  # case folding changed the length: compare as it is
        lower, haystack = text, content
    quoted = [False] * len(text)
    for start in range(len(text) - MIN_QUOTATION_LENGTH + 1):
        end = start + MIN_QUOTATION_LENGTH
        if lower[start:end] in haystack:
            quoted[start:end] = [True] * MIN_QUOTATION_LENGTH
    kept = "".join(
        character if not inside else "\0" for character, inside in zip(text, quoted, strict=True)
    )
    return re.sub(r"\0+", REDACTED, kept)


def _remove_quoted(text: str, content: str) -> str:
    """Remove what stands in quotation marks and in the content, however short it is."""

    def remove(quoted: re.Match[str]) -> str:
        is_quotation = quoted[2].casefold() in content.casefold()
        return f"{quoted[1]}{REDACTED}{quoted[3]}" if is_quotation else quoted[0]

    return _QUOTED.sub(remove, text)
