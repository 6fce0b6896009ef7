"""The dialect of a model's server: found out, remembered for a while, never assumed.

A dialect says how a call has to be put so that the server takes it. The first call is put in the
richest way. When the server refuses it, the table `_CHANGES` says what to change, by what the
server said, and the same call goes out again. What helped is a fact for half an hour.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from openai.types.chat import ChatCompletionMessageParam

from src.llm.openrouter.errors import CONTEXT_SIGNS, ContextTooSmallError
from src.llm.openrouter.formats import FORMAT_SIGNS, AnswerFormat, next_format, response_format
from src.llm.openrouter.schemas import AnswerShape
from src.llm.openrouter.server_errors import ServerError

Messages = Sequence[ChatCompletionMessageParam]

LimitName = Literal["max_tokens", "max_completion_tokens", "none"]

MIN_ANSWER_TOKENS = 256
"""An answer that is bounded to less than this is not worth a call: a day of tasks takes more."""

CONTEXT_RESERVE_TOKENS = 64
"""Left free in a small context, for the marks of a chat template."""

CHARACTERS_PER_TOKEN = 3.0
"""Fewer than English has (about 4), so that prompts are not taken for shorter than they are."""


@dataclass(frozen=True)
class Dialect:
    """How a call has to be put. The defaults are what an up-to-date server takes."""

    answer_format: AnswerFormat = "rich"
    limit_name: LimitName = "max_tokens"
    """The name of the parameter that limits the tokens of an answer."""
    most_tokens: int | None = None
    """The largest token limit that the server takes, if it is known to have one."""
    context: int | None = None
    """The tokens of prompt and answer together, if they are known to be few."""
    characters_per_token: float = CHARACTERS_PER_TOKEN
    """How many characters of a prompt take a token; it matters in a small context alone."""
    folds_system: bool = False
    """Whether the system message has to be the beginning of the user message."""
    left_out: frozenset[str] = frozenset()
    """Parameters that the server does not know."""
    thinking_tokens: int = 0
    """How many tokens of thinking the limit has to leave room for."""
    unopened_thinking: bool | None = None
    """Whether thinking may end in `</think>` without a beginning; None if nobody knows yet."""


@dataclass(frozen=True)
class Question:
    """What a call asks for, in whatever dialect."""

    model: str
    messages: Messages
    shape: AnswerShape | None
    """The JSON that is wanted, or None for prose."""
    max_tokens: int
    """The tokens that the answer needs, without thinking."""
    extra: Mapping[str, Any]
    """Parameters beyond OpenAI's."""

    @property
    def kind(self) -> str:
        """The name of the shape: servers may accept one schema and refuse another."""
        return self.shape.name if self.shape else "prose"

    def prompt_length(self) -> int:
        """Return the characters of the prompt."""
        return sum(len(str(message.get("content"))) for message in self.messages)

    def token_limit(self, dialect: Dialect) -> int:
        """Return the limit of tokens for answer and thinking together."""
        limits = [self.max_tokens + dialect.thinking_tokens]
        if dialect.most_tokens is not None:
            limits.append(dialect.most_tokens)
        if dialect.context is not None:
            prompt = int(self.prompt_length() / dialect.characters_per_token)
            left = dialect.context - prompt - CONTEXT_RESERVE_TOKENS
            # The estimate of the prompt may be too high by far; the server knows better.
            limits.append(max(left, MIN_ANSWER_TOKENS))
        return min(limits)

    def parameters(self, dialect: Dialect) -> dict[str, Any]:
        """Return the parameters of the call, without `model` and `messages`."""
        parameters: dict[str, Any] = {
            "stream": True,
            "stream_options": {"include_usage": True},
            **self.extra,
        }
        if dialect.limit_name != "none":
            parameters[dialect.limit_name] = self.token_limit(dialect)
        wanted = self.shape and response_format(dialect.answer_format, self.shape)
        if wanted:
            parameters["response_format"] = wanted
        return {name: parameters[name] for name in parameters.keys() - dialect.left_out}

    def messages_in(self, dialect: Dialect) -> list[Any]:
        """Return the messages, with the system message folded into the next one if needed."""
        if not dialect.folds_system or not self.messages or self.messages[0]["role"] != "system":
            return list(self.messages)
        rules, first, *others = self.messages
        text = f"{rules.get('content')}\n\n{first.get('content')}"
        return [{"role": "user", "content": text}, *others]


Change = Callable[[Dialect, Question, ServerError], Dialect | None]
"""Returns the dialect to try next, or None if that cannot help."""


def _rename_token_limit(dialect: Dialect, _: Question, said: ServerError) -> Dialect | None:
    if dialect.limit_name == "none":
        return None
    if dialect.limit_name == "max_tokens" and "max_completion_tokens" in said.signs:
        return replace(dialect, limit_name="max_completion_tokens")
    return replace(dialect, limit_name="none")


_MOST_TOKENS = re.compile(
    # As OpenAI says it ("supports at most 4096 completion tokens"), Groq ("must be less than or
    # equal to 8192"), DeepSeek ("the valid range of max_tokens is [1, 8192]") and OpenRouter.
    r"(?:at most|less than or equal to|can only afford|<=|range of \w+ is \[\d+,|maximum value"
    r"(?: is| of)?)\D{0,12}(\d+)",
    re.IGNORECASE,
)


def _lower_token_limit(dialect: Dialect, question: Question, said: ServerError) -> Dialect | None:
    sent = question.token_limit(dialect)
    named = _MOST_TOKENS.search(said.signs)
    most = int(named[1]) if named else sent // 2
    if not MIN_ANSWER_TOKENS <= most < sent:
        return None
    return replace(dialect, most_tokens=most)


