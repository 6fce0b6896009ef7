"""From a learner's question to an answer about their roadmap."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from src.dao import Store
from src.domain.errors import ModelTooSlowError, ShuttingDownError, StoreError, WeekNotFoundError
from src.domain.plan import ModelUsage
from src.domain.quotas import Asker, NewQuestion
from src.domain.roadmap import AssistantAnswer
from src.llm import Assistant, AssistantContext
from src.routers.bodies import AskAssistant
from src.services.drain import Drain
from src.services.quotas import Allowances

logger = logging.getLogger(__name__)

CLOSING_SECONDS = 1.0
"""How long a process that ends waits for the database to take what answers have cost."""


@dataclass
class Question:
    """A question that may be put to the model, and what it has cost once it was."""

    text: str
    context: AssistantContext
    entry: NewQuestion
    usage: ModelUsage = field(default_factory=lambda: ModelUsage(model=""))


class RoadmapAssistant:
    """Answers questions about a roadmap, a week of it, or a day."""

    def __init__(
        self, store: Store, assistant: Assistant, allowances: Allowances, timeout_seconds: float
    ) -> None:
        self._store = store
        self._assistant = assistant
        self._allowances = allowances
        self._timeout_seconds = timeout_seconds
        self._entering: set[asyncio.Task[None]] = set()
        self._drain = Drain()

    async def question(self, asked: AskAssistant, client: str) -> Question:
        """Return a question that may be answered now, from a client address.

        Raises:
            RoadmapNotFoundError: the user has no such roadmap.
            WeekNotFoundError: the roadmap has no such week.
            LimitReachedError: the learner, their address or the service has had enough.
            ShuttingDownError: this process is about to end.
        """
        if self._drain.has_begun:
            raise ShuttingDownError
        roadmap = await self._store.get_roadmap(asked.roadmap_id, asked.user_id)
        tasks = await self._store.list_tasks(asked.roadmap_id, asked.user_id)
        week = asked.week_number
        if week is not None and all(task.week_number != week for task in tasks):
            raise WeekNotFoundError(asked.roadmap_id, week)
        entry = NewQuestion(
            asker=Asker(user_id=asked.user_id, client=client),
            reserved_dollars=self._allowances.dollars_per_question,
        )
        await self._store.questions.begin(entry, self._allowances.questions)
        context = AssistantContext(roadmap, tasks, week, asked.day_number)
        return Question(asked.input_data, context, entry)

    async def stream(self, question: Question) -> AsyncGenerator[str | AssistantAnswer, None]:
        """Yield the answer's text piece by piece, then the whole answer.

        Raises:
            ModelError: no answer came about.
            ShuttingDownError: this process ends before the answer does.
        """
        try:
            async with aclosing(self._parts(question)) as parts:
                async for part in parts:
                    yield part
        finally:
            # A task of its own: whoever leaves must not take the entry along.
            entering = asyncio.create_task(self._enter(question))
            self._entering.add(entering)
            entering.add_done_callback(self._entering.discard)

    async def answer(self, question: Question) -> AssistantAnswer:
        """Return the answer.

        Raises:
            ModelError: no answer came about.
            ShuttingDownError: this process ends before the answer does.
        """
        async with aclosing(self.stream(question)) as parts:
            async for part in parts:
                if isinstance(part, AssistantAnswer):
                    return part
        raise AssertionError("unreachable: an assistant ends with the whole answer")

    @property
    def is_busy(self) -> bool:
        """Whether the model is at an answer."""
        return self._drain.is_waited_for

    def leave(self, drain_seconds: float) -> None:
        """Take no more questions, and end what is not answered after so many seconds."""
        self._drain.begin(drain_seconds)

    async def close(self) -> None:
        """Finish entering what was spent."""
        if self._entering:
            # What is not entered goes on to count with what was reserved for it.
            await asyncio.wait(self._entering, timeout=CLOSING_SECONDS)

    async def _parts(self, question: Question) -> AsyncGenerator[str | AssistantAnswer, None]:
        def report(usage: ModelUsage) -> None:
            question.usage = usage

        deadline = asyncio.get_running_loop().time() + self._timeout_seconds
        answer = self._assistant.answer(question.text, question.context, report)
        async with aclosing(answer) as parts:
            while True:
                try:
                    # Not around the loop: a timeout must not strike while the caller has control.
                    async with self._drain.within(ShuttingDownError()):
                        async with asyncio.timeout_at(deadline):
                            part = await anext(parts, None)
                except TimeoutError:
                    raise ModelTooSlowError(
                        f"no answer within {self._timeout_seconds:g} s"
                    ) from None
                if part is None:
                    return
                yield part

    async def _enter(self, question: Question) -> None:
        try:
            await self._store.questions.finish(question.entry.question_id, question.usage)
        except StoreError as error:
            # It goes on to count with what was reserved for it.
            logger.warning("could not enter what a question cost: %s", type(error).__name__)
