"""Roadmaps: generate, list, delete."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from src.dependencies import Generator, Owner, RoadmapIdInPath, refuse_several_users
from src.errors import MomentumError, OverloadedError, RoadmapNotFoundError, StoreConflictError
from src.models import (
    DayReady,
    GenerateRoadmap,
    Outline,
    PlannedWeek,
    Roadmap,
    SavedRoadmap,
    Success,
)
from src.problems import (
    BODY_STATUSES,
    MODEL_ERRORS,
    STORE_ERRORS,
    error_responses,
    problem_of,
)
from src.routers import examples
from src.routers.examples import answers
from src.services.roadmap_generator import Generation
from src.strict_json import EventStreamRoute, StrictJSONRoute

PLANNER_HEADER = "Momentum-Planner"

EVENT_NAMES: dict[type, str] = {
    Outline: "outline",
    DayReady: "day",
    PlannedWeek: "week",
    SavedRoadmap: "saved",
}
"""The events of a generation, told as they happen; any other is a `problem`."""

stream_router = APIRouter(route_class=EventStreamRoute, include_in_schema=False)
router = APIRouter(
    tags=["roadmaps"],
    route_class=StrictJSONRoute,
    dependencies=[Depends(refuse_several_users)],
)


async def _started(body: GenerateRoadmap, generator: Generator, response: Response) -> Generation:
    response.headers[PLANNER_HEADER] = generator.planner_name
    return generator.start(body.user_id, body.wish())


@router.post(
    "/generate_roadmap",
    summary="Generate and store a new roadmap",
    responses=answers(
        examples.ROADMAP,
        events=examples.GENERATION_EVENTS,
        headers={PLANNER_HEADER: "What made the plan: `openrouter`, or `offline` without a model."},
    )
    | error_responses(
        *MODEL_ERRORS, *STORE_ERRORS, StoreConflictError, OverloadedError, statuses=BODY_STATUSES
    ),
)
async def generate_roadmap(
    body: Annotated[
        GenerateRoadmap, Body(openapi_examples={"roadmap": {"value": examples.GENERATE_ROADMAP}})
    ],
    generator: Generator,
    response: Response,
) -> Roadmap:
    """Plan week by week, then store the roadmap whole; if anything fails, nothing is stored.

    With `Accept: text/event-stream` the plan is told as it comes about, in the events `outline`,
    `day`, `week`, and at last `saved` or `problem`.
    """
    response.headers[PLANNER_HEADER] = generator.planner_name
    return await generator.generate(body.user_id, body.wish())


@stream_router.post("/generate_roadmap", response_class=EventSourceResponse)
async def watch_roadmap_generation(
    generation: Annotated[Generation, Depends(_started)],
) -> AsyncGenerator[ServerSentEvent, None]:
    """Tell the plan as it comes about. The generation goes on when the client leaves."""
    number = 0
    async with aclosing(generation.events()) as events:
        async for event in events:
            number += 1
            name = EVENT_NAMES.get(type(event), "problem")
            data = problem_of(event) if isinstance(event, MomentumError) else event
            yield ServerSentEvent(event=name, id=str(number), data=data)


@router.get(
    "/roadmaps",
    summary="List a user's roadmaps, newest first",
    responses=answers([examples.ROADMAP]) | error_responses(*STORE_ERRORS),
)
async def list_roadmaps(user_id: Owner, generator: Generator) -> list[Roadmap]:
    """Return an empty list for a user without roadmaps."""
    return await generator.list_roadmaps(user_id)


@router.delete(
    "/roadmap/{roadmap_id}",
    summary="Delete a roadmap and its tasks",
    responses=answers(examples.SUCCESS) | error_responses(RoadmapNotFoundError, *STORE_ERRORS),
)
async def delete_roadmap(
    roadmap_id: RoadmapIdInPath, user_id: Owner, generator: Generator
) -> Success:
    """Only the owner's roadmap is deleted."""
    await generator.delete(roadmap_id, user_id)
    return Success()
