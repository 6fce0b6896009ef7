"""Turns every error into an HTTP response: a problem document (RFC 9457)."""

import logging
import math
from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException

from src.domain import errors
from src.domain.vocabulary import UtcTime, Value
from src.web.log_limit import LogLimit
from src.web.problem_texts import ProblemText, http_text, text_of, text_of_class
from src.web.request_context import request_id, request_path

logger = logging.getLogger(__name__)

_server_error_limit = LogLimit()

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:momentum-ai:problem:"
INSTANCE_PREFIX = "urn:momentum-ai:request:"
GENERATION_PATH = "/generations/{}"
"""The path at which a client reads the state of a generation."""


class FieldError(Value):
    """A field that failed validation; `field` is its path in the request."""

    field: str
    message: str


ASSISTANT_PATH = "/ask-assistant"


class Problem(Value):
    """A problem document (RFC 9457), as `application/problem+json`.

    `resume_at` is when a generation continues that waits for the model's provider. `earliest_end`
    is the first end of a schedule into which the tasks would fit.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[FieldError] | None = None
    resume_at: UtcTime | None = None
    earliest_end: date | None = None


class AssistantProblem(Problem):
    """A problem on the assistant's path, with its sentence where an answer has its text.

    The deployed frontend shows `response` alone, whatever the status.
    """

    response: str


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every error that reaches the app with a problem document."""

    @app.exception_handler(errors.MomentumError)
    async def handle_domain_error(_request: Request, error: errors.MomentumError) -> JSONResponse:
        return problem_response(error)

    @app.exception_handler(RequestValidationError)
    async def handle_invalid_request(
        _request: Request, error: RequestValidationError
    ) -> JSONResponse:
        field_errors = [
            FieldError(field=_field_path(fault), message=_field_message(fault))
            for fault in error.errors()
        ]
        return _response(http_text(422), field_errors=field_errors)

    @app.exception_handler(HTTPException)
    async def handle_http_error(request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers or {})
        if "Allow" in headers and "route" in request.scope:
            headers["Allow"] = _allowed_methods(request)
        return http_problem_response(error.status_code, headers)


def http_problem_response(status: int, headers: Mapping[str, str]) -> JSONResponse:
    """Return the response to a request that HTTP itself refuses with this status."""
    return _response(http_text(status), headers)


def internal_error_response() -> JSONResponse:
    """Return the response to an unexpected error; it does not reveal the cause."""
    return http_problem_response(500, {})


def report_problem(error: errors.MomentumError) -> Problem:
    """Return the document for an error, and log the error if it is the server's."""
    _log_server_error(error)
    return problem_document(error)


def problem_document(error: errors.MomentumError) -> Problem:
    """Return the document for an error without logging it, since it was logged before."""
    return build_problem(text_of(error), request_id(), about_question=_is_about_question())


def problem_response(
    error: errors.MomentumError, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return the response to an error, and log the error if it is the server's."""
    _log_server_error(error)
    text = text_of(error)
    headers = dict(headers or {})
    if text.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(text.retry_after))
    if isinstance(error, errors.LimitReachedError):
        headers |= _rate_limit_headers(error)
    if error.generation_id:
        headers["Location"] = GENERATION_PATH.format(error.generation_id)
    if isinstance(error, errors.UnauthenticatedError):
        reason = ' error="invalid_token"' if error.token_given else ""
        headers["WWW-Authenticate"] = f"Bearer{reason}"
    return _response(text, headers)


def _allowed_methods(request: Request) -> str:
    """Return all methods of the request's path; Starlette lists those of one route only."""
    path = request.scope["route"].path
    methods = {
        method
        for route in iter_route_contexts(request.app.routes)
        if route.path == path
        for method in route.methods or ()
    }
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))


def _rate_limit_headers(error: errors.LimitReachedError) -> dict[str, str]:
    """Return the headers of draft-ietf-httpapi-ratelimit-headers-11."""
    headers = {"RateLimit": f'"{error.policy}";r=0;t={math.ceil(error.retry_after)}'}
    if error.most is not None:
        window = error.window_seconds
        unit = f";w={window}" if window else ';qu="concurrent-requests"'
        headers["RateLimit-Policy"] = f'"{error.policy}";q={error.most}{unit}'
    return headers


def _field_path(fault: Mapping[str, Any]) -> str:
    part, *path = fault["loc"]
    # For malformed JSON the path is the index of a character, which names no field.
    return str(part) if fault["type"] == "json_invalid" else ".".join(map(str, path)) or str(part)


def _field_message(fault: Mapping[str, Any]) -> str:
    if fault["type"] == "json_invalid":
        return f"Not valid JSON: {fault['ctx']['error']}"
    # pydantic's own message quotes the input.
    if fault["type"] == "uuid_parsing":
        return "Input should be a valid UUID"
    return str(fault["msg"]).removeprefix("Value error, ")


def _log_server_error(error: errors.MomentumError) -> None:
    is_ours = text_of_class(type(error)).status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if is_ours and _server_error_limit.allows_line(type(error).__name__):
        logger.error("%s: %s", type(error).__name__, error)


def build_problem(
    text: ProblemText,
    request: str,
    field_errors: list[FieldError] | None = None,
    *,
    about_question: bool = False,
) -> Problem:
    """Return the document for the request with this id.

    With `about_question`, it is one of the assistant's, in words that suit a question.
    """
    members: dict[str, Any] = {
        "type": TYPE_PREFIX + text.code,
        "title": text.title,
        "status": text.status,
        "detail": text.detail,
        "instance": INSTANCE_PREFIX + request,
        "request_id": request,
        "errors": field_errors,
        "resume_at": text.resume_at,
        "earliest_end": text.earliest_end,
    }
    if not about_question:
        return Problem(**members)
    sentence = text.question_detail or text.detail
    return AssistantProblem(**members | {"detail": sentence, "response": sentence})


def _is_about_question() -> bool:
    return request_path() == ASSISTANT_PATH


def _response(
    text: ProblemText,
    headers: Mapping[str, str] | None = None,
    field_errors: list[FieldError] | None = None,
) -> JSONResponse:
    problem = build_problem(text, request_id(), field_errors, about_question=_is_about_question())
    return JSONResponse(
        problem.model_dump(mode="json", exclude_none=True),
        status_code=text.status,
        headers=dict(headers or {}),
        media_type=MEDIA_TYPE,
    )
