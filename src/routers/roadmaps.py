"""Roadmaps: generate, list, delete."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Response

from src.dependencies import Generator, Owner, RoadmapIdInPath, refuse_several_users
from src.errors import RoadmapNotFoundError, StoreConflictError
from src.models import GenerateRoadmap, PlanRequest, Roadmap, Success
from src.problems import BODY_STATUSES, MODEL_ERRORS, STORE_ERRORS, error_responses
from src.routers import examples
from src.routers.examples import answers
from src.strict_json import StrictJSONRoute

PLANNER_HEADER = "Momentum-Planner"

router = APIRouter(
    tags=["roadmaps"],
    route_class=StrictJSONRoute,
    dependencies=[Depends(refuse_several_users)],
)


@router.post(
    "/generate_roadmap",
    summary="Generate and store a new roadmap",
    responses=answers(
        examples.ROADMAP,
        headers={PLANNER_HEADER: "What made the plan: `openrouter`, or `offline` without a model."},
    )
    | error_responses(*MODEL_ERRORS, *STORE_ERRORS, StoreConflictError, statuses=BODY_STATUSES),
)
async def generate_roadmap(
    body: Annotated[
        GenerateRoadmap, Body(openapi_examples={"roadmap": {"value": examples.GENERATE_ROADMAP}})
    ],
    generator: Generator,
    response: Response,
) -> Roadmap:
    """Plan week by week, then store the roadmap whole; if anything fails, nothing is stored."""
    response.headers[PLANNER_HEADER] = generator.planner_name
    return await generator.generate(
        body.user_id, PlanRequest.model_validate(body.model_dump(exclude={"user_id"}))
    )


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
