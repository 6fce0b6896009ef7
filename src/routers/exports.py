"""Roadmaps to take along: as files, and as calendars at secret addresses."""

from typing import Annotated

from fastapi import Body, Path, Query, Response

from src.domain import errors
from src.domain.schedule import CalendarFeed
from src.routers import progress_examples as examples
from src.routers.base import public_router, user_router
from src.routers.bodies import Success
from src.routers.dates import ReaderInQuery
from src.routers.dependencies import ActingUser, Owner, RoadmapIdInPath, State
from src.routers.examples import SUCCESS, ok_response
from src.routers.schedule_bodies import AlarmHour, CalendarAddress, NewCalendarFeed
from src.services.progress.exports.service import Format
from src.web.openapi import BODY_STATUSES, STORE_ERRORS, error_responses
from src.web.polling import PolledRoute

MEDIA_TYPES: dict[Format, str] = {
    "ics": "text/calendar",
    "csv": "text/csv",
    "md": "text/markdown",
}
CALENDAR_PATH = "/calendar/{token}.ics"

router = user_router(tags=["exports"], route_class=PolledRoute)
calendar_router = public_router(tags=["exports"], route_class=PolledRoute)
"""What needs no user: the secret in the path says whose calendar it is."""


def _file(content: bytes, file_format: Format, name: str) -> Response:
    return Response(
        content,
        media_type=f"{MEDIA_TYPES[file_format]}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.{file_format}"'},
    )


@router.get(
    "/roadmap/{roadmap_id}/export",
    summary="Get a roadmap as a calendar, a table or a list",
    response_class=Response,
    responses=examples.file_response(
        {
            MEDIA_TYPES["ics"]: examples.CALENDAR,
            MEDIA_TYPES["csv"]: examples.TABLE,
            MEDIA_TYPES["md"]: examples.CHECK_LIST,
        }
    )
    | examples.NOT_MODIFIED
    | error_responses(errors.RoadmapNotFoundError, errors.ProgressOverloadedError, *STORE_ERRORS),
)
async def export_roadmap(
    *,
    roadmap_id: RoadmapIdInPath,
    owner: Owner,
    reader: ReaderInQuery,
    state: State,
    file_format: Annotated[
        Format,
        Query(
            alias="format",
            description="iCalendar, CSV, or Markdown.",
            openapi_examples={"a calendar": {"value": "ics"}},
        ),
    ],
    alarm: Annotated[
        AlarmHour | None, Query(description="In a calendar: the hour to alarm.")
    ] = None,
) -> Response:
    """Return a file.

    - `ics`: an all-day event for each task. Importing it again updates the events: their UIDs come
      from the tasks' ids, and `SEQUENCE` rises with each change of a date.
    - `csv`: a row for each task, in UTF-8 with a byte order mark. A text that a spreadsheet would
      calculate begins with an apostrophe.
    - `md`: check boxes by week and day, with minutes.
    """
    content = await state.exports.export(owner, roadmap_id, reader, file_format, alarm)
    return _file(content, file_format, f"roadmap-{roadmap_id}")


@router.post(
    "/roadmap/{roadmap_id}/calendar-feed",
    summary="Create a calendar to subscribe to",
    responses=ok_response(examples.CALENDAR_ADDRESS)
    | error_responses(errors.RoadmapNotFoundError, *STORE_ERRORS, statuses=BODY_STATUSES),
)
async def create_calendar_feed(
    roadmap_id: RoadmapIdInPath,
    body: Annotated[
        NewCalendarFeed, Body(openapi_examples={"with an alarm": {"value": examples.NEW_FEED}})
    ],
    state: State,
    _acting: ActingUser,
) -> CalendarAddress:
    """Return a secret path, under which calendar programs read the roadmap without signing in.

    Whoever knows it can read the roadmap. It is shown this once. Asking again gives another path,
    and the one before stops working.
    """
    feed = CalendarFeed(roadmap_id, body.user_id, body.tz, body.rollover, body.alarm)
    return CalendarAddress(path=CALENDAR_PATH.format(token=await state.feeds.create(feed)))


@router.delete(
    "/roadmap/{roadmap_id}/calendar-feed",
    summary="Revoke a roadmap's calendar",
    responses=ok_response(SUCCESS) | error_responses(errors.RoadmapNotFoundError, *STORE_ERRORS),
)
async def revoke_calendar_feed(roadmap_id: RoadmapIdInPath, owner: Owner, state: State) -> Success:
    """Let the secret path stop working at once. Without a calendar, there is nothing to do."""
    await state.feeds.revoke(owner, roadmap_id)
    return Success()


@calendar_router.get(
    CALENDAR_PATH,
    summary="Read a calendar by its secret path",
    response_class=Response,
    responses=examples.file_response({MEDIA_TYPES["ics"]: examples.CALENDAR})
    | examples.NOT_MODIFIED
    | error_responses(
        errors.CalendarFeedNotFoundError,
        errors.CalendarPolledTooOftenError,
        errors.ProgressOverloadedError,
        *STORE_ERRORS,
    ),
)
async def read_calendar(
    token: Annotated[
        str,
        Path(
            description="The secret.",
            openapi_examples={"a secret": {"value": examples.FEED_TOKEN}},
        ),
    ],
    state: State,
) -> Response:
    """Return the roadmap as a calendar, at most 60 times an hour. Nothing else is needed."""
    return _file(await state.feeds.read(token), "ics", "roadmap")
