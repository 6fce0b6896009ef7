"""Generations: how they go, told once or as they go on, and cancelled."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException
from fastapi.sse import EventSourceResponse, ServerSentEvent

from src.domain.errors import (
    GenerationCancelledError,
    GenerationNotFoundError,
    GenerationSucceededError,
    MomentumError,
    recorded_error,
)
from src.domain.generation import GenerationRecord, kind_of
from src.domain.models import GenerationStatus, SavedRoadmap, Success
from src.routers import examples, links
from src.routers.dependencies import (
    GenerationIdInPath,
    Generator,
    LastEventId,
    OptionalOwner,
    refuse_several_users,
)
from src.routers.examples import answers
from src.services.generation.roadmap_generator import RoadmapGenerator
from src.services.generation.run import GenerationEvent
from src.web.problems import STORE_ERRORS, error_responses, problem_of, recorded_problem

router = APIRouter(tags=["generations"], dependencies=[Depends(refuse_several_users)])


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
