"""The model calls of one roadmap: bounded in number, retried within one budget, measured."""

import asyncio
import math
from collections.abc import Callable
from contextlib import aclosing
from functools import partial

from src.domain.errors import ModelOutputError
from src.llm.openrouter.answers import ItemReader
from src.llm.openrouter.client import Messages, OpenRouterClient
from src.llm.openrouter.schemas import AnswerShape


class RoadmapCalls:
    """Requests lists of items from the model."""

    def __init__(
        self, client: OpenRouterClient, *, at_once: int, retries: int, timeout: float = math.inf
    ) -> None:
        """Allow so many calls at once, retries in all, and seconds until the roadmap's end."""
        self._client = client
        self._slots = asyncio.Semaphore(at_once)
        self.meter = client.meter(retries, timeout)
        self.attempts = partial(client.attempts, self.meter)

    async def request_items(
        self,
        messages: Messages,
        shape: AnswerShape,
        max_tokens: int,
        accept: Callable[[object], None],
        on_text: Callable[[str], None] = lambda _: None,
    ) -> list[str]:
        """Make one call, pass each item to `accept` once it is complete, and return the problems.

        `accept` raises `ModelOutputError` for an item that it refuses. Accepted items stay accepted
        even if the rest of the answer fails. `on_text` gets all the text so far after each piece.

        Raises:
            ModelError: the call failed, or its text holds no items.
        """
        problems: list[str] = []
        reader = ItemReader(shape.items)

        def accept_all(items: list[object]) -> None:
            for item in items:
                try:
                    accept(item)
                except ModelOutputError as error:
                    problems.append(str(error))

        async with self._slots:
            answer = self._client.stream(
                messages, shape=shape, max_tokens=max_tokens, meter=self.meter
            )
            async with aclosing(answer) as pieces:
                async for piece in pieces:
                    accept_all(reader.feed(piece))
                    on_text(reader.text)
        accept_all(await reader.finish())
        return problems
