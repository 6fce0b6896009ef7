"""The parameters of routes, as annotated aliases."""

from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Header, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, StringConstraints

from src.app_state import AppState, state_of
from src.domain.errors import ForbiddenError
from src.domain.vocabulary import DAYS_PER_WEEK, MAX_ID, MAX_WEEKS

MAX_EVENTS = MAX_WEEKS * (DAYS_PER_WEEK + 1) + 2
"""The most events of one generation: the outline, each day and week, and its end."""

EXAMPLE_USER = "550e8400-e29b-41d4-a716-446655440000"


async def _state(request: Request) -> AppState:
    return state_of(request.app)


State = Annotated[AppState, Depends(_state)]


async def _client_key(request: Request, state: State) -> str:
    return state.client_keys.derive(request.scope)


ClientKey = Annotated[str, Depends(_client_key)]
"""The same for all requests from one network address, which it does not reveal."""


async def find_acting_user(request: Request) -> None:
    """Find the user for whom a request acts: the token's, or else the one in `user_id`.

    Every `user_router` depends on it, so that no route can forget it. `user_id` can be in the
    query, the JSON body, or both.

    Raises:
        ForbiddenError: the token belongs to another user than `user_id`.
        RequestValidationError: `user_id` is in the query more than once, or differs in the body.
    """
    in_query = request.query_params.getlist("user_id")
    named = set(map(_uuid_or_none, in_query))
    if request.method == "POST" and await request.body():
        body = await request.json()
        named.add(_uuid_or_none(body.get("user_id")) if isinstance(body, dict) else None)
    caller: UUID | None = request.state.caller
    users = {caller, *named} - {None}  # the route itself refuses values that are not UUIDs
    if len(in_query) > 1 or (len(users) > 1 and caller is None):
        raise _repeated("query", "user_id")
    if len(users) > 1:
        raise ForbiddenError
    request.state.acting_user = next(iter(users), None)


def acting_user(request: Request) -> UUID | None:
    """Return the user for whom a request to a `user_router` acts; None if it names nobody."""
    return cast("UUID | None", request.state.acting_user)


def _repeated(*location: str) -> RequestValidationError:
    error = {"type": "repeated", "loc": location, "msg": "Given more than once"}
    return RequestValidationError([error])


def _uuid_or_none(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


UserIdInQuery = Annotated[
    UUID | None,
    Query(
        alias="user_id",
        description="The user for whom the request acts. Must be the same as in the body and"
        " the token, if they name a user. Data of other users is then not found.",
    ),
]
"""Is validated and described here, and read by `find_acting_user`."""


async def _acting_user(request: Request, _user_id: UserIdInQuery = None) -> UUID | None:
    return acting_user(request)


Owner = Annotated[
    UUID,
    Query(
        alias="user_id",
        description="The owner.",
        openapi_examples={"a learner": {"value": EXAMPLE_USER}},
    ),
]
"""The `user_id` of the query, where it is required."""
ActingUser = Annotated[UUID | None, Depends(_acting_user)]
"""The user for whom a request acts, if any."""
RoadmapIdInPath = Annotated[
    int, Path(ge=1, le=MAX_ID, openapi_examples={"the first roadmap": {"value": 1}})
]
WeekNumberInPath = Annotated[
    int, Path(ge=1, le=MAX_WEEKS, openapi_examples={"the first week": {"value": 1}})
]


def _unquote(key: str) -> str:
    # The IETF's draft sends a quoted string, Stripe a bare one: both mean the same key.
    return key[1:-1] if len(key) > 2 and key[0] == key[-1] == '"' else key  # noqa: PLR2004


_OneIdempotencyKey = Annotated[
    Annotated[
        str,
        StringConstraints(min_length=1, max_length=255, pattern="^[!-~]([ -~]*[!-~])?$"),
        AfterValidator(_unquote),
    ]
    | None,
    Header(
        description="Any text, such as a UUID. For a day, a request with the same key and body"
        " returns the same roadmap instead of generating a second one."
    ),
]


async def _idempotency_key(
    request: Request, idempotency_key: _OneIdempotencyKey = None
) -> str | None:
    if len(request.headers.getlist("idempotency-key")) > 1:
        raise _repeated("header", "idempotency-key")
    return idempotency_key


IdempotencyKey = Annotated[str | None, Depends(_idempotency_key)]
GenerationIdInPath = Annotated[
    UUID,
    Path(
        description="The id at the end of the `Location` header.",
        openapi_examples={"a generation": {"value": "3f6c1d52-7d0b-4d55-9a53-0c5a3d8d7b10"}},
    ),
]
LastEventId = Annotated[
    int, Header(ge=0, le=MAX_EVENTS, description="The number of the last event received.")
]
