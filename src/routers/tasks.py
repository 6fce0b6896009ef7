"""Tasks: mark as completed or not completed."""

from typing import Annotated

from fastapi import Body, Request

from src.app_state import state_of
from src.domain.errors import TaskNotFoundError
from src.routers import examples
from src.routers.base import user_router
from src.routers.bodies import Success, TaskUpdate
from src.routers.dependencies import UserIdInQuery, acting_user
from src.routers.examples import ok_response
from src.web.json_bodies import StrictJSONRoute
from src.web.openapi import BODY_STATUSES, STORE_ERRORS, error_responses

router = user_router(tags=["tasks"], route_class=StrictJSONRoute)


@router.post(
    "/task/update",
    summary="Mark a task as completed or incomplete",
    responses=ok_response(examples.SUCCESS)
    | error_responses(TaskNotFoundError, *STORE_ERRORS, statuses=BODY_STATUSES),
)
async def update_task(
    request: Request,
    body: Annotated[
        TaskUpdate, Body(openapi_examples={"completed": {"value": examples.TASK_UPDATE}})
    ],
    _user_id: UserIdInQuery = None,
) -> Success:
    """Completing a task again keeps its first `completed_at`; marking it incomplete clears it.

    Send the learner's time zone as `tz`, so that the completion counts for their day.
    """
    await state_of(request.app).roadmaps.update_task(
        body.task_id,
        completed=body.completed,
        user_id=acting_user(request),
        time_zone=body.tz,
    )
    return Success()
