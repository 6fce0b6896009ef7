"""The only place where an error becomes an HTTP answer: a problem document (RFC 9457)."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException

from src.domain import errors
from src.domain.models import FieldError, Problem
from src.domain.quotas import ADDRESS_BUDGET_POLICY, BUDGET_POLICY
from src.web.request_context import request_id

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:momentum-ai:problem:"
INSTANCE_PREFIX = "urn:momentum-ai:request:"
GENERATION_PATH = "/generations/{}"
"""Where a generation is told of."""


@dataclass(frozen=True)
class _Kind:
    status: int
    name: str
    title: str
    detail: str
    """What to tell the person; nothing of what they sent is repeated."""


_KINDS: dict[type[errors.MomentumError], _Kind] = {
    errors.RoadmapNotFoundError: _Kind(
        404, "roadmap-not-found", "Roadmap not found", "There is no such roadmap."
    ),
    errors.WeekNotFoundError: _Kind(
        404, "week-not-found", "Week not found", "This roadmap has no such week."
    ),
    errors.TaskNotFoundError: _Kind(
        404, "task-not-found", "Task not found", "There is no such task."
    ),
    errors.GenerationNotFoundError: _Kind(
        404, "generation-not-found", "Generation not found", "There is no such generation."
    ),
    errors.IdempotencyKeyReusedError: _Kind(
        422,
        "idempotency-key-reused",
        "Idempotency key reused",
        "This idempotency key stands for another request. Use a new key for a new request.",
    ),
    errors.GenerationRunningError: _Kind(
        409,
        "generation-running",
        "Generation running",
        "The roadmap of this request is being made. Try again in a moment, or follow `Location`.",
    ),
    errors.GenerationSucceededError: _Kind(
        409,
        "generation-succeeded",
        "Generation succeeded",
        "The roadmap is made already. Delete the roadmap instead.",
    ),
    errors.GenerationCancelledError: _Kind(
        409, "generation-cancelled", "Generation cancelled", "The generation was cancelled."
    ),
    errors.GenerationAbandonedError: _Kind(
        503,
        "generation-abandoned",
        "Generation abandoned",
        "The roadmap could not be finished in several attempts. Nothing was stored; try again.",
    ),
    errors.HandedOverError: _Kind(
        503,
        "generation-handed-over",
        "Generation handed over",
        "This server is restarting; another goes on with the roadmap, which is listed once it is"
        " done. `Location` tells how it goes.",
    ),
    errors.LeaseLostError: _Kind(
        503,
        "generation-taken-over",
        "Generation taken over",
        "Another server goes on with the roadmap, which is listed once it is done.",
    ),
    errors.ShuttingDownError: _Kind(
        503,
        "shutting-down",
        "Shutting down",
        "This server is restarting. Try again in a moment.",
    ),
    errors.UnauthenticatedError: _Kind(
        401,
        "unauthenticated",
        "Not signed in",
        "Sign in, and send a valid access token in the header Authorization: Bearer.",
    ),
    errors.ForbiddenError: _Kind(
        403,
        "another-user",
        "Another user",
        "The access token is one user's, and `user_id` names another. Send the signed-in user's.",
    ),
    errors.IdentityUnavailableError: _Kind(
        503,
        "identity-unavailable",
        "Identity unavailable",
        "The access token cannot be checked just now. Try again in a moment.",
    ),
    errors.StoreUnavailableError: _Kind(
        503,
        "database-unavailable",
        "Database unavailable",
        "The database cannot be reached just now. Try again in a moment.",
    ),
    errors.StoreTooSlowError: _Kind(
        504,
        "database-too-slow",
        "Database too slow",
        "The database did not answer in time. Try again in a moment.",
    ),
    errors.StoreConflictError: _Kind(
        409,
        "conflict",
        "Conflict",
        "What is stored has changed in the meantime. Try again.",
    ),
    errors.StoreMisconfiguredError: _Kind(
        503,
        "database-misconfigured",
        "Database misconfigured",
        "The service is not set up correctly for its database. Its operator has to act.",
    ),
    errors.LimitReachedError: _Kind(
        429,
        "limit-reached",
        "Limit reached",
        "A limit of this service is reached. Try again after the seconds that `Retry-After` says.",
    ),
    errors.StoreOverloadedError: _Kind(
        503,
        "database-overloaded",
        "Database overloaded",
        "Too many requests wait for the database just now. Try again in a moment.",
    ),
    errors.OverloadedError: _Kind(
        503,
        "overloaded",
        "Overloaded",
        "Too many roadmaps are being made just now. Try again in a minute.",
    ),
    errors.ModelUnavailableError: _Kind(
        503,
        "model-unavailable",
        "Model unavailable",
        "The language model is not available just now. Nothing was stored; try again later.",
    ),
    errors.ModelTooSlowError: _Kind(
        504,
        "model-too-slow",
        "Model too slow",
        "The language model did not finish in time. Nothing was stored; try again in a moment.",
    ),
    errors.ModelMisconfiguredError: _Kind(
        503,
        "model-misconfigured",
        "Model misconfigured",
        "The service's account at the model provider needs attention. Nothing was stored; its"
        " operator has to act.",
    ),
    errors.ModelOutputError: _Kind(
        502,
        "model-output-unusable",
        "Model output unusable",
        "The language model gave no usable answer. Nothing was stored; try again, perhaps with"
        " other words.",
    ),
    errors.ModelDeclinedError: _Kind(
        502,
        "model-declined",
        "Model declined",
        "The language model's provider declined this text. Nothing was stored; put it in other"
        " words.",
    ),
}

_RETRY_AFTER_SECONDS: dict[type[Exception], float] = {
    errors.IdentityUnavailableError: 5,
    errors.StoreUnavailableError: 5,
    errors.StoreTooSlowError: 5,
    errors.StoreOverloadedError: 1,
    errors.OverloadedError: 60,
    errors.GenerationRunningError: 2,
    errors.GenerationAbandonedError: 30,
    errors.HandedOverError: 5,
    errors.LeaseLostError: 5,
    errors.ShuttingDownError: 2,
    errors.ModelUnavailableError: 30,
}
"""How long a client does well to wait where the error itself does not know."""

_LIMITS = {
    "generations-at-once": "as many roadmaps are being made as may be at once",
    "generations-per-hour": "as many roadmaps were made within an hour as may be",
    "generations-per-day": "as many roadmaps were made within a day as may be",
    "questions-per-hour": "as many questions were asked within an hour as may be",
}
_LIMIT_SENTENCES = (
    {name: f"For this user, {told}. Try again later." for name, told in _LIMITS.items()}
    | {
        f"{name}-of-an-address": f"From your network, {told}. Try again later."
        for name, told in _LIMITS.items()
    }
    | {
        BUDGET_POLICY: "The service has spent what it may spend on the language model in a day."
        " Try again later.",
        ADDRESS_BUDGET_POLICY: "From your network, as much of the language model was used in a day"
        " as may be. Try again later.",
    }
)

_GOES_ON = (
    "The roadmap may still be finished, and is listed then. Before you ask anew, see `Location`."
)

STORE_ERRORS = (
    errors.StoreUnavailableError,
    errors.StoreTooSlowError,
    errors.StoreOverloadedError,
    errors.StoreMisconfiguredError,
)
"""What any operation can meet that asks the database."""

MODEL_ERRORS = (
    errors.ModelUnavailableError,
    errors.ModelTooSlowError,
    errors.ModelMisconfiguredError,
    errors.ModelOutputError,
    errors.ModelDeclinedError,
)
"""What any operation can meet that asks the model."""

BODY_STATUSES = (400, 408, 413, 415, 422, 500)
"""What HTTP itself can bring about where a body is read."""

_EXAMPLE_REQUEST_ID = "9f1c2e7ab0d94c55a1f8f7b1f2a6d3c4"

_HTTP_DETAILS = {
    400: "The request cannot be read. Send well-formed JSON in UTF-8.",
    404: "There is nothing at this address. The service's addresses are listed at /docs.",
    405: "This address does not take that method. The service's addresses are listed at /docs.",
    413: "The body is too large: at most 64 KiB are accepted.",
    408: "The body did not arrive in time. Try again.",
    415: "Send the body as JSON, with the header Content-Type: application/json.",
    422: "Some values of the request cannot be used; `errors` names each.",
    500: "Something went wrong on our side. Nothing that you sent was wrong.",
}


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error that reaches the app a problem document."""
    app.add_exception_handler(errors.MomentumError, _answer_domain_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid_request)
    app.add_exception_handler(HTTPException, _answer_http_error)


