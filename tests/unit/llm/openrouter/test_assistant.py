"""The assistant over a model: what it asks, and what of the answer a learner gets."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from src.domain.errors import ModelOutputError, ModelUnavailableError
from src.domain.plan import ModelUsage
from src.domain.roadmap import AssistantAnswer, Roadmap, Source, Task
from src.llm import AssistantContext
from src.llm.openrouter.assistant import (
    CHARACTERS_PER_TOKEN,
    MAX_ANSWER_LENGTH,
    MAX_CONTEXT_TOKENS,
    MAX_RETRIES,
    OpenRouterAssistant,
)
from src.llm.openrouter.client import OpenRouterClient
from tests.support.standin import OpenRouterStandIn, Pace
from tests.support.standin.calls import Call
from tests.support.standin.completion import Completion
from tests.support.standin.misbehaviours import Reply

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROADMAP = Roadmap(
    roadmap_id=1,
    user_id=uuid4(),
    description="Learn Rust",
    level="intermediate",
    duration_weeks=2,
    daily_hours=1.5,
    is_active=True,
    created_at=NOW,
)


class EchoCompletion(Completion):
    """Answers each question with the question itself, whatever its length."""

    def __init__(self, call: Call, reply: Reply, pace: Pace) -> None:
        super().__init__(call, replace(reply, content=call.facts["question"]), pace)


class EchoStandIn(OpenRouterStandIn):
    completion = EchoCompletion


@pytest.fixture(scope="module")
def shared_standin() -> Iterator[OpenRouterStandIn]:
    with EchoStandIn() as standin:
        yield standin


@pytest.fixture
def standin(shared_standin: OpenRouterStandIn) -> OpenRouterStandIn:
    shared_standin.reset()
    return shared_standin


@pytest.fixture
def build(standin: OpenRouterStandIn) -> Callable[..., OpenRouterAssistant]:
    def build(*, web_search: bool = False) -> OpenRouterAssistant:
        client = OpenRouterClient(
            base_url=standin.base_url,
            api_key=standin.api_key,
            model="openai/gpt-4o-mini",
            call_timeout=10,
            idle_timeout=5,
            retry_wait=0.01,
        )
        return OpenRouterAssistant(client, web_search=web_search)

    return build


@pytest.fixture
async def assistant(
    build: Callable[..., OpenRouterAssistant],
) -> AsyncIterator[OpenRouterAssistant]:
    assistant = build()
    yield assistant
    await assistant.close()


def tasks_of(
    weeks: int, tasks_per_day: int, *, completed: int = 0, text: str = "Read."
) -> list[Task]:
    """Return all tasks of a roadmap, of which the first ones are completed."""
    places = [
        (week, day)
        for week in range(1, weeks + 1)
        for day in range(1, 8)
        for _ in range(tasks_per_day)
    ]
    return [
        Task(
            id=str(number),
            roadmap_id=1,
            week_number=week,
            weekly_goal=f"Goal {week}",
            day_number=day,
            task_text=f"{number}: {text}",
            effort="light",
            category="reading",
            completed=number < completed,
            completed_at=NOW if number < completed else None,
            created_at=NOW,
        )
        for number, (week, day) in enumerate(places)
    ]


def context(
    tasks: list[Task] | None = None, week: int | None = None, day: int | None = None
) -> AssistantContext:
    return AssistantContext(
        roadmap=ROADMAP, tasks=tasks or tasks_of(2, 1), week_number=week, day_number=day
    )


async def collect(
    assistant: OpenRouterAssistant,
    question: str,
    pieces: list[str | AssistantAnswer],
    about: AssistantContext,
) -> ModelUsage:
    """Ask, collect the answer's pieces, and return the usage, which is reported once."""
    reports: list[ModelUsage] = []
    try:
        async for piece in assistant.answer(question, about, reports.append):
            pieces.append(piece)  # noqa: PERF401  also those before an error
    finally:
        (usage,) = reports
    return usage


async def answered(
    assistant: OpenRouterAssistant, question: str, about: AssistantContext | None = None
) -> tuple[list[str | AssistantAnswer], AssistantAnswer]:
    """Return an answer's pieces and the whole answer."""
    pieces: list[str | AssistantAnswer] = []
    await collect(assistant, question, pieces, about or context())
    *texts, answer = pieces
    assert isinstance(answer, AssistantAnswer)
    assert "".join(map(str, texts)) == answer.response
    return texts, answer


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Take the next task.\n\nThen rest.", "Take the next task.\n\nThen rest."),
        (" \n\n Start at once.", "Start at once."),
        ("**Read** [the book](https://x.example/a) first.", "Read the book first."),
        ("Go to https://x.example/a now.", "Go to now."),
        ("`let x = 1;` 🦀", "let x = 1; 🦀"),
    ],
)
async def test_answer_is_plain_text(
    assistant: OpenRouterAssistant, written: str, read: str
) -> None:
    """Without links, markup and leading blanks; the pieces joined are the answer."""
    pieces, answer = await answered(assistant, written)
    assert answer == AssistantAnswer(response=read)
    assert all(pieces)


