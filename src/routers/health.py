"""Liveness: does the process answer at all."""

from fastapi import APIRouter

from src.routers.bodies import Health
from src.routers.examples import answers
from src.web.openapi_errors import error_responses

router = APIRouter(tags=["health"])


@router.get(
    "/health",
    summary="Verify that the backend is running",
    responses=answers({"status": "ok"}) | error_responses(statuses=(500,)),
)
async def health() -> Health:
    """Answer without touching the database or the model."""
    return Health()
