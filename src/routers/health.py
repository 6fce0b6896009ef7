"""Liveness: whether the process answers. Readiness: whether it could serve requests."""

from http import HTTPStatus

from fastapi import Response

from src.routers.base import public_router
from src.routers.bodies import Health, Ready
from src.routers.dependencies import State
from src.routers.examples import READY, ok_response
from src.web.openapi import error_responses

router = public_router(tags=["health"])


@router.get(
    "/health",
    summary="Check that the service is running",
    responses=ok_response({"status": "ok"}) | error_responses(statuses=(500,)),
)
async def health() -> Health:
    """Return `ok` without a request to the database or the model."""
    return Health()


@router.get(
    "/health/ready",
    summary="Check that the service can serve requests",
    responses=ok_response(READY)
    | {503: {"model": Ready, "description": "The database does not serve, or has an old schema."}}
    | error_responses(statuses=(500,)),
)
async def ready(state: State, response: Response) -> Ready:
    """Say whether the database answers and has the schema of this release, and what plans.

    A result is used for two seconds. A platform that restarts what is not ready should look at
    `/health`: a restart does not mend a database.
    """
    report = await state.readiness.check()
    if not report.is_ready:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return Ready(
        status="ready" if report.is_ready else "not ready",
        database=report.database,
        schema=report.schema,
        planner=report.planner,
    )
