"""Roadmaps: list, read, delete."""

from typing import Annotated, Literal

from fastapi import Query, Request, Response

from src.app_state import state_of
from src.domain.errors import RoadmapNotFoundError, WeekNotFoundError
from src.domain.roadmap import WeekDetail, WeekProgress
from src.routers import examples
from src.routers.base import user_router
from src.routers.bodies import RoadmapTasks, Success
from src.routers.dependencies import (
    Owner,
    RoadmapIdInPath,
    UserIdInQuery,
    WeekNumberInPath,
    acting_user,
)
from src.routers.examples import ok_response
from src.routers.progress_examples import ETAG_HEADER, NOT_MODIFIED
from src.services.roadmaps import ListedRoadmap, RoadmapService
from src.web.openapi import STORE_ERRORS, error_responses
from src.web.polling import PolledRoute

router = user_router(route_class=PolledRoute)

IncludeInQuery = Annotated[
    Literal["progress"] | None, Query(description="What each roadmap has in addition.")
]


def _service(request: Request) -> RoadmapService:
    # Most requests come here: a parameter is cheaper than a dependency, which takes 14 us of CPU.
    return state_of(request.app).roadmaps


def json_response(document: bytes) -> Response:
    """Return what the database has written, in the form of the route's `response_model`.

    To parse, validate and write it again would take several times as long.
    """
    return Response(document, media_type="application/json")


@router.get(
    "/roadmaps",
    response_model=list[ListedRoadmap],
    tags=["roadmaps"],
    summary="List a user's roadmaps, newest first",
    response_model_exclude_none=True,
    responses=ok_response([examples.ROADMAP], headers=ETAG_HEADER)
    | NOT_MODIFIED
    | error_responses(*STORE_ERRORS),
)
async def list_roadmaps(
    request: Request, owner: Owner, include: IncludeInQuery = None
) -> list[ListedRoadmap] | Response:
    """Return a list, which is empty for a user without roadmaps.

    With `include=progress`, each roadmap also has `total_tasks`, `completed_tasks` and `progress`,
    in percent, rounded down.
    """
    if include == "progress":
        return await _service(request).list_roadmaps_with_progress(owner)
    return json_response(await _service(request).list_roadmaps(owner))


@router.get(
    "/roadmap/{roadmap_id}",
    response_model=RoadmapTasks,
    tags=["progress"],
    summary="Get all tasks of a roadmap",
    responses=ok_response({"tasks": [examples.TASK]}, headers=ETAG_HEADER)
    | NOT_MODIFIED
    | error_responses(RoadmapNotFoundError, *STORE_ERRORS),
)
async def get_roadmap_tasks(
    request: Request, roadmap_id: RoadmapIdInPath, _user_id: UserIdInQuery = None
) -> Response:
    """Return every task, ordered by week, day and position in the day."""
    owner = acting_user(request)
    return json_response(await _service(request).list_tasks(roadmap_id, owner))


@router.get(
    "/roadmap/{roadmap_id}/weeks",
    response_model=list[WeekProgress],
    tags=["progress"],
    summary="List the weeks of a roadmap with their progress",
    responses=ok_response([examples.WEEK], headers=ETAG_HEADER)
    | NOT_MODIFIED
    | error_responses(RoadmapNotFoundError, *STORE_ERRORS),
)
async def list_weeks(
    request: Request, roadmap_id: RoadmapIdInPath, _user_id: UserIdInQuery = None
) -> Response:
    """Return the weeks in order. `progress` is 100 only if every task is completed."""
    owner = acting_user(request)
    return json_response(await _service(request).list_weeks(roadmap_id, owner))


@router.get(
    "/roadmap/{roadmap_id}/week/{week_number}",
    response_model=WeekDetail,
    tags=["progress"],
    summary="Get the tasks of a week by day",
    responses=ok_response(examples.WEEK_DETAIL, headers=ETAG_HEADER)
    | NOT_MODIFIED
    | error_responses(RoadmapNotFoundError, WeekNotFoundError, *STORE_ERRORS),
)
async def get_week(
    request: Request,
    roadmap_id: RoadmapIdInPath,
    week_number: WeekNumberInPath,
    _user_id: UserIdInQuery = None,
) -> Response:
    """Return the week's goal and progress, and each day's tasks in order."""
    owner = acting_user(request)
    return json_response(await _service(request).get_week(roadmap_id, week_number, owner))


@router.delete(
    "/roadmap/{roadmap_id}",
    tags=["roadmaps"],
    summary="Delete a roadmap and its tasks",
    responses=ok_response(examples.SUCCESS) | error_responses(RoadmapNotFoundError, *STORE_ERRORS),
)
async def delete_roadmap(request: Request, roadmap_id: RoadmapIdInPath, owner: Owner) -> Success:
    """Delete the roadmap if `user_id` owns it."""
    await _service(request).delete(roadmap_id, owner)
    return Success()
