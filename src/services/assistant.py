"""From a learner's question to an answer about their roadmap."""

import asyncio
from uuid import UUID

from src.dao import Store
from src.errors import ModelTooSlowError, WeekNotFoundError
from src.llm import Assistant, AssistantContext


class RoadmapAssistant:
    """Answers questions about a roadmap, a week of it, or a day."""

    def __init__(self, store: Store, assistant: Assistant, timeout_seconds: float) -> None:
        self._store = store
        self._assistant = assistant
        self._timeout_seconds = timeout_seconds

    async def ask(
        self,
        user_id: UUID,
        roadmap_id: int,
        question: str,
        week_number: int | None,
        day_number: int | None,
    ) -> str:
        """Return the answer, as plain text.

        Raises:
            RoadmapNotFoundError: the user has no such roadmap.
            WeekNotFoundError: the roadmap has no such week.
            ModelError: no answer came about.
        """
        roadmap = await self._store.get_roadmap(roadmap_id, user_id)
        tasks = await self._store.list_tasks(roadmap_id, user_id)
        if week_number is not None and all(task.week_number != week_number for task in tasks):
            raise WeekNotFoundError(roadmap_id, week_number)
        context = AssistantContext(roadmap, tasks, week_number, day_number)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._assistant.answer(question, context)
        except TimeoutError:
            raise ModelTooSlowError(f"no answer within {self._timeout_seconds:g} s") from None