def unexpected_problem() -> JSONResponse:
    """Return the answer to an error that nothing else handled; it tells nothing of the cause."""
    return _response(_http_kind(500))


def problem_of(error: errors.MomentumError) -> Problem:
    """Return the document that tells a client of an error, and log what is for the operator."""
    return _document(_logged_kind(error), request_id())


def recorded_problem(error: errors.MomentumError) -> Problem:
    """Return the document that tells a client of an error that happened before, and log nothing."""
    return _document(_kind_of(error), request_id())


def error_responses(
    *kinds: type[errors.MomentumError], statuses: tuple[int, ...] = (422, 500)
) -> dict[int | str, dict[str, Any]]:
    """Return an operation's error responses for its OpenAPI description, with examples.

    `statuses` are those that HTTP itself brings about: validation, reading the body.
    """
    documents: dict[int, dict[str, Problem]] = {}
    for kind in map(_KINDS.__getitem__, kinds):
        documents.setdefault(kind.status, {})[kind.name] = _document(kind, _EXAMPLE_REQUEST_ID)
    for status in statuses:
        document = _document(_http_kind(status), _EXAMPLE_REQUEST_ID)
        documents.setdefault(status, {})[_http_kind(status).name] = document
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


async def _answer_domain_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.MomentumError)  # noqa: S101  as registered
    return answer_to(error)


