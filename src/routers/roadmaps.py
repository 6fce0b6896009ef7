"""Roadmaps: list, read, delete."""

from fastapi import APIRouter, Depends

from src.domain.errors import RoadmapNotFoundError, WeekNotFoundError
from src.domain.roadmap import Roadmap, WeekDetail, WeekProgress
from src.routers import examples, links
from src.routers.bodies import RoadmapTasks, Success
from src.routers.dependencies import (
    Generator,
    OptionalOwner,
    Owner,
    Progress,
    RoadmapIdInPath,
    WeekNumberInPath,
    refuse_several_users,
)
from src.routers.examples import answers
from src.web.problem_responses import STORE_ERRORS, error_responses

router = APIRouter(tags=["roadmaps"], dependencies=[Depends(refuse_several_users)])


@router.get(
    "/roadmaps",
    summary="List a user's roadmaps, newest first",
    responses=answers([examples.ROADMAP], links=links.ROADMAPS_LISTED)
    | error_responses(*STORE_ERRORS),
)
async def list_roadmaps(owner: Owner, generator: Generator) -> list[Roadmap]:
    """Return an empty list for a user without roadmaps."""
    return await generator.list_roadmaps(owner)


@router.get(
    "/roadmap/{roadmap_id}",
    summary="Fetch all tasks of a roadmap",
    responses=answers({"tasks": [examples.TASK]}, links=links.TASKS_READ)
    | error_responses(RoadmapNotFoundError, *STORE_ERRORS),
)
async def get_roadmap_tasks(
    roadmap_id: RoadmapIdInPath, progress: Progress, owner: OptionalOwner
) -> RoadmapTasks:
    """Return every task, by week, day and position in the day."""
    return RoadmapTasks(tasks=await progress.tasks(roadmap_id, owner))


@router.get(
    "/roadmap/{roadmap_id}/weeks",
    summary="List the weeks of a roadmap with their progress",
    responses=answers([examples.WEEK], links=links.WEEKS_READ)
    | error_responses(RoadmapNotFoundError, *STORE_ERRORS),
)
async def list_weeks(
    roadmap_id: RoadmapIdInPath, progress: Progress, owner: OptionalOwner
) -> list[WeekProgress]:
    """Return the weeks by number; progress is 100 only when every task is done."""
    return await progress.weeks(roadmap_id, owner)


@router.get(
    "/roadmap/{roadmap_id}/week/{week_number}",
    summary="Fetch a week's tasks by day",
    responses=answers(examples.WEEK_DETAIL)
    | error_responses(RoadmapNotFoundError, WeekNotFoundError, *STORE_ERRORS),
)
async def get_week(
    roadmap_id: RoadmapIdInPath,
    week_number: WeekNumberInPath,
    progress: Progress,
    owner: OptionalOwner,
) -> WeekDetail:
    """Return the week's goal and progress, and each day's tasks in order."""
    return await progress.week(roadmap_id, week_number, owner)


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
