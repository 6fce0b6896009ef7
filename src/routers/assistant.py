"""Questions about a roadmap."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Body, Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent

from src.domain.errors import (
    ForbiddenError,
    LimitReachedError,
    MomentumError,
    RoadmapNotFoundError,
    ShuttingDownError,
    WeekNotFoundError,
)
from src.domain.roadmap import AssistantAnswer
from src.routers import examples
from src.routers.bodies import AskAssistant
from src.routers.dependencies import (
    Assistant,
    Caller,
    Client,
    UserInQuery,
    acting_for,
    refuse_several_users,
)
from src.routers.examples import answers
from src.services.assistant.roadmap_assistant import Question
from src.web.json_bodies import StrictJSONRoute
from src.web.negotiation import EventStreamRoute
from src.web.problem_responses import BODY_STATUSES, MODEL_ERRORS, STORE_ERRORS, error_responses
from src.web.problems import problem_of

_ONE_USER = [Depends(refuse_several_users)]

stream_router = APIRouter(
    route_class=EventStreamRoute, include_in_schema=False, dependencies=_ONE_USER
)
router = APIRouter(tags=["assistant"], route_class=StrictJSONRoute, dependencies=_ONE_USER)


async def _question(
    body: Annotated[
        AskAssistant, Body(openapi_examples={"about a week": {"value": examples.ASK_ASSISTANT}})
    ],
    assistant: Assistant,
    caller: Caller,
    client: Client,
    user_in_query: UserInQuery = None,
) -> Question:
    # Before a stream begins: an unknown roadmap is a 404 there too.
    acting_for(caller, user_in_query, body.user_id)
    return await assistant.question(body, client)


AskedQuestion = Annotated[Question, Depends(_question)]


@router.post(
    "/ask-assistant",
    summary="Ask about a roadmap, a week or a day",
    responses=answers(examples.ASSISTANT_ANSWER, events=examples.ANSWER_EVENTS)
    | error_responses(
        RoadmapNotFoundError,
        WeekNotFoundError,
        ForbiddenError,
        LimitReachedError,
        ShuttingDownError,
        *MODEL_ERRORS,
        *STORE_ERRORS,
        statuses=BODY_STATUSES,
    ),
)
async def ask_assistant(question: AskedQuestion, assistant: Assistant) -> AssistantAnswer:
    """Answer in plain text. A day without a week means that day of every week.

    With `Accept: text/event-stream` the answer is told as it is written, in events `token`, and at
    last `answer` or `problem`.
    """
    return await assistant.answer(question)


@stream_router.post("/ask-assistant", response_class=EventSourceResponse)
async def watch_answer(
    question: AskedQuestion, assistant: Assistant
) -> AsyncGenerator[ServerSentEvent, None]:
    """Tell the answer as it is written; leaving ends it."""
    try:
        async with aclosing(assistant.stream(question)) as parts:
            async for part in parts:
                name = "token" if isinstance(part, str) else "answer"
                yield ServerSentEvent(event=name, data=part)
    except MomentumError as error:
        yield ServerSentEvent(event="problem", data=problem_of(error))
