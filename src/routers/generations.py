"""Generations: start, read, follow, cancel."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated

from fastapi import Body, Depends, Response
from fastapi.responses import StreamingResponse

from src.app_state import AppState
from src.domain import errors
from src.domain.generation import GenerationRecord, NumberedEvent, part_kind
from src.domain.quotas import Requester
from src.domain.roadmap import Roadmap, SavedRoadmap
from src.routers import examples
from src.routers.base import user_router
from src.routers.bodies import GenerateRoadmap, GenerationStatus, Success
from src.routers.dependencies import (
    ActingUser,
    ClientKey,
    GenerationIdInPath,
    IdempotencyKey,
    LastEventId,
    State,
)
from src.routers.examples import ok_response
from src.web.event_stream import Event, event_stream
from src.web.json_bodies import StrictJSONRoute
from src.web.negotiation import EventStreamRoute, RespondAsyncRoute
from src.web.openapi import BODY_STATUSES, MODEL_ERRORS, STORE_ERRORS, error_responses
from src.web.problems import GENERATION_PATH, problem_document, report_problem

PLANNER_HEADER = "Momentum-Planner"
REPLAYED_HEADER = "Idempotency-Replayed"
PREFERENCE_HEADER = "Preference-Applied"
RESPONSE_HEADERS = (PLANNER_HEADER, REPLAYED_HEADER, PREFERENCE_HEADER)

stream_router = user_router(route_class=EventStreamRoute, include_in_schema=False)
async_router = user_router(route_class=RespondAsyncRoute, include_in_schema=False)
router = user_router(route_class=StrictJSONRoute)


def _status_of(record: GenerationRecord) -> GenerationStatus:
    error = record.error
    return GenerationStatus(
        generation_id=record.generation_id,
        state=record.state,
        weeks_done=record.weeks_done,
        weeks_total=record.weeks_total,
        started_at=record.started_at,
        finished_at=record.finished_at,
        resume_at=record.resume_at if record.state == "waiting" else None,
        roadmap=record.saved_roadmap,
        problem=problem_document(error) if error else None,
        usage=record.usage,
    )


async def _to_sent_events(
    events: AsyncGenerator[NumberedEvent, None],
) -> AsyncGenerator[Event, None]:
    """Yield a generation's events in the form that clients get.

    An error that does not end the generation has no number: the client can reconnect.
    """
    try:
        async with aclosing(events):
            async for number, event in events:
                if isinstance(event, errors.MomentumError):
                    yield Event("problem", problem_document(event), number)
                elif isinstance(event, SavedRoadmap):
                    yield Event("saved", event, number)
                else:
                    yield Event(part_kind(event), event, number)
    except errors.MomentumError as error:
        yield Event("problem", report_problem(error))


@dataclass(frozen=True)
class _GenerationRequest:
    """What the three routes for new roadmaps have in common."""

    body: Annotated[
        GenerateRoadmap, Body(openapi_examples={"roadmap": {"value": examples.GENERATE_ROADMAP}})
    ]
    client_key: ClientKey
    acting: ActingUser
    idempotency_key: IdempotencyKey

    @property
    def requester(self) -> Requester:
        return Requester(user_id=self.body.user_id, client_key=self.client_key)

    async def begin(self, state: AppState) -> tuple[GenerationRecord, dict[str, str]]:
        """Start a generation; return its record and the headers of the response."""
        record = await state.admission.begin(
            self.requester, self.body.plan_request(), self.idempotency_key
        )
        headers = {
            PLANNER_HEADER: state.planner_name,
            "Location": GENERATION_PATH.format(record.generation_id),
        }
        if record.finished_at is not None:
            headers[REPLAYED_HEADER] = "true"
        return record, headers


GenerationRequest = Annotated[_GenerationRequest, Depends()]


@router.post(
    "/generate_roadmap",
    tags=["roadmaps"],
    summary="Generate and store a new roadmap",
    responses=ok_response(
        examples.ROADMAP,
        events=examples.GENERATION_EVENTS,
        headers={
            PLANNER_HEADER: "The planner: `openrouter`, or `offline` if no model is configured.",
            REPLAYED_HEADER: "`true` if an earlier request with this key got the same response.",
            "Location": "The URL of the generation.",
        },
    )
    | {202: examples.ACCEPTED}
    | error_responses(
        *MODEL_ERRORS,
        *STORE_ERRORS,
        errors.StoreConflictError,
        errors.OverloadedError,
        errors.LimitReachedError,
        errors.ForbiddenError,
        errors.IdempotencyKeyReusedError,
        errors.GenerationRunningError,
        errors.GenerationWaitingError,
        errors.GenerationCancelledError,
        errors.GenerationAbandonedError,
        errors.HandedOverError,
        errors.ShuttingDownError,
        statuses=BODY_STATUSES,
    ),
    openapi_extra={"parameters": [examples.PREFER_PARAMETER]},  # read where the route is chosen
)
async def generate_roadmap(request: GenerationRequest, state: State, response: Response) -> Roadmap:
    """Plan week by week, then store the whole roadmap. If planning fails, nothing is stored.

    An error response with a `Location` means that the roadmap may still be finished. Request that
    URL to find out. If the model's provider asks for a pause, the generation waits and continues by
    itself after `Retry-After`; the same request gets the same response until then.

    With `Accept: text/event-stream`, the plan is streamed in `outline`, `day` and `week` events,
    followed by one `saved` or `problem` event. With `Prefer: respond-async`, the response is a 202
    at once, and `Location` is the URL of the generation.

    With an `Idempotency-Key`, a request can be repeated for a day without a second roadmap.
    """
    record, headers = await request.begin(state)
    response.headers.update(headers)
    return await state.follower.wait_for_roadmap(record, request.client_key)


@async_router.post("/generate_roadmap", status_code=202)
async def begin_roadmap_generation(
    request: GenerationRequest, state: State, response: Response
) -> GenerationStatus:
    """Start the generation and return at once."""
    record, headers = await request.begin(state)
    response.headers.update(headers | {PREFERENCE_HEADER: "respond-async"})
    return _status_of(record)


@stream_router.post("/generate_roadmap")
async def stream_roadmap_generation(request: GenerationRequest, state: State) -> StreamingResponse:
    """Stream the plan as it is made. If the client disconnects, generation continues."""
    record, headers = await request.begin(state)
    events = await state.follower.follow(record.generation_id, request.requester)
    return event_stream(_to_sent_events(events), headers)


@router.get(
    "/generations/{generation_id}",
    tags=["generations"],
    summary="Get the state of a generation",
    responses=ok_response(examples.GENERATION_STATUS)
    | error_responses(errors.GenerationNotFoundError, *STORE_ERRORS),
)
async def get_generation(
    generation_id: GenerationIdInPath, state: State, owner: ActingUser
) -> GenerationStatus:
    """Return its state, the number of finished weeks, and at the end its roadmap or problem.

    If it waits for the model's provider, `resume_at` says when it continues.
    """
    return _status_of(await state.follower.get(generation_id, owner))


@router.get(
    "/generations/{generation_id}/events",
    tags=["generations"],
    summary="Follow a generation",
    response_class=StreamingResponse,
    responses={
        200: {"content": examples.event_stream_content(examples.GENERATION_EVENTS)},
        204: {"description": "Every event was sent before."},
        **error_responses(
            errors.GenerationNotFoundError,
            errors.LimitReachedError,
            *STORE_ERRORS,
        ),
    },
)
async def follow_generation(
    generation_id: GenerationIdInPath,
    state: State,
    owner: ActingUser,
    client_key: ClientKey,
    last_event_id: LastEventId = 0,
) -> Response:
    """Stream every event with a larger number than `Last-Event-ID`, whichever server plans it.

    If a stream ends without `saved` or a numbered `problem`, request it again; if the problem has a
    `resume_at`, after that time. After the roadmap is deleted, its events are not found.
    """
    generation = await state.follower.look(generation_id, owner)
    if generation.end_number is not None and generation.end_number <= last_event_id:
        return Response(status_code=204)  # tells an EventSource not to reconnect
    requester = Requester(user_id=generation.record.user_id, client_key=client_key)
    events = await state.follower.follow(generation_id, requester, last_event_id)
    return event_stream(_to_sent_events(events))


@router.delete(
    "/generations/{generation_id}",
    tags=["generations"],
    summary="Cancel a generation",
    responses=ok_response(examples.SUCCESS)
    | error_responses(
        errors.GenerationNotFoundError, errors.GenerationSucceededError, *STORE_ERRORS
    ),
)
async def cancel_generation(
    generation_id: GenerationIdInPath, state: State, owner: ActingUser
) -> Success:
    """Stop it, whichever server works on the roadmap. A failed generation stays failed."""
    await state.admission.cancel(generation_id, owner)
    return Success()
