"""Finds a dialect in which the server takes one question, in a bounded number of calls."""

from dataclasses import replace

from src.llm.openrouter.dialect import Dialect, Question, bare_dialect, change_dialect
from src.llm.openrouter.errors import CutWhileThinkingError, NoDialectError, RefusedError
from src.llm.openrouter.memory import (
    MAX_THINKING_TOKENS,
    MIN_THINKING_TOKENS,
    DialectMemory,
)

MAX_EXTRA_CALLS = 3
"""How many calls one question may need beyond those of a client that knows the dialect."""

THINKING_FACTOR = 4
"""How much larger the token limit becomes after thinking has used it up."""

MIN_SERVER_FAILURES = 2
"""How often in a row a server has to fail (5xx) before its failures may be refusals."""


class Negotiation:
    """The dialects of one question: the one to use now, and what follows from its failures."""

    def __init__(self, memory: DialectMemory, question: Question) -> None:
        self._memory = memory
        self._question = question
        self._known = memory.dialect()
        self._extra_calls = 0
        self._unexplained = 0
        """How many refusals named nothing that could be changed."""
        self._unproved: Dialect | None = None
        """The last dialect that only a success can justify to remember, if there is one."""
        self.dialect = self._known
        if memory.failures >= MIN_SERVER_FAILURES and not memory.is_accepted(question.kind):
            self.dialect = self._unproved = _try_without_cause(self._known, question, memory)

    def accept(self, provider: str | None) -> None:
        """Note that the server has accepted the question in this dialect."""
        kind = self._question.kind
        # If the server accepted the kind before, it refused this one for a reason that may pass.
        if self._unproved is not None and not self._memory.is_accepted(kind):
            self._memory.learn(self._known, self._unproved, provider)
        self._memory.accept(kind)

    def change(self, refusal: RefusedError) -> None:
        """Choose the dialect for the next call after a refusal.

        Raises:
            ModelMisconfiguredError: no further call is worthwhile; the subclass says why.
        """
        self._count_extra_call(refusal)
        if self._extra_calls == MAX_EXTRA_CALLS and self._unexplained:
            changed: Dialect | None = None
        else:
            changed = change_dialect(self.dialect, self._question, refusal.said)
        if changed is not None:
            # The server named what it refuses, which is a fact whatever the next call brings.
            self._memory.learn(self.dialect, changed, refusal.said.provider)
            self.dialect = changed
            self._unproved = self._unproved and changed
        else:
            self._change_unexplained()

    def widen(self, error: CutWhileThinkingError) -> None:
        """Leave more room for thinking.

        Raises:
            CutWhileThinkingError: there is no more room.
        """
        sent = self._question.token_limit(self.dialect)
        room = max(self._question.max_tokens, self.dialect.thinking_tokens) * THINKING_FACTOR
        wider = replace(
            self.dialect,
            thinking_tokens=min(max(room, MIN_THINKING_TOKENS), MAX_THINKING_TOKENS),
        )
        if self._question.token_limit(wider) <= sent or self._extra_calls >= MAX_EXTRA_CALLS:
            raise error
        self._extra_calls += 1
        self._memory.learn(self.dialect, wider, None)
        self.dialect = wider
        self._unproved = self._unproved and wider

    def _count_extra_call(self, refusal: RefusedError) -> None:
        if self._extra_calls >= MAX_EXTRA_CALLS:
            raise NoDialectError(
                f"{refusal}, in every dialect that was tried; the log has the server's words"
            ) from refusal
        self._extra_calls += 1

    def _change_unexplained(self) -> None:
        """Repeat the call once, since the refusal may pass; then leave out what may be refused."""
        self._unexplained += 1
        if self._unexplained == 1 and self._extra_calls < MAX_EXTRA_CALLS:
            return
        if self._extra_calls < MAX_EXTRA_CALLS and self.dialect.answer_format != "text":
            self.dialect = replace(self.dialect, answer_format="text")
        else:
            self.dialect = bare_dialect(self.dialect, self._question)
        self._unproved = self.dialect


def _try_without_cause(known: Dialect, question: Question, memory: DialectMemory) -> Dialect:
    """Return the dialect to try after the server has failed several times in a row."""
    said = memory.last_failure
    changed = said and change_dialect(known, question, said)
    return changed or replace(known, answer_format="text")
