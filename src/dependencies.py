"""What routers are given, as annotated aliases."""

from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Header, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, StringConstraints

from src.models import DAYS_PER_WEEK, MAX_ID, MAX_WEEKS
from src.services.assistant import RoadmapAssistant
from src.services.progress import ProgressTracker
from src.services.roadmap_generator import RoadmapGenerator

MAX_EVENTS = MAX_WEEKS * (DAYS_PER_WEEK + 1) + 2
"""Of a generation: the outline, each day and week, and its end."""

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


def _unquoted(key: str) -> str:
    # The IETF's draft has a quoted string, Stripe a bare one: the same key either way.
    return key[1:-1] if len(key) > 2 and key[0] == key[-1] == '"' else key  # noqa: PLR2004


IdempotencyKey = Annotated[
    Annotated[
        str,
        StringConstraints(min_length=1, max_length=255, pattern="^[ -~]+$"),
        AfterValidator(_unquoted),
    ]
    | None,
    Header(
        description="Any text of yours, such as a UUID: for a day, the same key and body bring the"
        " same roadmap instead of a second one."
    ),
]
GenerationIdInPath = Annotated[UUID, Path(description="As `Location` named it.")]
LastEventId = Annotated[
    int, Header(ge=0, le=MAX_EVENTS, description="The number of the last event that was seen.")
]
