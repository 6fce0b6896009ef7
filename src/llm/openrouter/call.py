"""One call to the model's server, and what is known of it so far."""

import time
from dataclasses import dataclass

from src.domain.errors import ModelDeclinedError, ModelOutputError
from src.llm.openrouter.chunks import Chunk
from src.llm.openrouter.dialect import Dialect, Question
from src.llm.openrouter.errors import CutWhileThinkingError, check_finish_reason, was_cut
from src.llm.openrouter.usage import UsageMeter, reasoning_tokens, token_count

THINKING_CHARACTERS_PER_TOKEN = 3
"""Fewer than English has, so that the room for thinking is rather too large."""

SHORT_TEXT_FACTOR = 4
"""A cut text with fewer characters than a quarter of its token limit cannot have used that up."""

MAX_CHARACTERS_PER_TOKEN = 6
"""More than the average of any real text; English has about four."""


@dataclass
class Call:
    """A question in one dialect; it counts in the meter once it has started."""

    question: Question
    dialect: Dialect
    meter: UsageMeter
    number: int = 0
    """The call's number in the meter; it counts from 1."""
    started_at: float = 0.0
    at_once: int = 1
    """How many calls to the server ran when this one started, itself included."""
    first_token_at: float | None = None
    """When text or thinking first arrived, on the clock of `time.monotonic`; None before."""
    text_length: int = 0
    """In characters, without thinking."""
    has_text: bool = False
    """Whether the answer has any text beside thinking and blanks."""
    finish_reason: str | None = None
    provider: str | None = None
    thinking_length: int = 0
    """In characters."""
    hidden_tokens: int = 0
    """The tokens that the server reports as thinking."""
    completion_tokens: int = 0
    was_refused: bool = False

    def start(self, at_once: int) -> None:
        """Count the call, which is one of so many at once, and start its clock."""
        self.at_once = at_once
        self.meter.calls += 1
        self.number = self.meter.calls
        self.started_at = time.monotonic()

    def take_text(self, text: str) -> None:
        """Count text of the answer.

        Raises:
            ModelOutputError: it is more than was requested; a server may ignore its token limit.
        """
        self.text_length += len(text)
        if self.text_length > self.question.max_tokens * MAX_CHARACTERS_PER_TOKEN:
            raise ModelOutputError("more output than was requested")
        self.has_text = self.has_text or bool(text.strip())

    def record(self, chunk: Chunk) -> None:
        """Keep what a chunk says beside its text."""
        self.meter.record_chunk(self.number, chunk)
        self.finish_reason = chunk.finish_reason or self.finish_reason
        self.provider = chunk.provider or self.provider
        self.thinking_length += chunk.thinking
        self.was_refused = self.was_refused or chunk.refused
        if chunk.usage is not None:
            self.hidden_tokens = max(self.hidden_tokens, reasoning_tokens(chunk.usage))
            tokens = token_count(chunk.usage.get("completion_tokens")) or 0
            self.completion_tokens = max(self.completion_tokens, tokens)

    @property
    def thinking_tokens(self) -> int:
        """About how many tokens the model has thought; 0 if it showed no sign of thinking."""
        return max(
            self.hidden_tokens,
            self.thinking_length // THINKING_CHARACTERS_PER_TOKEN,
            self._unaccounted_tokens(),
        )

    def _unaccounted_tokens(self) -> int:
        """Return the tokens of a cut completion that neither text nor visible thinking explains."""
        if not was_cut(self.finish_reason) or self.dialect.limit_name == "none":
            return 0
        limit = self.question.token_limit(self.dialect)
        is_short = self.text_length * SHORT_TEXT_FACTOR < limit
        return limit - self.text_length if is_short else 0

    def check_end(self) -> None:
        """Raise a `ModelError` if the completion ended badly."""
        if self.was_refused and not self.has_text:
            raise ModelDeclinedError("the model refused to answer")
        if was_cut(self.finish_reason) and not self.has_text:
            raise CutWhileThinkingError("the output was cut at its token limit before any text")
        check_finish_reason(self.finish_reason, has_text=self.has_text)
