"""Progress: of one roadmap, of all, and as pictures."""

from typing import Annotated

from fastapi import Query, Response

from src.domain.errors import ProgressOverloadedError, RoadmapNotFoundError
from src.routers import progress_examples as examples
from src.routers.base import user_router
from src.routers.dates import ReaderInQuery
from src.routers.dependencies import Owner, RoadmapIdInPath, State
from src.routers.examples import ok_response
from src.routers.progress_bodies import DashboardPage, RoadmapProgress, page_of, progress_of
from src.services.progress.charts import Theme, View
from src.web.openapi import STORE_ERRORS, error_responses
from src.web.polling import PolledRoute

SVG = "image/svg+xml"

router = user_router(tags=["progress"], route_class=PolledRoute)

ThemeInQuery = Annotated[Theme, Query(description="The colours.")]
ViewInQuery = Annotated[
    View,
    Query(description="A square for each day of a year, a bar for each week, or planned and done."),
]


@router.get(
    "/progress",
    summary="Get a user's dashboard",
    responses=ok_response(examples.DASHBOARD, headers=examples.ETAG_HEADER)
    | examples.NOT_MODIFIED
    | error_responses(ProgressOverloadedError, *STORE_ERRORS),
)
async def get_dashboard(owner: Owner, reader: ReaderInQuery, state: State) -> DashboardPage:
    """Return where the learner is with every roadmap, newest first, and what to do today.

    - `today`: unfinished tasks that are due by today, by due date, then roadmap, then the plan's
      order. Of each roadmap as much as its minutes a day hold, but one task at least.
    - `streak`: over all roadmaps. A day that is off in any of them does not count.

    The rules of the other fields are those of `GET /roadmap/{roadmap_id}/progress`.
    """
    return page_of(await state.progress.get_dashboard(owner, reader))


@router.get(
    "/roadmap/{roadmap_id}/progress",
    summary="Get the progress of a roadmap",
    responses=ok_response(examples.PROGRESS, headers=examples.ETAG_HEADER)
    | examples.NOT_MODIFIED
    | error_responses(RoadmapNotFoundError, ProgressOverloadedError, *STORE_ERRORS),
)
async def get_progress(
    roadmap_id: RoadmapIdInPath, owner: Owner, reader: ReaderInQuery, state: State
) -> RoadmapProgress:
    """Return where the learner is, whether they are on track, and when they will be done.

    - **Days** begin at `rollover` o'clock in the zone `tz`. A task that was completed with a `tz`
      counts for the day in that zone, so that travelling changes no day of the past; without one,
      for the day in the zone of this request.
    - **Due**: a task's `due_date` or, as long as none is set, the start plus 7 (week - 1) + (day
      - 1) days. The start is the one that was scheduled, or the day on which the roadmap was made.
    - **Minutes**: `estimated_minutes` or, without them, an equal share of the day's hours.
    - `progress`: completed tasks in percent, rounded down. 100 means that all is done.
    - `streak`: days with at least one completion. Today does not break a streak as long as it
      lasts. Days off are neutral. At most two missed days in any seven are bridged: they are
      listed in `bridged` and do not count.
    - `pace`: tasks and minutes a day over the last 7 and 28 days, today included. Days before the
      start do not count.
    - `expected_tasks`: tasks that are due by today. `days_behind`: today minus the day by which
      the plan has as many tasks as are done; negative means ahead.
    - `cushion_minutes`: for each day to come, the minutes that are available until then, minus
      those that all tasks due by then still need; the smallest of these. `safe_days`: on how many
      days one may do nothing before it turns negative.
    - `planned_end`: the last due date. `forecast`: when the remaining minutes are done at the
      faster and at the slower of the two paces. It is null while both are 0, and `latest` is null
      while one is.
    - `state`: `done`; `not_started` (nothing is done, and nothing was due before today); `behind`
      (the cushion is negative); `ahead` (at least a day); or `on_track`.
    """
    return progress_of(roadmap_id, await state.progress.get_report(owner, roadmap_id, reader))


@router.get(
    "/roadmap/{roadmap_id}/progress.svg",
    summary="Get a picture of a roadmap's progress",
    response_class=Response,
    responses=examples.file_response({SVG: examples.PICTURE})
    | examples.NOT_MODIFIED
    | error_responses(RoadmapNotFoundError, ProgressOverloadedError, *STORE_ERRORS),
)
async def draw_progress(
    *,
    roadmap_id: RoadmapIdInPath,
    owner: Owner,
    reader: ReaderInQuery,
    state: State,
    view: ViewInQuery = "year",
    theme: ThemeInQuery = "light",
) -> Response:
    """Return an SVG for an `<img>`. It has a title and a description in words.

    Where a token is required, an `<img>` cannot send it: fetch the picture with the token, and show
    it as an object URL of its blob.
    """
    picture = await state.progress.draw(owner, roadmap_id, reader, view, theme)
    return Response(picture, media_type=SVG)


@router.get(
    "/progress.svg",
    summary="Get a picture of a user's last year",
    response_class=Response,
    responses=examples.file_response({SVG: examples.PICTURE})
    | examples.NOT_MODIFIED
    | error_responses(ProgressOverloadedError, *STORE_ERRORS),
)
async def draw_year(
    owner: Owner, reader: ReaderInQuery, state: State, theme: ThemeInQuery = "light"
) -> Response:
    """Return an SVG with a square for each day of the last 53 weeks, over all roadmaps."""
    return Response(await state.progress.draw_everything(owner, reader, theme), media_type=SVG)
