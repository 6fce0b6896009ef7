"""The two protocols of the language model, and the choice between their implementations."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from src.domain.generation import PlannedPart
from src.domain.plan import ModelUsage, PlanRequest
from src.domain.roadmap import AssistantAnswer, Roadmap, Task
from src.settings import Settings

PlanPart: TypeAlias = PlannedPart | ModelUsage


class Planner(Protocol):
    """Turns a request into a plan."""

    @property
    def name(self) -> str:
        """What makes the plans, in one word: `offline` or `openrouter`."""

    def plan(
        self, request: PlanRequest, known: Sequence[PlannedPart] = ()
    ) -> AsyncGenerator[PlanPart, None]:
        """Yield the outline, every day and every week as soon as each is finished.

        Each comes exactly once and satisfies `src.domain.plan_rules`. A week comes after its days;
        otherwise the order is free. `known` are the parts that an earlier planning of the same
        request has yielded; they are neither planned nor yielded again.

        The usage so far comes in between, and at the end, also before an error. A caller that stops
        early has to close the generator, which cancels all calls to the model.

        Raises:
            ModelError: the model gave no valid plan; the subclass says why.
        """

    async def close(self) -> None:
        """Release the connections. The planner is not used afterwards."""


@dataclass(frozen=True)
class AssistantContext:
    """What a question is about.

    `tasks` are all tasks of the roadmap, ordered by week, day and position in the day.
    `week_number` and `day_number` narrow the question, or are None; a day without a week means that
    day of every week.
    """

    roadmap: Roadmap
    tasks: Sequence[Task]
    week_number: int | None
    day_number: int | None

    def tasks_in_scope(self) -> list[Task]:
        """Return the tasks of that week or day, in order; may be empty."""
        return [
            task
            for task in self.tasks
            if self.week_number in (None, task.week_number)
            and self.day_number in (None, task.day_number)
        ]


class Assistant(Protocol):
    """Answers a question about a roadmap."""

    def answer(
        self, question: str, context: AssistantContext, report: Callable[[ModelUsage], None]
    ) -> AsyncGenerator[str | AssistantAnswer, None]:
        """Yield the answer's text piece by piece, then the whole answer, which is never empty.

        The pieces joined are the text of the answer. A caller that stops early has to close the
        generator. However it ends, `report` is called once with the usage, except offline.

        Raises:
            ModelError: the model gave no answer; the subclass says why.
        """

    async def close(self) -> None:
        """Release the connections. The assistant is not used afterwards."""


def open_models(settings: Settings) -> tuple[Planner, Assistant]:
    """Return a planner and an assistant: OpenRouter's if there is a key, else the offline ones."""
    # Imported here because the SDK alone takes a second to import.
    if settings.openai_api_key:
        from src.llm.openrouter.assistant import OpenRouterAssistant  # noqa: PLC0415
        from src.llm.openrouter.client import OpenRouterClient  # noqa: PLC0415
        from src.llm.openrouter.planner import OpenRouterPlanner  # noqa: PLC0415

        client = OpenRouterClient(
            base_url=settings.openai_base_url,
            api_key=settings.openai_api_key.get_secret_value(),
            model=settings.openai_model,
            call_timeout=settings.model_call_timeout_seconds,
            idle_timeout=settings.model_idle_timeout_seconds,
            retry_wait=settings.model_retry_wait_seconds,
            fallback_models=settings.openai_fallback_models,
            max_calls=settings.model_calls_per_process,
        )
        planner = OpenRouterPlanner(
            client,
            settings.model_calls_per_roadmap,
            settings.generation_timeout_seconds,
            settings.reserved_dollars_per_week,
        )
        assistant = OpenRouterAssistant(
            client,
            web_search=settings.assistant_web_search,
            timeout=settings.answer_timeout_seconds,
            reserved_dollars=settings.reserved_dollars_per_question,
        )
        return planner, assistant
    from src.llm.offline.assistant import OfflineAssistant  # noqa: PLC0415
    from src.llm.offline.planner import OfflinePlanner  # noqa: PLC0415

    return OfflinePlanner(), OfflineAssistant()
