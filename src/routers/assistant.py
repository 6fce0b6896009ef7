"""Questions about a roadmap."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Body, Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent

from src.dependencies import Assistant
from src.errors import MomentumError, RoadmapNotFoundError, WeekNotFoundError
from src.llm import AssistantContext
from src.models import AskAssistant, AssistantAnswer
from src.problems import (
    BODY_STATUSES,
    MODEL_ERRORS,
    STORE_ERRORS,
    error_responses,
    problem_of,
)
from src.routers import examples
from src.routers.examples import answers
from src.strict_json import EventStreamRoute, StrictJSONRoute

stream_router = APIRouter(route_class=EventStreamRoute, include_in_schema=False)
router = APIRouter(tags=["assistant"], route_class=StrictJSONRoute)


@router.post(
    "/ask-assistant",
    summary="Ask about a roadmap, a week or a day",
    responses=answers(examples.ASSISTANT_ANSWER, events=examples.ANSWER_EVENTS)
    | error_responses(
        RoadmapNotFoundError,
        WeekNotFoundError,
        *MODEL_ERRORS,
        *STORE_ERRORS,
        statuses=BODY_STATUSES,
    ),
)
async def ask_assistant(
    body: Annotated[
        AskAssistant, Body(openapi_examples={"about a week": {"value": examples.ASK_ASSISTANT}})
    ],
    assistant: Assistant,
) -> AssistantAnswer:
    """Answer in plain text. A day without a week means that day of every week.

    With `Accept: text/event-stream` the answer is told as it is written, in events `token`, and at
    last `answer` or `problem`.
    """
    return await assistant.ask(body)


async def _asked(body: AskAssistant, assistant: Assistant) -> tuple[str, AssistantContext]:
    # Before the stream begins: an unknown roadmap is a 404 here too.
    return body.input_data, await assistant.context(body)


@stream_router.post("/ask-assistant", response_class=EventSourceResponse)
async def watch_answer(
    asked: Annotated[tuple[str, AssistantContext], Depends(_asked)], assistant: Assistant
) -> AsyncGenerator[ServerSentEvent, None]:
    """Tell the answer as it is written; leaving ends it."""
    try:
        async with aclosing(assistant.stream(*asked)) as parts:
            async for part in parts:
                name = "token" if isinstance(part, str) else "answer"
                yield ServerSentEvent(event=name, data=part)
    except MomentumError as error:
        yield ServerSentEvent(event="problem", data=problem_of(error))
