"""Questions about a roadmap."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated

from fastapi import Body, Depends
from fastapi.responses import StreamingResponse

from src.app_state import AppState
from src.domain import errors
from src.domain.quotas import Requester
from src.domain.roadmap import AssistantAnswer
from src.routers import examples
from src.routers.base import user_router
from src.routers.bodies import AskAssistant
from src.routers.dependencies import ActingUser, ClientKey, State
from src.routers.examples import ok_response
from src.services.assistant.service import AdmittedQuestion, AssistantService
from src.web.event_stream import Event, event_stream
from src.web.json_bodies import StrictJSONRoute
from src.web.negotiation import EventStreamRoute
from src.web.openapi import BODY_STATUSES, MODEL_ERRORS, STORE_ERRORS, error_responses
from src.web.problems import ASSISTANT_PATH, report_problem

stream_router = user_router(route_class=EventStreamRoute, include_in_schema=False)
router = user_router(tags=["assistant"], route_class=StrictJSONRoute)


@dataclass(frozen=True)
class _QuestionRequest:
    """What the two routes for questions have in common."""

    body: Annotated[
        AskAssistant, Body(openapi_examples={"about a week": {"value": examples.ASK_ASSISTANT}})
    ]
    client_key: ClientKey
    acting: ActingUser

    async def admit(self, state: AppState) -> AdmittedQuestion:
        return await state.assistant.admit(
            Requester(user_id=self.body.user_id, client_key=self.client_key),
            self.body.roadmap_id,
            self.body.input_data,
            week_number=self.body.week_number,
            day_number=self.body.day_number,
        )


QuestionRequest = Annotated[_QuestionRequest, Depends()]


@router.post(
    ASSISTANT_PATH,
    summary="Ask about a roadmap, a week or a day",
    responses=ok_response(examples.ASSISTANT_ANSWER, events=examples.ANSWER_EVENTS)
    | error_responses(
        errors.RoadmapNotFoundError,
        errors.WeekNotFoundError,
        errors.ForbiddenError,
        errors.LimitReachedError,
        errors.ShuttingDownError,
        *MODEL_ERRORS,
        *STORE_ERRORS,
        statuses=BODY_STATUSES,
        about_question=True,
    ),
)
async def ask_assistant(request: QuestionRequest, state: State) -> AssistantAnswer:
    """Answer in plain text. A day without a week means that day of every week.

    With `Accept: text/event-stream`, the answer is streamed in `token` events, followed by one
    `answer` or `problem` event. A problem has its sentence in `response`, too.
    """
    return await state.assistant.answer(await request.admit(state))


@stream_router.post(ASSISTANT_PATH)
async def stream_answer(request: QuestionRequest, state: State) -> StreamingResponse:
    """Stream the answer as it is written, until the client disconnects."""
    # Admitted before the stream starts: an unknown roadmap is a 404 here, too.
    return event_stream(_stream_events(state.assistant, await request.admit(state)))


async def _stream_events(
    assistant: AssistantService, question: AdmittedQuestion
) -> AsyncGenerator[Event, None]:
    try:
        async with aclosing(assistant.stream(question)) as parts:
            async for part in parts:
                yield Event("token" if isinstance(part, str) else "answer", part)
    except errors.MomentumError as error:
        yield Event("problem", report_problem(error))
