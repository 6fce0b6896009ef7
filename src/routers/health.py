"""Liveness: whether the process answers."""

from fastapi import APIRouter

from src.routers.bodies import Health
from src.routers.examples import ok_response
from src.web.openapi import error_responses

router = APIRouter(tags=["health"])


@router.get(
    "/health",
    summary="Check that the service is running",
    responses=ok_response({"status": "ok"}) | error_responses(statuses=(500,)),
)
async def health() -> Health:
    """Return `ok` without a request to the database or the model."""
    return Health()
