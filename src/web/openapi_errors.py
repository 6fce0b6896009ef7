"""Describes the error responses of operations for the OpenAPI document."""

from typing import Any

from src.domain import errors
from src.web.problem_texts import http_text, text_of_class
from src.web.problems import MEDIA_TYPE, Problem, build_problem

STORE_ERRORS = (
    errors.StoreUnavailableError,
    errors.StoreTooSlowError,
    errors.StoreOverloadedError,
    errors.StoreMisconfiguredError,
)
"""The errors of every operation that uses the database."""

MODEL_ERRORS = (
    errors.ModelUnavailableError,
    errors.ModelTooSlowError,
    errors.ModelMisconfiguredError,
    errors.ModelOutputError,
    errors.ModelDeclinedError,
)
"""The errors of every operation that uses the language model."""

BODY_STATUSES = (400, 408, 413, 415, 422, 500)
"""The statuses of every operation that reads a body."""

_EXAMPLE_REQUEST_ID = "9f1c2e7ab0d94c55a1f8f7b1f2a6d3c4"


def error_responses(
    *error_classes: type[errors.MomentumError], statuses: tuple[int, ...] = (422, 500)
) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of an operation's error responses, with an example of each.

    `statuses` are those of reading and validating the request, which have no error class.
    """
    documents: dict[int, dict[str, Problem]] = {}
    for text in (*map(text_of_class, error_classes), *map(http_text, statuses)):
        document = build_problem(text, _EXAMPLE_REQUEST_ID)
        documents.setdefault(text.status, {})[text.code] = document
    return {
        status: {
            "description": " / ".join(problem.title for problem in problems.values()),
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "examples": {
                        name: {"value": problem.model_dump(exclude_none=True)}
                        for name, problem in problems.items()
                    },
                }
            },
        }
        for status, problems in sorted(documents.items())
    }
