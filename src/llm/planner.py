"""The planner over a language model: an outline, then its weeks; nothing of it is trusted."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import json_repair
from pydantic import BaseModel, ConfigDict, ValidationError

from src.errors import ModelOutputError
from src.llm import prompts
from src.llm.openrouter import Messages, OpenRouterClient, Shape
from src.models import (
    DAYS_PER_WEEK,
    Category,
    Effort,
    Outline,
    PlannedDay,
    PlannedTask,
    PlannedWeek,
    PlanRequest,
    WeekOutline,
)
from src.plan_rules import (
    TASKS_PER_DAY,
    outline_violations,
    same_text_key,
    week_violations,
)

ANSWERS = 3
"""How many answers the model may give to one question before the plan fails."""

TOKENS_PER_OUTLINED_WEEK = 160
TOKENS_PER_TASK = 160
"""Generous: a sentence and its JSON take about 60 tokens in English, twice that in some scripts."""

SHOWN_ANSWER_CHARACTERS = 8_000
SHOWN_PROBLEMS = 20
"""How much of a bad answer, and of what is wrong with it, is sent back."""

T = TypeVar("T")


class _Answer(BaseModel):
    # `strict` schemas must be closed; an extra that comes all the same does no harm.
    model_config = ConfigDict(extra="ignore", json_schema_extra={"additionalProperties": False})


class _WeekGoal(_Answer):
    week_number: int
    goal: str
    focus: list[str]


class _OutlineAnswer(_Answer):
    weeks: list[_WeekGoal]


class _Task(_Answer):
    text: str
    effort: Effort
    category: Category


class _Day(_Answer):
    day_number: int
    tasks: list[_Task]


class _WeekAnswer(_Answer):
    week_number: int
    days: list[_Day]


class OpenRouterPlanner:
    """Plans through OpenRouter, one week after the other."""

    name = "openrouter"

    def __init__(self, client: OpenRouterClient) -> None:
        self._client = client

    async def plan(self, request: PlanRequest) -> AsyncIterator[Outline | PlannedWeek]:
        outline = await self._ask(
            prompts.outline_messages(request),
            Shape("outline", _OutlineAnswer),
            (request.duration_weeks + 1) * TOKENS_PER_OUTLINED_WEEK,
            _read_outline,
            lambda outline: outline_violations(outline, request),
        )
        yield outline
        taken: frozenset[str] = frozenset()
        for week in outline.weeks:
            planned = await self._plan_week(request, outline, week, taken)
            taken |= {same_text_key(task.text) for day in planned.days for task in day.tasks}
            yield planned

    async def close(self) -> None:
        await self._client.close()

    async def _plan_week(
        self, request: PlanRequest, outline: Outline, week: WeekOutline, taken: frozenset[str]
    ) -> PlannedWeek:
        _fewest, most = TASKS_PER_DAY[request.level]
        return await self._ask(
            prompts.week_messages(request, outline, week),
            Shape("week", _WeekAnswer),
            most * DAYS_PER_WEEK * TOKENS_PER_TASK,
            lambda text: _read_week(text, week),
            lambda planned: week_violations(planned, week.week_number, request, taken),
        )

    async def _ask(
        self,
        messages: Messages,
        shape: Shape,
        max_tokens: int,
        read: Callable[[str], Awaitable[T]],
        violations: Callable[[T], list[str]],
    ) -> T:
        """Ask until an answer is valid; a bad one is sent back with what is wrong with it."""
        conversation = list(messages)
        problems: list[str] = []
        for _ in range(ANSWERS):
            try:
                text = await self._client.complete(conversation, shape=shape, max_tokens=max_tokens)
            except ModelOutputError as error:
                problems = [str(error)]
                continue
            try:
                answer = await read(text)
            except _UnreadableError as error:
                problems = error.problems
            else:
                problems = violations(answer)
                if not problems:
                    return answer
            # From the first question on: a chain of bad answers would be paid for again and again.
            conversation = [
                *messages,
                *prompts.repair_messages(text[:SHOWN_ANSWER_CHARACTERS], problems[:SHOWN_PROBLEMS]),
            ]
        # Problems speak of numbers and shapes, never in the learner's or the model's words.
        raise ModelOutputError(f"the {shape.name} stayed unusable: {problems[0]}")


class _UnreadableError(Exception):
    def __init__(self, problems: list[str]) -> None:
        super().__init__()
        self.problems = problems


async def _read_outline(text: str) -> Outline:
    answer = await _parse(text, _OutlineAnswer)
    return Outline(
        weeks=tuple(
            WeekOutline(
                week_number=week.week_number,
                goal=_one_line(week.goal),
                focus=tuple(map(_one_line, week.focus)),
            )
            for week in answer.weeks
        )
    )


async def _read_week(text: str, outline: WeekOutline) -> PlannedWeek:
    answer = await _parse(text, _WeekAnswer)
    return PlannedWeek(
        week_number=answer.week_number,
        goal=outline.goal,
        days=tuple(
            PlannedDay(
                day_number=day.day_number,
                tasks=tuple(
                    PlannedTask(
                        text=_one_line(task.text), effort=task.effort, category=task.category
                    )
                    for task in day.tasks
                ),
            )
            for day in answer.days
        ),
    )


A = TypeVar("A", bound=_Answer)


async def _parse(text: str, model: type[A]) -> A:
    try:
        try:
            parsed = json.loads(text)
        except ValueError:
            # Takes off fences and prose, and mends commas; what it guessed is validated like the
            # rest. In a thread, since it takes seconds on the worst of texts.
            parsed = await asyncio.to_thread(json_repair.loads, text)
    except RecursionError:
        raise _UnreadableError(["The answer is nested too deeply."]) from None
    try:
        return model.model_validate(parsed)
    except ValidationError as error:
        raise _UnreadableError(
            [
                f"{'.'.join(map(str, fault['loc'])) or 'The answer'}: {fault['msg']}"
                for fault in error.errors(include_input=False, include_url=False)
            ]
        ) from None


def _one_line(text: str) -> str:
    return " ".join(text.split())
