"""Dates: schedule a roadmap, undo that, and move a task by hand."""

from typing import Annotated

from fastapi import Body, Header, HTTPException, Response
from fastapi.exceptions import RequestValidationError

from src.domain import errors
from src.domain.roadmap import Task
from src.routers import progress_examples as examples
from src.routers.base import user_router
from src.routers.bodies import Success
from src.routers.dates import reader_now
from src.routers.dependencies import ActingUser, RoadmapIdInPath, State
from src.routers.examples import SUCCESS, ok_response
from src.routers.schedule_bodies import NewSchedule, OfUser, TaskMove
from src.services.progress.scheduling import (
    DateOutOfRangeError,
    Precondition,
    ScheduleAnswer,
    Scheduled,
)
from src.web.json_bodies import StrictJSONRoute
from src.web.openapi import BODY_STATUSES, STORE_ERRORS, error_responses
from src.web.polling import is_any, strong_etags
from src.web.problems import problem_response

router = user_router(tags=["schedule"], route_class=StrictJSONRoute)

IfMatch = Annotated[
    str | None,
    Header(
        max_length=1_000,
        description="The `ETag` of the dates that you have seen. It is needed to apply a schedule.",
    ),
]


def dates_etag(roadmap_id: int, version: int) -> str:
    """Return the tag that stands for a version of a roadmap's dates."""
    return f'"{roadmap_id}.{version}"'


def _precondition(roadmap_id: int, if_match: str) -> Precondition:
    if is_any(if_match):
        return Precondition(None, "*")
    prefix = f'"{roadmap_id}.'
    known = (
        tag.removeprefix(prefix).removesuffix('"')
        for tag in strong_etags(if_match)
        if tag.startswith(prefix)
    )
    versions = frozenset(int(each) for each in known if each.isascii() and each.isdecimal())
    return Precondition(versions, if_match.strip())


@router.post(
    "/roadmap/{roadmap_id}/schedule",
    summary="Give the tasks of a roadmap new dates",
    response_model=ScheduleAnswer,
    responses=ok_response(examples.SCHEDULED, headers=examples.DATES_ETAG_HEADER)
    | error_responses(
        errors.RoadmapNotFoundError,
        errors.ScheduleDoesNotFitError,
        errors.ScheduleChangedError,
        errors.ProgressOverloadedError,
        *STORE_ERRORS,
        statuses=(*BODY_STATUSES, 428),
    ),
)
async def schedule_roadmap(
    roadmap_id: RoadmapIdInPath,
    body: Annotated[
        NewSchedule, Body(openapi_examples={"as planned": {"value": examples.NEW_SCHEDULE}})
    ],
    state: State,
    _acting: ActingUser,
    if_match: IfMatch = None,
) -> Response:
    """Plan anew after missed days, or say when you learn. No model is asked.

    Tasks that are done, and tasks that were moved by hand, keep their dates. The plan's order is
    kept. No day is filled beyond its minutes: what is fixed there counts, and may exceed them. A
    task that is longer than a day gets a day without any other. What cannot fit is a 409 with the
    `earliest_end` that would do.

    A dry run, which is the default, changes nothing. To apply, send `"dry_run": false` and the
    `ETag` as `If-Match`. It is applied as a whole, or not at all: 428 without `If-Match`, and 412
    with the present `ETag` if a date has changed in the meantime. If an answer is lost, repeat the
    request: the same body with the same `If-Match` gets the same answer. `If-Match: *` takes any
    dates; a repetition of it is one on the same day alone.
    """
    request = body.schedule_request()
    if body.dry_run:
        scheduled = await state.scheduling.try_out(body.user_id, roadmap_id, request)
        return _scheduled_response(roadmap_id, scheduled)
    if if_match is None:
        raise HTTPException(428)
    try:
        scheduled = await state.scheduling.apply(
            body.user_id,
            roadmap_id,
            request,
            _precondition(roadmap_id, if_match),
            body.model_dump(mode="json"),
        )
    except errors.ScheduleChangedError as error:
        return problem_response(error, {"ETag": dates_etag(roadmap_id, error.version)})
    return _scheduled_response(roadmap_id, scheduled)


def _scheduled_response(roadmap_id: int, scheduled: Scheduled) -> Response:
    # The answer as it is stored: repeating a request gives the same bytes.
    return Response(
        scheduled.answer,
        media_type="application/json",
        headers={"ETag": dates_etag(roadmap_id, scheduled.version)},
    )


@router.post(
    "/roadmap/{roadmap_id}/schedule/undo",
    summary="Undo the last schedule",
    responses=ok_response(SUCCESS, headers=examples.DATES_ETAG_HEADER)
    | error_responses(
        errors.RoadmapNotFoundError,
        errors.NothingToUndoError,
        *STORE_ERRORS,
        statuses=BODY_STATUSES,
    ),
)
async def undo_schedule(
    roadmap_id: RoadmapIdInPath,
    body: Annotated[OfUser, Body(openapi_examples={"undo": {"value": examples.OF_USER}})],
    state: State,
    _acting: ActingUser,
    response: Response,
) -> Success:
    """Restore the dates from before the last schedule. What was completed since stays completed.

    There is one level: a 409 says that nothing was scheduled, that it was undone already, or that
    a task was moved by hand since.
    """
    version = await state.scheduling.undo(body.user_id, roadmap_id)
    response.headers["ETag"] = dates_etag(roadmap_id, version)
    return Success()


@router.post(
    "/task/move",
    summary="Move a task to another date by hand",
    responses=ok_response(examples.MOVED_TASK)
    | error_responses(errors.TaskNotFoundError, *STORE_ERRORS, statuses=BODY_STATUSES),
)
async def move_task(
    body: Annotated[TaskMove, Body(openapi_examples={"to a date": {"value": examples.TASK_MOVE}})],
    state: State,
    _acting: ActingUser,
) -> Task:
    """Return the task. From now on schedules leave it where it is; a null lets go of it again.

    The date is from the roadmap's start to three years after today.
    """
    reader = reader_now(body.tz, body.rollover)
    try:
        return await state.scheduling.move_task(body.user_id, body.task_id, body.due_date, reader)
    except DateOutOfRangeError as error:
        fault = {"type": "date_range", "loc": ("body", "due_date"), "msg": str(error)}
        raise RequestValidationError([fault]) from None
