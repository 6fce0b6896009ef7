"""The learners in tests, and what they ask for."""

from typing import Any

ANA = "550e8400-e29b-41d4-a716-446655440000"
BEN = "7f8c1c1e-3b7e-4b5e-9d56-1f2a3b4c5d6e"


def roadmap_request(**changes: object) -> dict[str, Any]:
    """Return the body with which Ana asks for a roadmap, with these changes."""
    return {
        "user_id": ANA,
        "goal": "Learn Python for data science",
        "duration_weeks": 2,
        "daily_hours": 2,
        "level": "intermediate",
    } | changes


REQUEST = roadmap_request()
