"""Liveness: does the process answer at all."""

from fastapi import APIRouter

from src.models import Health
from src.problems import error_responses
from src.routers.examples import answers

router = APIRouter(tags=["health"])


@router.get(
    "/health",
    summary="Verify that the backend is running",
    responses=answers({"status": "ok"}) | error_responses(statuses=(500,)),
)
async def health() -> Health:
    """Answer without touching the database or the model."""
    return Health()
