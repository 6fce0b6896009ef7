"""The API's description: what FastAPI knows, the problem document, and who may ask."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from src.domain.errors import ForbiddenError, IdentityUnavailableError, UnauthenticatedError
from src.web.openapi_errors import error_responses
from src.web.problems import MEDIA_TYPE, Problem
from src.web.public_paths import is_public

TOKEN_SCHEME = "access_token"  # noqa: S105  the scheme's name
"""Under this name Swagger UI's Authorize asks for a token, and sends it from then on."""

_BEARER_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The access token of a Supabase Auth session.",
}
_ANONYMOUS: dict[str, list[str]] = {}
"""As an alternative among an operation's requirements: it answers without a token, too."""


def build_openapi(app: FastAPI, *, token_required: bool = False) -> dict[str, Any]:
    """Return the OpenAPI document, made once per app.

    `token_required` says that without a token only public operations answer.
    """
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        # FastAPI knows only schemas of JSON answers; problems have a media type of their own.
        _, problem = models_json_schema(
            [(Problem, "serialization")], ref_template="#/components/schemas/{model}"
        )
        document["components"]["schemas"].update(problem["$defs"])
        # Not by FastAPI's own classes: the middleware verifies, before any of them would look.
        document["components"]["securitySchemes"] = {TOKEN_SCHEME: _BEARER_SCHEME}
        accepted = [{TOKEN_SCHEME: []}] if token_required else [_ANONYMOUS, {TOKEN_SCHEME: []}]
        for operation in _protected_operations(document):
            operation["security"] = accepted
            _add_auth_errors(operation["responses"])
            operation["responses"] = dict(sorted(operation["responses"].items()))
        app.openapi_schema = document
    return app.openapi_schema


def _protected_operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path, operations in document["paths"].items():
        if not is_public(path):
            yield from operations.values()


def _add_auth_errors(responses: dict[str, Any]) -> None:
    """Add what an operation answers to those who may not ask, beside what it says already."""
    auth_errors = error_responses(
        UnauthenticatedError, ForbiddenError, IdentityUnavailableError, statuses=()
    )
    auth_errors[401]["headers"] = {
        "WWW-Authenticate": {
            "schema": {"type": "string"},
            "description": '`Bearer`, with `error="invalid_token"` where a token was sent.',
        }
    }
    for status, response in auth_errors.items():
        known = responses.setdefault(str(status), response)
        examples = known["content"][MEDIA_TYPE]["examples"]
        if not response["content"][MEDIA_TYPE]["examples"].keys() <= examples.keys():
            known["description"] += f" / {response['description']}"
            examples.update(response["content"][MEDIA_TYPE]["examples"])
