"""Remembers the dialect of a model's server, and lets first calls share what they find out."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from typing import Any

from src.llm.openrouter.dialect import Dialect
from src.llm.openrouter.formats import ANSWER_FORMATS
from src.llm.openrouter.server_errors import ServerError

logger = logging.getLogger(__name__)

FACT_SECONDS = 1800.0
"""How long a fact counts: servers are updated, and routers choose other providers."""

FIRST_CONTACT_SECONDS = 10.0
"""How long calls wait for what the first one of their kind finds out."""

THINKING_RESERVE = 2
"""How much more room than the last thinking took is left for the next."""

MIN_THINKING_TOKENS = 4_096
"""The least room for thinking, once a model is known to think."""

MAX_THINKING_TOKENS = 32_000
"""The most room for thinking: about what the highest effort of OpenRouter's models takes."""

_LIMITS = ("max_tokens", "max_completion_tokens", "none")


def _union(values: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*values)


_MERGERS: dict[str, Callable[[list[Any]], Any]] = {
    "answer_format": lambda values: max(values, key=ANSWER_FORMATS.index),
    "limit_name": lambda values: max(values, key=_LIMITS.index),
    "most_tokens": min,
    "context": min,
    "characters_per_token": min,
    "folds_system": any,
    "left_out": _union,
    "thinking_tokens": max,
    "unopened_thinking": any,
}
"""How facts about several providers become one dialect. OpenRouter routes each call anew, so a
call has to suit every provider that may get it."""


@dataclass(frozen=True)
class _Fact:
    value: Any
    expires_at: float


class DialectMemory:
    """What this process knows about one model of one server."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._facts: dict[tuple[str, str | None], _Fact] = {}
        self._accepted: dict[str, float] = {}
        """The kinds of question that the server has accepted, and when that expires."""
        self._contacts: dict[str, asyncio.Event] = {}
        self.failures = 0
        """How often in a row the server has failed (5xx), or has given an empty completion."""
        self.last_failure: ServerError | None = None

    def dialect(self) -> Dialect:
        """Return the dialect that suits all that is known and has not expired."""
        now = self._clock()
        expired = [key for key, fact in self._facts.items() if fact.expires_at <= now]
        for key in expired:
            del self._facts[key]
        if any(name != "unopened_thinking" for name, _ in expired):
            self._accepted.clear()  # the next call finds out anew
        known: dict[str, list[object]] = {}
        for (name, _), fact in self._facts.items():
            known.setdefault(name, []).append(fact.value)
        return Dialect(**{name: _MERGERS[name](values) for name, values in known.items()})

    def learn(self, before: Dialect, after: Dialect, provider: str | None) -> None:
        """Remember for half an hour what differs between two dialects."""
        for name in (field.name for field in fields(Dialect)):
            value = getattr(after, name)
            if name == "most_tokens" and after.context != before.context:
                continue  # it follows from the context and the length of this one prompt
            if value != getattr(before, name):
                self._facts[name, provider] = _Fact(value, self._clock() + FACT_SECONDS)
                if name not in {"unopened_thinking", "thinking_tokens"}:
                    shown = sorted(value) if isinstance(value, frozenset) else value
                    logger.warning("the model's server: %s is %s from now on", name, shown)

    def note_failure(self, said: ServerError | None) -> None:
        """Note that the server has failed (5xx), or said nothing. That may pass: it is no fact."""
        self.failures += 1
        self.last_failure = said

    def learn_unopened_thinking(self, *, is_unopened: bool, provider: str | None) -> None:
        """Remember, or renew, whether thinking may end without a beginning."""
        fact = _Fact(is_unopened, self._clock() + FACT_SECONDS)
        self._facts["unopened_thinking", provider] = fact

    def learn_thinking(self, tokens: int, provider: str | None) -> None:
        """Remember how much the model thought before an answer, if it did."""
        key = ("thinking_tokens", provider)
        known = self._facts.get(key)
        if tokens and (known is None or known.value < tokens * THINKING_RESERVE):
            room = min(max(tokens * THINKING_RESERVE, MIN_THINKING_TOKENS), MAX_THINKING_TOKENS)
            self._facts[key] = _Fact(room, self._clock() + FACT_SECONDS)

    def accept(self, kind: str) -> None:
        """Note that the server has accepted a question of this kind; waiting calls go ahead."""
        self.failures, self.last_failure = 0, None
        self._accepted.setdefault(kind, self._clock() + FACT_SECONDS)
        if contact := self._contacts.get(kind):
            contact.set()

    def is_accepted(self, kind: str) -> bool:
        """Return whether the server has lately accepted a question of this kind."""
        return self._accepted.get(kind, 0.0) > self._clock()

    @asynccontextmanager
    async def contact(self, kind: str) -> AsyncIterator[None]:
        """Let the first call of a kind go ahead; others wait for it, but not for long."""
        self.dialect()  # forgets what has expired
        if self.is_accepted(kind):
            yield
            return
        if contact := self._contacts.get(kind):
            await _wait_briefly(contact)
            yield
            return
        self._contacts[kind] = contact = asyncio.Event()
        try:
            yield
        finally:
            contact.set()
            if self._contacts.get(kind) is contact:
                del self._contacts[kind]


async def _wait_briefly(event: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(FIRST_CONTACT_SECONDS):
            await event.wait()
    except TimeoutError:
        pass
