"""From a learner's question to an answer about their roadmap."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from src.dao import Store
from src.errors import ModelTooSlowError, WeekNotFoundError
from src.llm import Assistant, AssistantContext
from src.models import AskAssistant, AssistantAnswer


class RoadmapAssistant:
    """Answers questions about a roadmap, a week of it, or a day."""

    def __init__(self, store: Store, assistant: Assistant, timeout_seconds: float) -> None:
        self._store = store
        self._assistant = assistant
        self._timeout_seconds = timeout_seconds

    async def context(self, asked: AskAssistant) -> AssistantContext:
        """Return what the question is about.

        Raises:
            RoadmapNotFoundError: the user has no such roadmap.
            WeekNotFoundError: the roadmap has no such week.
        """
        roadmap = await self._store.get_roadmap(asked.roadmap_id, asked.user_id)
        tasks = await self._store.list_tasks(asked.roadmap_id, asked.user_id)
        week = asked.week_number
        if week is not None and all(task.week_number != week for task in tasks):
            raise WeekNotFoundError(asked.roadmap_id, week)
        return AssistantContext(roadmap, tasks, week, asked.day_number)

    async def stream(
        self, question: str, context: AssistantContext
    ) -> AsyncGenerator[str | AssistantAnswer, None]:
        """Yield the answer's text piece by piece, then the whole answer.

        Raises:
            ModelError: no answer came about.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout_seconds
        async with aclosing(self._assistant.answer(question, context)) as parts:
            while True:
                try:
                    # Not around the loop: a timeout must not strike while the caller has control.
                    async with asyncio.timeout_at(deadline):
                        part = await anext(parts, None)
                except TimeoutError:
                    raise ModelTooSlowError(
                        f"no answer within {self._timeout_seconds:g} s"
                    ) from None
                if part is None:
                    return
                yield part

    async def ask(self, asked: AskAssistant) -> AssistantAnswer:
        """Return the answer.

        Raises:
            RoadmapNotFoundError: the user has no such roadmap.
            WeekNotFoundError: the roadmap has no such week.
            ModelError: no answer came about.
        """
        context = await self.context(asked)
        async with aclosing(self.stream(asked.input_data, context)) as parts:
            async for part in parts:
                if isinstance(part, AssistantAnswer):
                    return part
        raise AssertionError("unreachable: an assistant ends with the whole answer")