_CONTEXT = re.compile(
    # vLLM, OpenAI, OpenRouter: "maximum context length is 4096 tokens"; llama.cpp: `n_ctx`;
    # llama-cpp-python: "exceed context window of 2048"; Groq: "Limit 6000, Requested 8000".
    r"(?:context (?:length|window|size)\D{0,20}|n_ctx=|Limit:? )(\d+)",
    re.IGNORECASE,
)
_PROMPT = re.compile(
    # vLLM, OpenAI: "(568 in the messages", "has 568 input tokens"; llama.cpp; LM Studio.
    r"n_prompt_tokens=(\d+)|(\d+) (?:in the messages|input tokens|of text input|tokens from the in)"
    r"|Requested tokens \((\d+)\)|first (\d+) tokens when context",
    re.IGNORECASE,
)


def _fit_context(dialect: Dialect, question: Question, said: ServerError) -> Dialect | None:
    """Lower the limit to what the context leaves.

    Raises:
        ContextTooSmallError: it leaves nothing, or the server refused a lower limit as well.
    """
    context, prompt = _CONTEXT.search(said.signs), _PROMPT.search(said.signs)
    sent = question.token_limit(dialect)
    if context and prompt:
        size = int(context[1])
        asked = int(next(filter(None, prompt.groups())))
        left = size - asked - CONTEXT_RESERVE_TOKENS
        if MIN_ANSWER_TOKENS <= left < sent:
            ratio = min(question.prompt_length() / max(asked, 1), dialect.characters_per_token)
            return replace(dialect, context=size, characters_per_token=ratio, most_tokens=left)
        raise ContextTooSmallError(
            f"the model's context of {size} tokens is too small: the prompt alone takes {asked}"
        )
    if dialect.context is None and dialect.most_tokens is None and sent > MIN_ANSWER_TOKENS:
        if context:
            dialect = replace(dialect, context=int(context[1]))
        return replace(dialect, most_tokens=max(sent // 2, MIN_ANSWER_TOKENS))
    size_text = f" of {context[1]} tokens" if context else ""
    raise ContextTooSmallError(f"the model's context{size_text} is too small for the question")


def _leave_out(name: str) -> Change:
    def leave_out(dialect: Dialect, question: Question, _: ServerError) -> Dialect | None:
        if name not in question.parameters(dialect):
            return None
        return replace(dialect, left_out=dialect.left_out | {name})

    return leave_out


def _leave_out_stream(dialect: Dialect, question: Question, said: ServerError) -> Dialect | None:
    # `stream_options` is allowed with `stream` alone.
    without = _leave_out("stream")(dialect, question, said)
    return without and replace(without, left_out=without.left_out | {"stream_options"})


def _fold_system(dialect: Dialect, question: Question, _: ServerError) -> Dialect | None:
    folded = replace(dialect, folds_system=True)
    return folded if question.messages_in(folded) != question.messages_in(dialect) else None


def _lower_format(dialect: Dialect, question: Question, said: ServerError) -> Dialect | None:
    if question.shape is None:
        return None
    lower = next_format(dialect.answer_format, said.signs, question.shape)
    return lower and replace(dialect, answer_format=lower)


_REFUSING_WORDS = re.compile(
    r"unsupported|unknown|unrecognized|unexpected|invalid|extra|forbidden"
    r"|not (?:supported|permitted|allowed|available)",
    re.IGNORECASE,
)


def _leave_out_named(dialect: Dialect, question: Question, said: ServerError) -> Dialect | None:
    """Leave out every other parameter that the error names."""
    if not _REFUSING_WORDS.search(said.signs):
        return None
    named = {
        name
        for name in question.parameters(dialect).keys() - {"stream"}
        if re.search(rf"\b{re.escape(name)}\b", said.signs)
    }
    return replace(dialect, left_out=dialect.left_out | named) if named else None


_LARGE_LIMIT_SIGNS = (
    r"max_(?:completion_)?tokens.{0,200}(?:at most|less than or equal|too large|<=|range"
    r"|maximum value)|can only afford"
)
_SYSTEM_SIGNS = (
    r"system (?:role|message|prompt|instruction)|developer instruction"
    r"|\brole\b.{0,20}system|roles? must alternate|only user\b.{0,30}\broles"
)

_CHANGES: tuple[tuple[str, Change], ...] = (
    (CONTEXT_SIGNS, _fit_context),
    (r"max_tokens.{0,200}max_completion_tokens.{0,30}instead", _rename_token_limit),
    (_LARGE_LIMIT_SIGNS, _lower_token_limit),
    (r"max_(?:completion_)?tokens", _rename_token_limit),
    (r"stream_options|include_usage", _leave_out("stream_options")),
    (r"\bstream(?:ing)?\b.{0,40}\bnot\b.{0,20}\b(?:allowed|supported)", _leave_out_stream),
    (_SYSTEM_SIGNS, _fold_system),
    (FORMAT_SIGNS, _lower_format),
    (r"", _leave_out_named),
)
"""What to change in a dialect, by signs in the server's error. The first that can help is used."""


def change_dialect(dialect: Dialect, question: Question, said: ServerError) -> Dialect | None:
    """Return the dialect to try after a refusal, or None if the error names nothing to change.

    Raises:
        ContextTooSmallError: no dialect makes the question fit into the context.
    """
    for signs, change in _CHANGES:
        if re.search(signs, said.signs, re.IGNORECASE | re.DOTALL):
            changed = change(dialect, question, said)
            if changed is not None:
                return changed
    return None


def bare_dialect(dialect: Dialect, question: Question) -> Dialect:
    """Return the dialect of the oldest servers: model, messages and `stream`, and no more."""
    return replace(
        dialect,
        answer_format="text",
        limit_name="none",
        folds_system=True,
        left_out=dialect.left_out | (question.parameters(dialect).keys() - {"stream"}),
    )