def answer_to(error: errors.MomentumError) -> JSONResponse:
    """Return the answer that tells a client of an error, and log what is for the operator."""
    kind = _logged_kind(error)
    headers = {}
    if wait := getattr(error, "retry_after", None) or _RETRY_AFTER_SECONDS.get(type(error)):
        headers["Retry-After"] = str(math.ceil(wait))
    if isinstance(error, errors.LimitReachedError):
        headers |= _rate_limit(error)
        kind = replace(kind, detail=_LIMIT_SENTENCES[error.policy])
    if error.generation_id:
        headers["Location"] = GENERATION_PATH.format(error.generation_id)
    if error.generation_id and isinstance(error, errors.StoreError | errors.OverloadedError):
        kind = replace(kind, detail=f"{kind.detail} {_GOES_ON}")
    if isinstance(error, errors.UnauthenticatedError):
        fault = ' error="invalid_token"' if error.token_given else ""
        headers["WWW-Authenticate"] = f"Bearer{fault}"
    return _response(kind, headers)


async def _answer_invalid_request(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  as registered
    faults = [FieldError(field=_field(fault), message=_message(fault)) for fault in error.errors()]
    return _response(_http_kind(422), faults=faults)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  as registered
    if error.status_code == HTTPStatus.NO_CONTENT:
        return Response(status_code=HTTPStatus.NO_CONTENT)  # No problem: there is nothing to tell.
    headers = dict(error.headers or {})
    if "Allow" in headers and "route" in request.scope:
        headers["Allow"] = _allowed(request)
    return _response(_http_kind(error.status_code), headers)


def _allowed(request: Request) -> str:
    """Return every method of the request's path: the framework names those of one route alone."""
    path = request.scope["route"].path
    methods = {
        method
        for route in iter_route_contexts(request.app.routes)
        if route.path == path
        for method in route.methods or ()
    }
    return ", ".join(sorted(methods))


def _rate_limit(error: errors.LimitReachedError) -> dict[str, str]:
    """Return the fields of the IETF's draft (draft-ietf-httpapi-ratelimit-headers-11)."""
    headers = {"RateLimit": f'"{error.policy}";r=0;t={math.ceil(error.retry_after)}'}
    if error.most is not None:
        window = error.window_seconds
        unit = f";w={window}" if window else ';qu="concurrent-requests"'
        headers["RateLimit-Policy"] = f'"{error.policy}";q={error.most}{unit}'
    return headers


def _field(fault: Mapping[str, Any]) -> str:
    where, *path = fault["loc"]
    # A malformed document is located by a character's index, which names no field.
    return str(where) if fault["type"] == "json_invalid" else ".".join(map(str, path)) or str(where)


def _message(fault: Mapping[str, Any]) -> str:
    if fault["type"] == "json_invalid":
        return f"Not valid JSON: {fault['ctx']['error']}"
    # pydantic's own message quotes a character of the input.
    if fault["type"] == "uuid_parsing":
        return "Input should be a valid UUID"
    return str(fault["msg"]).removeprefix("Value error, ")


def _kind_of(error: errors.MomentumError) -> _Kind:
    return next((_KINDS[cls] for cls in type(error).__mro__ if cls in _KINDS), _http_kind(500))


def _logged_kind(error: errors.MomentumError) -> _Kind:
    kind = _kind_of(error)
    if kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("%s: %s", type(error).__name__, error)
    return kind


def _http_kind(status: int) -> _Kind:
    title = HTTPStatus(status).phrase
    return _Kind(
        status,
        title.lower().replace(" ", "-"),
        title,
        _HTTP_DETAILS.get(status, f"{title}."),
    )


def _document(kind: _Kind, request: str, faults: list[FieldError] | None = None) -> Problem:
    return Problem(
        type=TYPE_PREFIX + kind.name,
        title=kind.title,
        status=kind.status,
        detail=kind.detail,
        instance=INSTANCE_PREFIX + request,
        request_id=request,
        errors=faults,
    )


def _response(
    kind: _Kind,
    headers: Mapping[str, str] | None = None,
    faults: list[FieldError] | None = None,
) -> JSONResponse:
    return JSONResponse(
        _document(kind, request_id(), faults).model_dump(exclude_none=True),
        status_code=kind.status,
        headers=dict(headers or {}),
        media_type=MEDIA_TYPE,
    )