async def test_long_answer_is_cut(assistant: OpenRouterAssistant) -> None:
    """A server may ignore the bound on the output."""
    _, answer = await answered(assistant, "A word. " * 1_200)
    assert len(answer.response) == MAX_ANSWER_LENGTH
    assert answer.response.endswith("…")


@pytest.mark.parametrize("empty", ["", " \n ", "https://x.example/a"])
async def test_answer_without_text_is_an_error(
    assistant: OpenRouterAssistant, standin: OpenRouterStandIn, empty: str
) -> None:
    """After as many retries as there are, none of which the learner sees."""
    pieces: list[str | AssistantAnswer] = []
    with pytest.raises((ModelOutputError, ModelUnavailableError)):
        await collect(assistant, empty, pieces, context())
    assert pieces == []
    assert len(standin.calls.all()) == 1 + MAX_RETRIES


async def test_failure_before_the_first_word_is_repeated(
    assistant: OpenRouterAssistant, standin: OpenRouterStandIn
) -> None:
    standin.script.fail_next("status_502", times=2)
    _, answer = await answered(assistant, "Go on.")
    assert answer.response == "Go on."
    assert len(standin.calls.all()) == 3


async def test_failure_after_the_first_word_is_not_repeated(
    assistant: OpenRouterAssistant, standin: OpenRouterStandIn
) -> None:
    """The learner has read it; another answer would begin differently."""
    await answered(assistant, "Go on.")  # the first answer of all is held back until its end
    standin.calls.reset()
    standin.script.fail_next("mid_stream_error")
    pieces: list[str | AssistantAnswer] = []
    with pytest.raises(ModelUnavailableError):
        await collect(assistant, "One sentence. " * 400, pieces, context())
    assert pieces
    assert len(standin.calls.all()) == 1


async def test_web_search_cites_its_pages(
    build: Callable[..., OpenRouterAssistant], standin: OpenRouterStandIn
) -> None:
    searching = build(web_search=True)
    _, answer = await answered(searching, "Where?")
    assert answer.sources == (Source(title="Getting started", url="https://docs.example/start"),)
    await searching.close()
    (call,) = standin.calls.all()
    assert call.body["plugins"] == [{"id": "web"}]


async def facts_for(
    assistant: OpenRouterAssistant, standin: OpenRouterStandIn, about: AssistantContext
) -> dict[str, Any]:
    """Return what the prompt of a question about this states."""
    await answered(assistant, "What next?", about)
    return standin.calls.all()[-1].facts


async def test_prompt_states_the_roadmap(
    assistant: OpenRouterAssistant, standin: OpenRouterStandIn
) -> None:
    """All weeks in sum, and the tasks of the scope alone."""
    facts = await facts_for(assistant, standin, context(tasks_of(2, 1, completed=3), week=2, day=7))
    assert facts["question"] == "What next?"
    assert facts["scope"] == {"week": 2, "day": 7}
    assert facts["roadmap"]["goal"] == "Learn Rust"
    assert facts["weeks"] == [
        {"week": 1, "goal": "Goal 1", "tasks": 7, "completed": 3},
        {"week": 2, "goal": "Goal 2", "tasks": 7, "completed": 0},
    ]
    assert [task["text"] for task in facts["tasks"]] == ["13: Read."]


async def test_prompt_of_a_year_keeps_its_budget(
    assistant: OpenRouterAssistant, standin: OpenRouterStandIn
) -> None:
    """It has whole tasks from the first open one on, in their order, and every week's sum."""
    tasks = tasks_of(52, 6, completed=1_000, text="Read a chapter. " * 20)
    facts = await facts_for(assistant, standin, context(tasks))
    prompt = standin.calls.all()[-1].messages[-1]["content"]
    assert len(prompt) <= MAX_CONTEXT_TOKENS * CHARACTERS_PER_TOKEN + 100
    assert len(facts["weeks"]) == 52
    shown = [int(task["text"].partition(":")[0]) for task in facts["tasks"]]
    assert len(shown) > 20
    assert shown == list(range(1_000, 1_000 + len(shown)))


async def test_prompt_of_an_almost_finished_year_shows_earlier_tasks_too(
    assistant: OpenRouterAssistant, standin: OpenRouterStandIn
) -> None:
    """What the open ones leave of the budget goes to the first ones."""
    tasks = tasks_of(52, 6, completed=2_180)
    facts = await facts_for(assistant, standin, context(tasks))
    shown = [int(task["text"].partition(":")[0]) for task in facts["tasks"]]
    assert shown[-4:] == [2_180, 2_181, 2_182, 2_183]
    assert shown[:-4] == list(range(len(shown) - 4))
    assert len(shown) > 20
