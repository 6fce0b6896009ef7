"""Tasks: mark as done or not done."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends

from src.domain.errors import TaskNotFoundError
from src.routers import examples
from src.routers.bodies import Success, TaskUpdate
from src.routers.dependencies import Caller, Progress, UserInQuery, acting_for, refuse_several_users
from src.routers.examples import answers
from src.web.json_bodies import StrictJSONRoute
from src.web.problem_responses import BODY_STATUSES, STORE_ERRORS, error_responses

router = APIRouter(
    tags=["tasks"],
    route_class=StrictJSONRoute,
    dependencies=[Depends(refuse_several_users)],
)


@router.post(
    "/task/update",
    summary="Mark a task as completed or incomplete",
    responses=answers(examples.SUCCESS)
    | error_responses(TaskNotFoundError, *STORE_ERRORS, statuses=BODY_STATUSES),
)
async def update_task(
    body: Annotated[
        TaskUpdate, Body(openapi_examples={"completed": {"value": examples.TASK_UPDATE}})
    ],
    progress: Progress,
    caller: Caller,
    user_in_query: UserInQuery = None,
) -> Success:
    """Completing a task twice keeps the first time of completion; un-completing clears it."""
    owner = acting_for(caller, user_in_query, body.user_id)
    await progress.update_task(body.task_id, completed=body.completed, user_id=owner)
    return Success()
