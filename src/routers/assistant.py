"""Questions about a roadmap."""

from typing import Annotated

from fastapi import APIRouter, Body

from src.dependencies import Assistant
from src.errors import RoadmapNotFoundError, WeekNotFoundError
from src.models import AskAssistant, AssistantAnswer
from src.problems import BODY_STATUSES, MODEL_ERRORS, STORE_ERRORS, error_responses
from src.routers import examples
from src.routers.examples import answers
from src.strict_json import StrictJSONRoute

router = APIRouter(tags=["assistant"], route_class=StrictJSONRoute)


@router.post(
    "/ask-assistant",
    summary="Ask about a roadmap, a week or a day",
    responses=answers(examples.ASSISTANT_ANSWER)
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
    """Answer in plain text. A day without a week means that day of every week."""
    return AssistantAnswer(
        response=await assistant.ask(
            body.user_id, body.roadmap_id, body.input_data, body.week_number, body.day_number
        )
    )
