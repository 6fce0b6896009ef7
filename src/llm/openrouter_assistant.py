"""The assistant over a language model: the roadmap within a budget, and a question about it."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from src.llm import AssistantContext, prompts
from src.llm.openrouter import OpenRouterClient
from src.models import Task

CONTEXT_CHARACTERS = 24_000
"""For the tasks in scope, about 6,000 tokens: weeks are always told by goal and count, tasks in
full from the first open one on, as many as fit."""

MAX_ANSWER_TOKENS = 2_000


class OpenRouterAssistant:
    """Answers through OpenRouter."""

    def __init__(self, client: OpenRouterClient) -> None:
        self._client = client

    async def answer(self, question: str, context: AssistantContext) -> str:
        messages = prompts.question_messages(_facts(question, context))
        text = await self._client.complete(messages, shape=None, max_tokens=MAX_ANSWER_TOKENS)
        return text.strip()

    async def close(self) -> None:
        await self._client.close()


def _facts(question: str, context: AssistantContext) -> dict[str, Any]:
    roadmap = context.roadmap
    return {
        "question": question,
        "scope": {"week_number": context.week_number, "day_number": context.day_number},
        "roadmap": {
            "goal": roadmap.description,
            "level": roadmap.level,
            "duration_weeks": roadmap.duration_weeks,
            "daily_hours": roadmap.daily_hours,
        },
        "weeks": _weeks(context.tasks),
        "tasks": _within_budget(context.tasks_in_scope()),
    }


def _weeks(tasks: Sequence[Task]) -> list[dict[str, Any]]:
    grouped = groupby(tasks, key=lambda task: (task.week_number, task.weekly_goal))
    weeks = []
    for (number, goal), group in grouped:
        done = [task.completed for task in group]
        weeks.append({"week": number, "goal": goal, "tasks": len(done), "completed": sum(done)})
    return weeks


def _within_budget(tasks: list[Task]) -> list[dict[str, Any]]:
    first_open = next((i for i, task in enumerate(tasks) if not task.completed), 0)
    budget = CONTEXT_CHARACTERS
    told = []
    for task in tasks[first_open:] + tasks[:first_open]:
        budget -= len(task.task_text) + 80  # the JSON around it
        if budget < 0:
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
