"""The model calls of one roadmap: bounded in number, retried within one budget, measured."""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial

from src.domain.errors import ModelError, ModelOutputError
from src.llm.openrouter.client import Messages, OpenRouterClient
from src.llm.openrouter.item_reader import ItemReader
from src.llm.openrouter.schemas import AnswerShape

USAGE_WAIT_SECONDS = 3.0
"""How long a call may go on once its text holds all that was requested. Usage is reported last."""


@dataclass(frozen=True)
class Question:
    """One call for items.

    `accept` gets each item once it is complete and raises `ModelOutputError` for one that it
    refuses. `on_text` gets all the text so far after each piece.
    """

    messages: Messages
    shape: AnswerShape
    max_tokens: int
    accept: Callable[[object], None]
    on_text: Callable[[str], None] = lambda _: None


class RoadmapCalls:
    """Requests items from the model until all are there."""

    def __init__(
        self,
        client: OpenRouterClient,
        *,
        at_once: int,
        retries: int,
        timeout: float = math.inf,
        reserved_dollars: float = math.inf,
        usage_wait: float = USAGE_WAIT_SECONDS,
    ) -> None:
        """Allow so many calls at once, retries in all, and seconds until the roadmap's end."""
        self._client = client
        self._slots = asyncio.Semaphore(at_once)
        self._usage_wait = usage_wait
        self.meter = client.meter(retries, timeout, reserved_dollars)
        self.attempts = partial(client.attempts, self.meter)

    async def request_missing(
        self, missing: Callable[[], str], ask: Callable[[Sequence[str]], Question]
    ) -> None:
        """Ask until nothing is missing; not at all if nothing is.

        `missing` says in a sentence what is, or returns an empty text. `ask` gets the problems of
        the last answer and returns the question for what is missing now. Accepted items stay
        accepted, however their call ends.

        Raises:
            ModelError: something is still missing after all retries.
        """
        problems: list[str] = []
        async for attempt in self.attempts():
            with attempt:
                if not missing():
                    return
                problems = await self._request(ask(problems), missing)
                if fault := missing():
                    problems.append(fault)
                    raise ModelOutputError(f"the answer is incomplete: {problems[0]}")

    async def _request(self, question: Question, missing: Callable[[], str]) -> list[str]:
        """Make one call and return the problems of its items."""
        problems: list[str] = []
        reader = ItemReader(question.shape.items)
        async with self._slots:
            answer = self._client.stream(
                question.messages,
                shape=question.shape,
                max_tokens=question.max_tokens,
                meter=self.meter,
            )
            async with aclosing(answer) as pieces:
                try:
                    async for piece in pieces:
                        items = reader.feed(piece)
                        problems += _accept(items, question, missing)
                        question.on_text(reader.text)
                        if items and not missing():
                            await self._wait_for_usage(pieces)
                            return problems
                except ModelError:
                    # The text may be whole all the same, and only need a repair.
                    if reader.is_whole:
                        with suppress(ModelOutputError):
                            problems += _accept(await reader.finish(), question, missing)
                    if missing():
                        raise
                    return problems
        return problems + _accept(await reader.finish(), question, missing)

    async def _wait_for_usage(self, pieces: AsyncGenerator[str, None]) -> None:
        """Read on for a short time: all is there, however the rest of the stream ends."""
        with suppress(ModelError, TimeoutError):
            async with asyncio.timeout(self._usage_wait):
                async for _ in pieces:
                    pass


def _accept(items: Sequence[object], question: Question, missing: Callable[[], str]) -> list[str]:
    """Pass items on while something is missing, and return the problems of those refused."""
    problems = []
    for item in items:
        if not missing():
            break  # The others are surplus.
        try:
            question.accept(item)
        except ModelOutputError as error:
            problems.append(str(error))
    return problems
