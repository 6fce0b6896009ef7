"""The assistant over a language model: a question, with its roadmap within a token budget."""

import math
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from itertools import groupby, islice
from operator import itemgetter
from typing import Any
from urllib.parse import urlsplit

from src.domain.errors import ModelOutputError
from src.domain.plan import ModelUsage
from src.domain.roadmap import AssistantAnswer, Source, Task
from src.domain.vocabulary import MAX_GOAL_LENGTH, MAX_TASK_LENGTH, MAX_WEEKS, has_visible_text
from src.llm import AssistantContext
from src.llm.openrouter import prompts
from src.llm.openrouter.client import Messages, OpenRouterClient
from src.llm.openrouter.plain_text import PlainProse, plain_line
from src.llm.openrouter.usage import UsageMeter

MAX_CONTEXT_TOKENS = 6_000
"""What a roadmap of any size may take of a prompt: each week's goal and counts, and as many whole
tasks as fit, beginning with the first open one."""

CHARACTERS_PER_TOKEN = 4
"""About right for English; other scripts take more tokens, which every model still has room for."""

MAX_SHOWN_GOAL_LENGTH = 150
"""What the prompt shows of a week's goal; rows that older code wrote are not bounded."""

MAX_WORD_LENGTH = 40
"""What the prompt shows of a level, an effort or a category, for the same reason."""

MAX_RETRIES = 5

MAX_ANSWER_TOKENS = 2_000

MAX_ANSWER_LENGTH = 8_000
"""In characters; a longer answer is cut and ends with an ellipsis."""

MAX_SOURCES = 10
MAX_TITLE_LENGTH = 200

_WEB_ADDRESS = re.compile(r"https?://[!-~]{1,2000}", re.IGNORECASE)


class OpenRouterAssistant:
    """Answers through OpenRouter."""

    def __init__(
        self,
        client: OpenRouterClient,
        *,
        web_search: bool = False,
        timeout: float = math.inf,
        reserved_dollars: float = math.inf,
    ) -> None:
        """With `web_search`, OpenRouter searches the web, at extra cost, and cites its pages.

        No answer waits for the server beyond `timeout` seconds.
        """
        self._client = client
        self._timeout = timeout
        self._reserved_dollars = reserved_dollars
        self._extra_body = {"plugins": [{"id": "web"}]} if web_search else None

    async def answer(
        self, question: str, context: AssistantContext, report: Callable[[ModelUsage], None]
    ) -> AsyncGenerator[str | AssistantAnswer, None]:
        messages = prompts.question_messages(_question_facts(question, context))
        meter = self._client.meter(MAX_RETRIES, self._timeout, self._reserved_dollars)
        try:
            async for attempt in self._client.attempts(meter):
                with attempt:
                    pieces = self._plain_pieces(messages, meter)
                    first = await anext(pieces, "")
                    if not first:
                        raise ModelOutputError("an answer without any text")
            # From here on a retry would be visible: the first words have been sent.
            sent = [first]
            async with aclosing(pieces):
                yield first
                async for piece in pieces:
                    sent.append(piece)
                    yield piece
        finally:
            report(meter.usage())
        yield AssistantAnswer(
            response="".join(sent), sources=tuple(_cited_sources(meter.citations))
        )

    async def close(self) -> None:
        await self._client.close()

    async def _plain_pieces(
        self, messages: Messages, meter: UsageMeter
    ) -> AsyncGenerator[str, None]:
        """Yield an answer in pieces that are not empty, without links and leading blanks.

        Nothing comes before its first visible character. An answer that is too long is cut.
        """
        prose, left, has_started, unseen = PlainProse(), MAX_ANSWER_LENGTH - 1, False, ""
        answer = self._client.stream(
            messages,
            shape=None,
            max_tokens=MAX_ANSWER_TOKENS,
            meter=meter,
            extra_body=self._extra_body,
        )
        async with aclosing(answer):
            piece: str | None = ""
            while piece is not None:
                piece = await anext(answer, None)
                text = prose.finish() if piece is None else prose.feed(piece)
                if not has_started:
                    unseen, has_started = unseen + text, has_visible_text(text)
                    text = unseen.lstrip() if has_started else ""
                if len(text) > left:
                    yield text[:left] + "…"
                    return
                if text:
                    left -= len(text)
                    yield text


def _cited_sources(citations: Mapping[str, str]) -> Iterator[Source]:
    """Yield the cited pages that a browser can open, with plain-text titles."""
    for url in islice(filter(_WEB_ADDRESS.fullmatch, citations), MAX_SOURCES):
        title = plain_line(citations[url][:MAX_TITLE_LENGTH])
        yield Source(title=title or urlsplit(url).netloc, url=url)


def _question_facts(question: str, context: AssistantContext) -> dict[str, Any]:
    roadmap = context.roadmap
    facts = {
        "question": question,
        "scope": {"week": context.week_number, "day": context.day_number},
        "roadmap": {
            "goal": roadmap.description[:MAX_GOAL_LENGTH],
            "level": roadmap.level[:MAX_WORD_LENGTH],
            "duration_weeks": roadmap.duration_weeks,
            "daily_hours": roadmap.daily_hours,
        },
        "weeks": _summarize_weeks(context.tasks),
    }
    left = MAX_CONTEXT_TOKENS * CHARACTERS_PER_TOKEN - len(prompts.encode_facts(facts))
    return facts | {"tasks": _fit_tasks(left, context.tasks_in_scope())}


def _summarize_weeks(tasks: Sequence[Task]) -> list[dict[str, Any]]:
    grouped = groupby(tasks, key=lambda task: (task.week_number, task.weekly_goal))
    weeks = []
    for (number, goal), group in islice(grouped, MAX_WEEKS):
        done = [task.completed for task in group]
        shown = goal[:MAX_SHOWN_GOAL_LENGTH]
        weeks.append({"week": number, "goal": shown, "tasks": len(done), "completed": sum(done)})
    return weeks


def _fit_tasks(characters: int, tasks: list[Task]) -> list[dict[str, Any]]:
    first_open = next((i for i, task in enumerate(tasks) if not task.completed), 0)
    shown_tasks = []
    for task in tasks[first_open:] + tasks[:first_open]:
        shown = {
            "week": task.week_number,
            "day": task.day_number,
            "text": task.task_text[:MAX_TASK_LENGTH],
            "effort": task.effort[:MAX_WORD_LENGTH],
            "category": task.category[:MAX_WORD_LENGTH],
            "completed": task.completed,
        }
        characters -= len(prompts.encode_facts(shown))
        if characters < 0:
            break
        shown_tasks.append(shown)
    return sorted(shown_tasks, key=itemgetter("week", "day"))
