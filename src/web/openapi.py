"""The OpenAPI document: FastAPI's own, plus error responses and authentication."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from src.domain import errors
from src.web.problem_texts import http_text, text_of_class
from src.web.problems import (
    ASSISTANT_PATH,
    MEDIA_TYPE,
    AssistantProblem,
    Problem,
    build_problem,
)
from src.web.public_paths import needs_no_token

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

_SCHEMAS = "#/components/schemas/{model}"
_EXAMPLE_REQUEST_ID = "9f1c2e7ab0d94c55a1f8f7b1f2a6d3c4"

TOKEN_SCHEME = "access_token"  # noqa: S105  the scheme's name
"""The security scheme for which Swagger UI's Authorize button asks for a token."""

_BEARER_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The access token of a Supabase Auth session.",
}


def error_responses(
    *error_classes: type[errors.MomentumError],
    statuses: tuple[int, ...] = (422, 500),
    about_question: bool = False,
) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of an operation's error responses, with an example of each.

    `statuses` are those of reading and validating the request, which have no error class. With
    `about_question`, the operation is the assistant's, whose problems have a member more.
    """
    schema = AssistantProblem if about_question else Problem
    documents: dict[int, dict[str, Problem]] = {}
    for text in (*map(text_of_class, error_classes), *map(http_text, statuses)):
        document = build_problem(text, _EXAMPLE_REQUEST_ID, about_question=about_question)
        documents.setdefault(text.status, {})[text.code] = document
    return {
        status: {
            "description": " / ".join(problem.title for problem in problems.values()),
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": _SCHEMAS.format(model=schema.__name__)},
                    "examples": {
                        name: {"value": problem.model_dump(exclude_none=True)}
                        for name, problem in problems.items()
                    },
                }
            },
        }
        for status, problems in sorted(documents.items())
    }


def build_openapi(app: FastAPI, *, token_required: bool = False) -> dict[str, Any]:
    """Return the OpenAPI document, which is built once per app.

    With `token_required`, only public operations can be called without a token.
    """
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        # FastAPI adds schemas only for `application/json`; problems have their own media type.
        _, problem = models_json_schema(
            [(Problem, "serialization"), (AssistantProblem, "serialization")],
            ref_template=_SCHEMAS,
        )
        document["components"]["schemas"].update(problem["$defs"])
        # Added here, not by FastAPI's security classes: a middleware verifies the tokens.
        document["components"]["securitySchemes"] = {TOKEN_SCHEME: _BEARER_SCHEME}
        by_token: dict[str, list[str]] = {TOKEN_SCHEME: []}
        accepted = [by_token] if token_required else [{}, by_token]  # {}: without one, too
        protected = (
            (path, operation)
            for path, operations in document["paths"].items()
            if not needs_no_token(path)
            for operation in operations.values()
        )
        for path, operation in protected:
            operation["security"] = accepted
            _add_auth_errors(operation["responses"], about_question=path == ASSISTANT_PATH)
            operation["responses"] = dict(sorted(operation["responses"].items()))
        app.openapi_schema = document
    return app.openapi_schema


def _add_auth_errors(responses: dict[str, Any], *, about_question: bool) -> None:
    """Add the errors of authentication to those that an operation already documents."""
    auth_errors = error_responses(
        errors.UnauthenticatedError,
        errors.ForbiddenError,
        errors.IdentityUnavailableError,
        statuses=(),
        about_question=about_question,
    )
    auth_errors[401]["headers"] = {
        "WWW-Authenticate": {
            "schema": {"type": "string"},
            "description": '`Bearer`, with `error="invalid_token"` if a token was sent.',
        }
    }
    for status, response in auth_errors.items():
        documented = responses.setdefault(str(status), response)
        examples = documented["content"][MEDIA_TYPE]["examples"]
        if not response["content"][MEDIA_TYPE]["examples"].keys() <= examples.keys():
            documented["description"] += f" / {response['description']}"
            examples.update(response["content"][MEDIA_TYPE]["examples"])
