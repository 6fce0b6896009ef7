"""Answers a learner's question about their roadmap."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from src.dao import Store
from src.domain.errors import ModelTooSlowError, ShuttingDownError, StoreError, WeekNotFoundError
from src.domain.plan import ModelUsage
from src.domain.quotas import NewQuestion, QuotaSettings, Requester, quota_policies
from src.domain.roadmap import AssistantAnswer
from src.llm import Assistant, AssistantContext
from src.services.drain import Drain

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 1.0
"""How long a process that shuts down waits for the database to record the cost of answers."""


@dataclass
class AdmittedQuestion:
    """A question that may be sent to the model, and afterwards its usage."""

    text: str
    context: AssistantContext
    entry: NewQuestion
    usage: ModelUsage = field(default_factory=lambda: ModelUsage(model=""))


class AssistantService:
    """Answers questions about a roadmap, a week of it, or a day."""

    def __init__(
        self, store: Store, assistant: Assistant, quotas: QuotaSettings, timeout_seconds: float
    ) -> None:
        self._store = store
        self._assistant = assistant
        self._quotas = quota_policies(quotas, "question")
        self._reserved_dollars = quotas.reserved_dollars_per_question
        self._timeout_seconds = timeout_seconds
        self._recordings: set[asyncio.Task[None]] = set()
        self._drain = Drain()

    async def admit(
        self,
        requester: Requester,
        roadmap_id: int,
        text: str,
        *,
        week_number: int | None = None,
        day_number: int | None = None,
    ) -> AdmittedQuestion:
        """Admit a question, within the quotas, and return it with its context.

        Raises:
            RoadmapNotFoundError: the user has no such roadmap.
            WeekNotFoundError: the roadmap has no such week.
            LimitReachedError: the user, their address or the service has used up a quota.
            ShuttingDownError: this process is shutting down.
        """
        if self._drain.has_begun:
            raise ShuttingDownError
        stored = await self._store.get_roadmap_with_tasks(roadmap_id, requester.user_id)
        if week_number is not None and all(
            task.week_number != week_number for task in stored.tasks
        ):
            raise WeekNotFoundError(roadmap_id, week_number)
        entry = NewQuestion(requester=requester, reserved_dollars=self._reserved_dollars)
        await self._store.questions.begin(entry, self._quotas)
        context = AssistantContext(stored.roadmap, stored.tasks, week_number, day_number)
        return AdmittedQuestion(text, context, entry)

    async def stream(
        self, question: AdmittedQuestion
    ) -> AsyncGenerator[str | AssistantAnswer, None]:
        """Yield the answer's text piece by piece, then the whole answer.

        Raises:
            ModelError: the model gave no usable answer.
            ShuttingDownError: this process shuts down before the answer is complete.
        """
        try:
            async with aclosing(self._answer_parts(question)) as parts:
                async for part in parts:
                    yield part
        finally:
            # In a task of its own, so that a client that disconnects does not cancel it.
            recording = asyncio.create_task(self._record_cost(question))
            self._recordings.add(recording)
            recording.add_done_callback(self._recordings.discard)

    async def answer(self, question: AdmittedQuestion) -> AssistantAnswer:
        """Return the whole answer; raises what `stream` raises."""
        async with aclosing(self.stream(question)) as parts:
            async for part in parts:
                if isinstance(part, AssistantAnswer):
                    return part
        raise AssertionError("unreachable: an assistant ends with the whole answer")

    @property
    def is_busy(self) -> bool:
        """Whether any question is being answered."""
        return self._drain.has_waits

    def begin_drain(self, seconds: float) -> None:
        """Admit no new questions, and stop those that are not answered after so many seconds."""
        self._drain.begin(seconds)

    async def close(self) -> None:
        """Finish recording costs."""
        if self._recordings:
            await asyncio.wait(self._recordings, timeout=CLOSE_SECONDS)

    async def _answer_parts(
        self, question: AdmittedQuestion
    ) -> AsyncGenerator[str | AssistantAnswer, None]:
        def report(usage: ModelUsage) -> None:
            question.usage = usage

        deadline = asyncio.get_running_loop().time() + self._timeout_seconds
        answer = self._assistant.answer(question.text, question.context, report)
        async with aclosing(answer) as parts:
            while True:
                try:
                    # Not around the loop: no timeout may fire while the caller has control.
                    async with self._drain.raise_when_over(ShuttingDownError()):
                        async with asyncio.timeout_at(deadline):
                            part = await anext(parts, None)
                except TimeoutError:
                    raise ModelTooSlowError(
                        f"no answer within {self._timeout_seconds:g} s"
                    ) from None
                if part is None:
                    return
                yield part

    async def _record_cost(self, question: AdmittedQuestion) -> None:
        usage = question.usage
        try:
            await self._store.questions.finish(
                question.entry.question_id, usage, cost_known=usage.priced_calls >= usage.calls
            )
        except StoreError as error:
            # The question keeps counting with its reservation.
            logger.warning("could not record what a question cost: %s", type(error).__name__)
