"""Generations: begin, follow, cancel."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Depends, HTTPException, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from src.domain.errors import (
    ForbiddenError,
    GenerationAbandonedError,
    GenerationCancelledError,
    GenerationNotFoundError,
    GenerationRunningError,
    GenerationSucceededError,
    HandedOverError,
    IdempotencyKeyReusedError,
    LimitReachedError,
    MomentumError,
    OverloadedError,
    ShuttingDownError,
    StoreConflictError,
    recorded_error,
)
from src.domain.generation import GenerationRecord, kind_of
from src.domain.quotas import Asker
from src.domain.roadmap import Roadmap, SavedRoadmap
from src.routers import examples, links
from src.routers.bodies import GenerateRoadmap, GenerationStatus, Success
from src.routers.dependencies import (
    Caller,
    Client,
    GenerationIdInPath,
    Generator,
    IdempotencyKey,
    LastEventId,
    OptionalOwner,
    UserInQuery,
    acting_for,
    refuse_several_users,
)
from src.routers.examples import answers
from src.services.generation.roadmap_generator import RoadmapGenerator
from src.services.generation.run import GenerationEvent
from src.web.json_bodies import StrictJSONRoute
from src.web.negotiation import EventStreamRoute, RespondAsyncRoute
from src.web.problem_responses import BODY_STATUSES, MODEL_ERRORS, STORE_ERRORS, error_responses
from src.web.problems import GENERATION_PATH, problem_of, recorded_problem

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
router = APIRouter(tags=["generations"], route_class=StrictJSONRoute, dependencies=_ONE_USER)


def status_of(record: GenerationRecord) -> GenerationStatus:
    """Return what a client is told of a generation."""
    state: Literal["running", "succeeded", "failed", "cancelled"] = "failed"
    if record.finished_at is None:
        state = "running"
    elif record.problem is None:
        state = "succeeded"
    elif record.problem == GenerationCancelledError.__name__:
        state = "cancelled"
    ended_by = record.problem and recorded_error(record.problem, record.generation_id)
    return GenerationStatus(
        generation_id=record.generation_id,
        state=state,
        weeks_done=record.weeks_done,
        weeks_total=record.weeks_total,
        started_at=record.started_at,
        finished_at=record.finished_at,
        roadmap=record.saved,
        problem=recorded_problem(ended_by) if ended_by else None,
        usage=record.usage,
    )


async def told(
    generator: RoadmapGenerator, generation_id: UUID, after: int = 0, user_id: UUID | None = None
) -> AsyncGenerator[ServerSentEvent, None]:
    """Yield a generation's events, from the one that follows `after` on, to be sent to a client.

    An error that is not the generation's own end has no number: the client asks again.
    """
    try:
        async with aclosing(generator.events(generation_id, after, user_id)) as events:
            async for number, event in events:
                yield _sent(event, str(number))
    except MomentumError as error:
        yield _sent(error)


def _sent(event: GenerationEvent, number: str | None = None) -> ServerSentEvent:
    if isinstance(event, MomentumError):
        # What has a number is on record, and was logged when it happened.
        problem = problem_of(event) if number is None else recorded_problem(event)
        return ServerSentEvent(event="problem", id=number, data=problem)
    name = "saved" if isinstance(event, SavedRoadmap) else kind_of(event)
    return ServerSentEvent(event=name, id=number, data=event)


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
    "/generations/{generation_id}",
    summary="Tell how a generation goes",
    responses=answers(examples.GENERATION_STATUS, links=links.GENERATION_READ)
    | error_responses(GenerationNotFoundError, *STORE_ERRORS),
)
async def get_generation(
    generation_id: GenerationIdInPath, generator: Generator, owner: OptionalOwner
) -> GenerationStatus:
    """Return its state, the weeks done, and once it has finished its roadmap or its problem."""
    return status_of(await generator.record(generation_id, owner))


async def _followed(
    generation_id: GenerationIdInPath,
    generator: Generator,
    owner: OptionalOwner,
    last_event_id: LastEventId = 0,
) -> tuple[UUID, int, UUID | None]:
    # Before the stream begins: an unknown generation is a 404 here too.
    record = await generator.record(generation_id, owner)
    if await generator.has_told_all(record, last_event_id):
        raise HTTPException(204)  # So that an EventSource asks no more.
    return generation_id, last_event_id, owner


@router.get(
    "/generations/{generation_id}/events",
    summary="Follow a generation as it goes on",
    response_class=EventSourceResponse,
    responses=examples.event_stream(examples.GENERATION_EVENTS)
    | {204: {"description": "All of it was told."}}
    | error_responses(GenerationNotFoundError, *STORE_ERRORS),
)
async def follow_generation(
    followed: Annotated[tuple[UUID, int, UUID | None], Depends(_followed)], generator: Generator
) -> AsyncGenerator[ServerSentEvent, None]:
    """Tell every event after `Last-Event-ID`, of whichever server makes the roadmap.

    A stream that ends without `saved` or a numbered `problem` is to be asked for again.
    """
    async for event in told(generator, *followed):
        yield event


@router.delete(
    "/generations/{generation_id}",
    summary="Cancel a generation",
    responses=answers(examples.SUCCESS)
    | error_responses(GenerationNotFoundError, GenerationSucceededError, *STORE_ERRORS),
)
async def cancel_generation(
    generation_id: GenerationIdInPath, generator: Generator, owner: OptionalOwner
) -> Success:
    """End it, whichever server makes the roadmap. One that has ended unsuccessfully stays so."""
    await generator.cancel(generation_id, owner)
    return Success()
