"""What routers are given, as annotated aliases."""

from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Header, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, StringConstraints

from src.domain.errors import ForbiddenError
from src.domain.vocabulary import DAYS_PER_WEEK, MAX_ID, MAX_WEEKS
from src.services.assistant.roadmap_assistant import RoadmapAssistant
from src.services.generation.roadmap_generator import RoadmapGenerator
from src.services.roadmaps import ProgressTracker
from src.web.client_address import ClientIdentifier

MAX_EVENTS = MAX_WEEKS * (DAYS_PER_WEEK + 1) + 2
"""Of a generation: the outline, each day and week, and its end."""

EXAMPLE_USER = "550e8400-e29b-41d4-a716-446655440000"


async def refuse_several_users(request: Request) -> None:
    """Refuse a query that names a user more than once, since nobody knows which one is meant.

    Raises:
        RequestValidationError: `user_id` is repeated.
    """
    if len(request.query_params.getlist("user_id")) > 1:
        raise _several_users()


def _several_users() -> RequestValidationError:
    return RequestValidationError(
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


async def _caller(request: Request) -> UUID | None:
    caller: UUID | None = request.state.caller
    return caller


Caller = Annotated[UUID | None, Depends(_caller)]
"""Whose access token the request carries; None without one."""


async def _client(request: Request) -> str:
    identifier: ClientIdentifier = request.app.state.clients
    return identifier.of(request.scope)


Client = Annotated[str, Depends(_client)]
"""What the requests of one client address share; it does not tell the address."""


def acting_for(caller: UUID | None, *named: UUID | None) -> UUID | None:
    """Return the user for whom a request acts: its token's, or else the one that it names.

    Raises:
        ForbiddenError: the token is another user's than one of those named.
        RequestValidationError: there is no token, and query and body name different users.
    """
    users = {caller, *named} - {None}
    if len(users) > 1:
        raise ForbiddenError if caller else _several_users()
    return next(iter(users), None)


async def _owner(
    caller: Caller,
    user_id: Annotated[
        UUID,
        Query(description="The owner.", openapi_examples={"a learner": {"value": EXAMPLE_USER}}),
    ],
) -> UUID:
    acting_for(caller, user_id)
    return user_id


async def _optional_owner(
    caller: Caller,
    user_id: Annotated[
        UUID | None,
        Query(description="Where given, what is another user's is treated as if it did not exist."),
    ] = None,
) -> UUID | None:
    return acting_for(caller, user_id)


Owner = Annotated[UUID, Depends(_owner)]
OptionalOwner = Annotated[UUID | None, Depends(_optional_owner)]
UserInQuery = Annotated[
    UUID | None,
    Query(alias="user_id", description="Where the body names a user too, it has to be the same."),
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
        StringConstraints(min_length=1, max_length=255, pattern="^[!-~]([ -~]*[!-~])?$"),
        AfterValidator(_unquoted),
    ]
    | None,
    Header(
        description="Any text of yours, such as a UUID: for a day, the same key and body bring the"
        " same roadmap instead of a second one."
    ),
]
GenerationIdInPath = Annotated[
    UUID,
    Path(
        description="As `Location` named it.",
        openapi_examples={"a generation": {"value": "3f6c1d52-7d0b-4d55-9a53-0c5a3d8d7b10"}},
    ),
]
LastEventId = Annotated[
    int, Header(ge=0, le=MAX_EVENTS, description="The number of the last event that was seen.")
]
