"""The OpenAPI document: FastAPI's own, plus problem documents and authentication."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from src.domain.errors import ForbiddenError, IdentityUnavailableError, UnauthenticatedError
from src.web.openapi_errors import error_responses
from src.web.problems import MEDIA_TYPE, Problem
from src.web.public_paths import is_public

TOKEN_SCHEME = "access_token"  # noqa: S105  the scheme's name
"""The security scheme for which Swagger UI's Authorize button asks for a token."""

_BEARER_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The access token of a Supabase Auth session.",
}
_ANONYMOUS: dict[str, list[str]] = {}
"""Among an operation's security requirements: it can be called without a token, too."""


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
            [(Problem, "serialization")], ref_template="#/components/schemas/{model}"
        )
        document["components"]["schemas"].update(problem["$defs"])
        # Added here, not by FastAPI's security classes: a middleware verifies the tokens.
        document["components"]["securitySchemes"] = {TOKEN_SCHEME: _BEARER_SCHEME}
        accepted = [{TOKEN_SCHEME: []}] if token_required else [_ANONYMOUS, {TOKEN_SCHEME: []}]
        protected = (
            operation
            for path, operations in document["paths"].items()
            if not is_public(path)
            for operation in operations.values()
        )
        for operation in protected:
            operation["security"] = accepted
            _add_auth_errors(operation["responses"])
            operation["responses"] = dict(sorted(operation["responses"].items()))
        app.openapi_schema = document
    return app.openapi_schema


def _add_auth_errors(responses: dict[str, Any]) -> None:
    """Add the errors of authentication to those that an operation already documents."""
    auth_errors = error_responses(
        UnauthenticatedError, ForbiddenError, IdentityUnavailableError, statuses=()
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
