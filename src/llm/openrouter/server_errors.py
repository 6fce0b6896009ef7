"""Reads what a model's server says about a failure, wherever it puts it.

Servers wrap errors in different shapes: OpenAI's `error` with `code`, `param` and `type`,
OpenRouter's `error.metadata.raw` with the provider's own error as a JSON string, FastAPI's
`detail`, Ollama's `{"error": "text"}`, Google's list of errors. So this walks the whole body.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

MAX_DEPTH = 10
MAX_FIELDS = 100
MAX_TEXT_LENGTH = 2_000
"""In characters, of one text of an error; what follows adds nothing."""

DEFAULT_STATUS = 502
"""The status of an error inside a 200 that names none."""

_QUOTING_KEYS = {"failed_generation", "flagged_input", "input", "messages", "prompt", "schema"}
"""Fields that quote the request or the model; nobody may read or log them."""

_WORD_KEYS = {"detail", "error", "error_description", "message", "msg", "raw", "reason", "reasons"}

_STATUS_OF_NAMES = (
    (re.compile(r"rate.?limit|too.?many.?requests|resource.?exhausted", re.IGNORECASE), 429),
    (re.compile(r"overloaded|unavailable", re.IGNORECASE), 503),
    (re.compile(r"authentication|invalid_api_key", re.IGNORECASE), 401),
    (re.compile(r"not_found", re.IGNORECASE), 404),
    (re.compile(r"invalid_request|bad_?request|exceed_context|unsupported", re.IGNORECASE), 400),
)
"""What the `code` or `type` of an error inside a 200 means as an HTTP status."""


@dataclass(frozen=True)
class ServerError:
    """An error as the server described it.

    `fields` are the names, in lower case, and texts of all that it said, in order; `headers` are
    those of the response, with names in lower case.
    """

    status: int
    fields: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    def find(self, name: str) -> str | None:
        """Return the first text under this name, from the body or the headers; None if absent."""
        return next((text for key, text in (*self.fields, *self.headers) if key == name), None)

    @property
    def words(self) -> str:
        """The server's sentences. They may quote the request: see `quotations.redact`."""
        return " | ".join(dict.fromkeys(text for key, text in self.fields if key in _WORD_KEYS))

    @property
    def signs(self) -> str:
        """Everything that it said, one `name=text` a line, to search for what it refuses."""
        return "\n".join(f"{key}={text}" for key, text in self.fields)

    @property
    def provider(self) -> str | None:
        """The provider behind OpenRouter that failed, if the error names it."""
        return self.find("provider_name")


def read_error(body: object, status: int | None, headers: Mapping[str, str]) -> ServerError:
    """Return the error in a body, of any type.

    `status` is that of the HTTP response, or None for an error inside a 200.
    """
    fields = tuple(islice(_walk(body, "error", 0), MAX_FIELDS))
    lower_headers = tuple((name.lower(), value) for name, value in headers.items())
    return ServerError(status or _status_from(fields), fields, lower_headers)


def _walk(value: object, key: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > MAX_DEPTH or key in _QUOTING_KEYS:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _walk(inner, str(name).lower(), depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner, key, depth + 1)
    elif isinstance(value, str):
        nested = _parse_nested(value)
        if nested is None:
            yield key, value[:MAX_TEXT_LENGTH]
        else:
            yield from _walk(nested, key, depth + 1)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield key, str(value)


def _parse_nested(text: str) -> object:
    """Return the JSON that a text is, or None: providers' errors come as JSON within JSON."""
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _status_from(fields: tuple[tuple[str, str], ...]) -> int:
    names = [text for key, text in fields if key in {"code", "status", "type", "status_code"}]
    for name in names:
        if re.fullmatch(r"[45]\d\d", name):
            return int(name)
    for name in names:
        for pattern, status in _STATUS_OF_NAMES:
            if pattern.search(name):
                return status
    return DEFAULT_STATUS
