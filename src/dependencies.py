"""What routers are given, as annotated aliases."""

from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Path, Query, Request
from fastapi.exceptions import RequestValidationError

from src.models import MAX_ID, MAX_WEEKS
from src.services.assistant import RoadmapAssistant
from src.services.progress import ProgressTracker
from src.services.roadmap_generator import RoadmapGenerator

EXAMPLE_USER = "550e8400-e29b-41d4-a716-446655440000"


async def refuse_several_users(request: Request) -> None:
    """Refuse a query that names a user more than once, since nobody knows which one is meant.

    Raises:
        RequestValidationError: `user_id` is repeated.
    """
    if len(request.query_params.getlist("user_id")) > 1:
        raise RequestValidationError(
            [{"type": "repeated", "loc": ("query", "user_id"), "msg": "Given more than once"}]
        )


async def _generator(request: Request) -> RoadmapGenerator:
    return cast("RoadmapGenerator", request.app.state.generator)


async def _progress(request: Request) -> ProgressTracker:
    return cast("ProgressTracker", request.app.state.progress)


async def _assistant(request: Request) -> RoadmapAssistant:
    return cast("RoadmapAssistant", request.app.state.assistant)


Generator = Annotated[RoadmapGenerator, Depends(_generator)]
Progress = Annotated[ProgressTracker, Depends(_progress)]
Assistant = Annotated[RoadmapAssistant, Depends(_assistant)]

Owner = Annotated[
    UUID,
    Query(description="The owner.", openapi_examples={"a learner": {"value": EXAMPLE_USER}}),
]
OptionalOwner = Annotated[
    UUID | None,
    Query(description="Where given, another user's roadmap is treated as if it did not exist."),
]
RoadmapIdInPath = Annotated[
    int, Path(ge=1, le=MAX_ID, openapi_examples={"the first roadmap": {"value": 1}})
]
WeekNumberInPath = Annotated[
    int, Path(ge=1, le=MAX_WEEKS, openapi_examples={"the first week": {"value": 1}})
]
