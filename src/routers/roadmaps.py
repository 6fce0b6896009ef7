"""Roadmaps: generate, list, delete."""

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from src.domain.errors import (
    ForbiddenError,
    GenerationAbandonedError,
    GenerationCancelledError,
    GenerationRunningError,
    HandedOverError,
    IdempotencyKeyReusedError,
    LimitReachedError,
    OverloadedError,
    RoadmapNotFoundError,
    ShuttingDownError,
    StoreConflictError,
)
from src.domain.generation import GenerationRecord
from src.domain.models import GenerateRoadmap, GenerationStatus, Roadmap, Success
from src.domain.quotas import Asker
from src.routers import examples, links
from src.routers.dependencies import (
    Caller,
    Client,
    Generator,
    IdempotencyKey,
    Owner,
    RoadmapIdInPath,
    UserInQuery,
    acting_for,
    refuse_several_users,
)
from src.routers.examples import answers
from src.routers.generations import status_of, told
from src.web.json_bodies import EventStreamRoute, RespondAsyncRoute, StrictJSONRoute
from src.web.problems import (
    BODY_STATUSES,
    GENERATION_PATH,
    MODEL_ERRORS,
    STORE_ERRORS,
    error_responses,
)

PLANNER_HEADER = "Momentum-Planner"
REPLAYED_HEADER = "Idempotency-Replayed"
PREFERENCE_HEADER = "Preference-Applied"

_ONE_USER = [Depends(refuse_several_users)]

stream_router = APIRouter(
    route_class=EventStreamRoute, include_in_schema=False, dependencies=_ONE_USER
)
async_router = APIRouter(
    route_class=RespondAsyncRoute, include_in_schema=False, dependencies=_ONE_USER
)
router = APIRouter(tags=["roadmaps"], route_class=StrictJSONRoute, dependencies=_ONE_USER)


async def _begun(
    *,
    body: Annotated[
        GenerateRoadmap, Body(openapi_examples={"roadmap": {"value": examples.GENERATE_ROADMAP}})
    ],
    generator: Generator,
    caller: Caller,
    client: Client,
    response: Response,
    user_in_query: UserInQuery = None,
    idempotency_key: IdempotencyKey = None,
) -> GenerationRecord:
    acting_for(caller, user_in_query, body.user_id)
    asker = Asker(user_id=body.user_id, client=client)
    begun = await generator.begin(asker, body.wish(), idempotency_key)
    response.headers[PLANNER_HEADER] = generator.planner_name
    response.headers["Location"] = GENERATION_PATH.format(begun.generation_id)
    if begun.finished_at is not None:
        response.headers[REPLAYED_HEADER] = "true"
    return begun


BegunGeneration = Annotated[GenerationRecord, Depends(_begun)]


@router.post(
    "/generate_roadmap",
    summary="Generate and store a new roadmap",
    responses=answers(
        examples.ROADMAP,
        events=examples.GENERATION_EVENTS,
        headers={
            PLANNER_HEADER: "What makes the plans: `openrouter`, or `offline` without a model.",
            REPLAYED_HEADER: "`true` where the answer was first given to an earlier request.",
            "Location": "Where the generation is told of.",
        },
        links=links.ROADMAP_MADE,
    )
    | {202: examples.ACCEPTED | {"links": links.GENERATION_ACCEPTED}}
    | error_responses(
        *MODEL_ERRORS,
        *STORE_ERRORS,
        StoreConflictError,
        OverloadedError,
        LimitReachedError,
        ForbiddenError,
        IdempotencyKeyReusedError,
        GenerationRunningError,
        GenerationCancelledError,
        GenerationAbandonedError,
        HandedOverError,
        ShuttingDownError,
        statuses=BODY_STATUSES,
    ),
    openapi_extra={"parameters": [examples.PREFER]},  # read where the route is chosen
)
async def generate_roadmap(begun: BegunGeneration, generator: Generator) -> Roadmap:
    """Plan week by week, then store the roadmap whole; of a plan that fails nothing is stored.

    Where the answer has a `Location` and is not a success, the roadmap may still be finished: it
    is told of there.

    With `Accept: text/event-stream` the plan is told as it comes about, in the events `outline`,
    `day`, `week`, and at last `saved` or `problem`. With `Prefer: respond-async` the answer is
    202 at once, and `Location` says where the generation is told of.

    With an `Idempotency-Key` a request can be repeated for a day without making a second roadmap.
    """
    return await generator.wait_for(begun.generation_id)


@async_router.post("/generate_roadmap", status_code=202)
async def begin_roadmap_generation(begun: BegunGeneration, response: Response) -> GenerationStatus:
    """Answer at once; the generation goes on."""
    response.headers[PREFERENCE_HEADER] = "respond-async"
    return status_of(begun)


@stream_router.post("/generate_roadmap", response_class=EventSourceResponse)
async def watch_roadmap_generation(
    begun: BegunGeneration, generator: Generator
) -> AsyncGenerator[ServerSentEvent, None]:
    """Tell the plan as it comes about. The generation goes on when the client leaves."""
    async for event in told(generator, begun.generation_id):
        yield event


@router.get(
    "/roadmaps",
    summary="List a user's roadmaps, newest first",
    responses=answers([examples.ROADMAP], links=links.ROADMAPS_LISTED)
    | error_responses(*STORE_ERRORS),
)
async def list_roadmaps(owner: Owner, generator: Generator) -> list[Roadmap]:
    """Return an empty list for a user without roadmaps."""
    return await generator.list_roadmaps(owner)


@router.delete(
    "/roadmap/{roadmap_id}",
    summary="Delete a roadmap and its tasks",
    responses=answers(examples.SUCCESS) | error_responses(RoadmapNotFoundError, *STORE_ERRORS),
)
async def delete_roadmap(
    roadmap_id: RoadmapIdInPath, owner: Owner, generator: Generator
) -> Success:
    """Only the owner's roadmap is deleted."""
    await generator.delete(roadmap_id, owner)
    return Success()
