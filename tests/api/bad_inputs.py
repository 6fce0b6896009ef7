"""Bodies to spoil, and what every refusal of them looks like."""

from typing import Any

import httpx

from tests.support.learners import ANA, REQUEST

CANARY = "canary-5417"
JSON = {"Content-Type": "application/json"}
PROBLEM_FIELDS = {"type", "title", "status", "detail", "instance", "request_id"}

ROUTES: dict[str, dict[str, Any]] = {
    "/generate_roadmap": REQUEST,
    "/task/update": {"task_id": CANARY, "completed": True},
    "/ask-assistant": {"user_id": ANA, "roadmap_id": 1, "input_data": CANARY},
}


def assert_problem(answer: httpx.Response, *statuses: int) -> None:
    """Assert that an answer is a problem document that does not repeat what was sent."""
    request = answer.request
    assert answer.status_code in statuses, f"{request.method} {request.url}: {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) - {"errors"} == PROBLEM_FIELDS
    assert problem["status"] == answer.status_code
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert CANARY not in answer.text
    assert "Traceback" not in answer.text
    if answer.status_code == 422:
        assert problem["errors"]
        assert all(set(error) == {"field", "message"} for error in problem["errors"])


def assert_invalid(answer: httpx.Response, *fields: str) -> None:
    """Assert that an answer is a 422 that names these fields, in this order, and no other."""
    assert_problem(answer, 422)
    assert [error["field"] for error in answer.json()["errors"]] == list(fields), answer.text
