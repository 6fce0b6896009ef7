"""The assistant over a language model: the roadmap within a budget, and a question about it."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from itertools import groupby
from typing import Any

from src.llm import AssistantContext, prompts
from src.llm.answers import PlainProse
from src.llm.openrouter import Messages, Meter, OpenRouterClient
from src.models import AssistantAnswer, Source, Task

CONTEXT_TOKENS = 6_000
"""What the roadmap may take of a prompt, whatever its size: every week by its goal and counts, and
tasks in full from the first open one on, as many as fit."""

TOKEN_CHARACTERS = 4
"""About right for English; other scripts take more tokens, within what any model holds."""

RETRIES = 5

MAX_ANSWER_TOKENS = 2_000


class OpenRouterAssistant:
    """Answers through OpenRouter."""

    def __init__(self, client: OpenRouterClient, *, web_search: bool = False) -> None:
        """With `web_search`, OpenRouter looks pages up, at extra cost, and cites them."""
        self._client = client
        self._extra_body = {"plugins": [{"id": "web"}]} if web_search else None

    async def answer(
        self, question: str, context: AssistantContext
    ) -> AsyncGenerator[str | AssistantAnswer, None]:
        messages = prompts.question_messages(_facts(question, context))
        meter = self._client.meter(RETRIES)
        pieces, piece = await self._begun(messages, meter)
        prose = PlainProse()
        told: list[str] = []
        # From here on a failure cannot be mended unseen: the first words are out.
        async with aclosing(pieces):
            while piece is not None:
                if plain := prose.feed(piece):
                    told.append(plain)
                    yield plain
                piece = await anext(pieces, None)
        told.append(prose.finish())
        yield told[-1]
        sources = (Source(title=title, url=url) for url, title in meter.citations.items())
        yield AssistantAnswer(response="".join(told), sources=tuple(sources))

    async def close(self) -> None:
        await self._client.close()

    async def _begun(
        self, messages: Messages, meter: Meter
    ) -> tuple[AsyncGenerator[str, None], str | None]:
        """Return an answer that has begun, and its first piece; what fails before is retried."""
        async for attempt in self._client.attempts(meter):
            with attempt:
                pieces = self._client.stream(
                    messages,
                    shape=None,
                    max_tokens=MAX_ANSWER_TOKENS,
                    meter=meter,
                    extra_body=self._extra_body,
                )
                first = await anext(pieces)
        return pieces, first


def _facts(question: str, context: AssistantContext) -> dict[str, Any]:
    roadmap = context.roadmap
    facts = {
        "question": question,
        "scope": {"week": context.week_number, "day": context.day_number},
        "roadmap": {
            "goal": roadmap.description,
            "level": roadmap.level,
            "duration_weeks": roadmap.duration_weeks,
            "daily_hours": roadmap.daily_hours,
        },
        "weeks": _weeks(context.tasks),
    }
    left = CONTEXT_TOKENS * TOKEN_CHARACTERS - len(json.dumps(facts, ensure_ascii=False))
    return facts | {"tasks": _within(left, context.tasks_in_scope())}


def _weeks(tasks: Sequence[Task]) -> list[dict[str, Any]]:
    grouped = groupby(tasks, key=lambda task: (task.week_number, task.weekly_goal))
    weeks = []
    for (number, goal), group in grouped:
        done = [task.completed for task in group]
        weeks.append({"week": number, "goal": goal, "tasks": len(done), "completed": sum(done)})
    return weeks


def _within(characters: int, tasks: list[Task]) -> list[dict[str, Any]]:
    first_open = next((i for i, task in enumerate(tasks) if not task.completed), 0)
    told = []
    for task in tasks[first_open:] + tasks[:first_open]:
        characters -= len(task.task_text) + 80  # the JSON around it
        if characters < 0:
            break
        told.append(task)
    told.sort(key=lambda task: (task.week_number, task.day_number))
    return [
        {
            "week": task.week_number,
            "day": task.day_number,
            "text": task.task_text,
            "effort": task.effort,
            "category": task.category,
            "completed": task.completed,
        }
        for task in told
    ]
