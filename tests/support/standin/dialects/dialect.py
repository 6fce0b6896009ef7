"""What a dialect is: which requests a server refuses, in which words, and how it writes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.support.standin.answers import Json, message_text
from tests.support.standin.speech import Speech
from tests.support.standin.tokens import token_count

WORKS = "works"

Body = Json | list[Json] | str
"""What a refusal says. A text is sent as `text/plain`, anything else as JSON."""


@dataclass(frozen=True)
class Asked:
    """One request as its server judges it."""

    body: Json
    kind: str
    """What the prompt asks for: `outline`, `week`, `question`, …"""
    at_once: int
    """How many calls are being answered now, this one included."""

    @property
    def prompt_tokens(self) -> int:
        return sum(token_count(message_text(message)) for message in self.body["messages"])

    @property
    def token_limit(self) -> int | None:
        """The most tokens of the answer, by whichever name the request calls them."""
        limit: int | None = self.body.get("max_completion_tokens") or self.body.get("max_tokens")
        return limit

    @property
    def answer_format(self) -> str:
        """`text`, `json_object` or `json_schema`."""
        name: str = (self.body.get("response_format") or {}).get("type", "text")
        return name

    def schema_words(self) -> set[str]:
        """Return the keywords of the request's JSON Schema, the names of fields left out."""
        wanted = (self.body.get("response_format") or {}).get("json_schema") or {}
        return set(_words(wanted.get("schema") or {}))

    def longest_bound(self) -> int:
        """Return the highest `minLength` or `maxLength` in the request's JSON Schema, or 0."""
        wanted = (self.body.get("response_format") or {}).get("json_schema") or {}
        return max(_bounds(wanted.get("schema") or {}), default=0)


def _words(schema: object) -> Iterator[str]:
    if isinstance(schema, list):
        for part in schema:
            yield from _words(part)
    elif isinstance(schema, dict):
        for word, value in schema.items():
            yield word
            # Below these stand names, each with a schema of its own.
            named = word in {"properties", "$defs"} and isinstance(value, dict)
            yield from _words(list(value.values()) if named else value)


def _bounds(schema: object) -> Iterator[int]:
    if isinstance(schema, list):
        for part in schema:
            yield from _bounds(part)
    elif isinstance(schema, dict):
        for word, value in schema.items():
            if word in {"minLength", "maxLength"} and isinstance(value, int):
                yield value
            yield from _bounds(value)


Condition = Callable[[Asked], bool]


@dataclass(frozen=True)
class Refusal:
    """An error, and the requests that meet it."""

    when: Condition
    status: int
    """With 200 the error arrives inside the answer, after a share of its text."""
    body: Body | Callable[[Asked], Body]
    headers: Mapping[str, str] | Callable[[], Mapping[str, str]] = field(default_factory=dict)
    times: int | None = None
    """How often the error occurs; it passes by itself. None: whenever the condition holds."""
    after: float = 0.0
    """The share of the text that is sent before the error; only with status 200."""
    event: str = ""
    """The name of the server-sent event that carries the error; only with status 200."""

    def body_for(self, asked: Asked) -> Body:
        return self.body(asked) if callable(self.body) else self.body

    def current_headers(self) -> Mapping[str, str]:
        return self.headers() if callable(self.headers) else self.headers


@dataclass(frozen=True)
class Preset:
    """The parameters with which a client that is configured by hand calls a server."""

    answer_format: str = "rich"
    """`rich` or `plain`, a JSON Schema with or without the rules in it; `json_object`, `text`."""
    without: tuple[str, ...] = ()
    limit_name: str = "max_tokens"
    max_tokens: int = 3_520
    """Enough for four days of the longest plan, which is what the service asks for."""
    folds_system_message: bool = False
    """Whether the rules stand in the user message."""


@dataclass(frozen=True)
class Dialect:
    """One kind of server, after a document or a report."""

    name: str
    server: str
    source: str
    """The address of the document or report that it is drawn from."""
    by_hand: str
    """What an operator sets who configures a client for this server by hand."""
    preset: Preset = field(default_factory=Preset)
    """The same, as parameters."""
    quoted: bool = True
    """Whether the source quotes the traffic that is replayed."""
    refusals: tuple[Refusal, ...] = ()
    """The first that applies is the answer."""
    speech: Speech = field(default_factory=Speech)
    problem: str | None = None
    """The code of the problem if nothing can work; None if roadmaps and answers can be had."""
    roadmap_problem: str | None = None
    """The code of a roadmap's problem, where it is another than a question's."""
    limits_calls_at_once: bool = False
    """Whether calls fail for how many there are. The first roadmap asks for each kind of thing once
    before it asks for more, so that the second one may be the first to meet that."""
    base_path: str = "/api/v1"
    """Where the operator points the service to; the server itself stands at `/api/v1`."""
    not_found: str = "404 page not found"
    """What the server says at any other address."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """The settings of the service that make waits as short as the clocks of this server."""

    @property
    def expected(self) -> tuple[str, str]:
        """How a roadmap and how a question end: `WORKS` or the code of a problem."""
        question = self.problem or WORKS
        return self.roadmap_problem or question, question

    @property
    def passing_errors(self) -> int:
        """How many calls fail under any client; each needs another call."""
        return sum(refusal.times or 0 for refusal in self.refusals)


# --- Conditions -----------------------------------------------------------------------------


def always(_asked: Asked) -> bool:
    return True


def has(*parameters: str) -> Condition:
    """Whether the request names any of these parameters."""
    return lambda asked: any(asked.body.get(name) is not None for name in parameters)


def asks_for(kind: str) -> Condition:
    return lambda asked: asked.kind == kind


def wants(*formats: str) -> Condition:
    """Whether the request asks for an answer in one of these formats."""
    return lambda asked: asked.answer_format in formats


def schema_has(*words: str) -> Condition:
    """Whether any of these words stands anywhere in the request's JSON Schema."""
    return lambda asked: not asked.schema_words().isdisjoint(words)


def bounds_over(longest: int) -> Condition:
    """Whether the schema bounds a text by more characters than this."""
    return lambda asked: asked.longest_bound() > longest


def has_system_message(asked: Asked) -> bool:
    return any(message["role"] == "system" for message in asked.body["messages"])


def never_says_json(asked: Asked) -> bool:
    """Whether `json_object` is wanted although no message contains the word, as OpenAI demands."""
    text = " ".join(message_text(message) for message in asked.body["messages"])
    return asked.answer_format == "json_object" and "json" not in text.lower()


def prompt_over(tokens: int) -> Condition:
    return lambda asked: asked.prompt_tokens > tokens


def total_over(tokens: int) -> Condition:
    """Whether the prompt and the longest answer together exceed the context."""
    return lambda asked: asked.prompt_tokens + (asked.token_limit or 0) > tokens


def limit_over(tokens: int) -> Condition:
    return lambda asked: (asked.token_limit or 0) > tokens


def more_at_once_than(calls: int) -> Condition:
    return lambda asked: asked.at_once > calls
