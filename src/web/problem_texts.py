"""What a client reads about each error: status, title and a sentence for a person."""

import math
from dataclasses import dataclass, replace
from datetime import date, datetime
from http import HTTPStatus

from src.domain import errors
from src.domain.quotas import quota_sentence
from src.domain.vocabulary import MAX_QUESTION_LENGTH


@dataclass(frozen=True)
class ProblemText:
    """What all problems of one kind have in common.

    `detail` is for a person and never quotes the request. `retry_after` is the number of seconds
    that a client should wait if the error itself does not say. `resume_at` is when a generation
    that waits continues, and `earliest_end` the earliest end of a schedule that would do.
    `question_detail` takes the place of a `detail` that does not suit a question to the assistant.
    """

    status: int
    detail: str
    retry_after: float | None = None
    title: str = ""
    code: str = ""
    resume_at: datetime | None = None
    earliest_end: date | None = None
    question_detail: str = ""


# A title that is not given is the code in words.
_TEXTS: dict[type[errors.MomentumError], ProblemText] = {
    errors.RoadmapNotFoundError: ProblemText(404, "This roadmap does not exist."),
    errors.WeekNotFoundError: ProblemText(404, "This roadmap has no such week."),
    errors.TaskNotFoundError: ProblemText(404, "This task does not exist."),
    errors.ScheduleDoesNotFitError: ProblemText(
        409,
        "The tasks do not fit into these days. Choose a later end, more minutes a day or fewer days"
        " off.",
    ),
    errors.ScheduleChangedError: ProblemText(
        412, "The dates have changed in the meantime. Look at them again before you change them."
    ),
    errors.NothingToUndoError: ProblemText(
        409, "There is no schedule to undo, or a date has changed since."
    ),
    errors.CalendarFeedNotFoundError: ProblemText(404, "There is no calendar at this address."),
    errors.CalendarPolledTooOftenError: ProblemText(
        429, "This calendar was requested too often. Try again later."
    ),
    errors.ProgressOverloadedError: ProblemText(
        503, "Too many requests for progress are waiting. Try again in a moment.", retry_after=1
    ),
    errors.GenerationNotFoundError: ProblemText(404, "This generation does not exist."),
    errors.IdempotencyKeyReusedError: ProblemText(
        422, "This idempotency key was used for another request. Use a new key for a new request."
    ),
    errors.GenerationRunningError: ProblemText(
        409,
        "This roadmap is still being generated. Try again in a moment, or follow `Location`.",
        retry_after=2,
    ),
    errors.GenerationWaitingError: ProblemText(
        503,
        "The provider of the language model asks for a pause. Your roadmap continues by itself"
        " after it, and will appear in your list when it is finished. Follow `Location` to see its"
        " progress.",
        retry_after=60,
    ),
    errors.GenerationSucceededError: ProblemText(
        409, "The roadmap is already finished. To remove it, delete the roadmap."
    ),
    errors.GenerationCancelledError: ProblemText(
        409, "You cancelled the generation of this roadmap."
    ),
    errors.GenerationAbandonedError: ProblemText(
        503,
        "The roadmap could not be finished after several attempts. Nothing was stored. Try again.",
        retry_after=30,
    ),
    errors.HandedOverError: ProblemText(
        503,
        "This server is restarting. Another one continues your roadmap, which will appear in"
        " your list when it is finished. Follow `Location` to see its progress.",
        retry_after=5,
    ),
    errors.LeaseLostError: ProblemText(
        503,
        "Another server continues your roadmap, which will appear in your list when it is"
        " finished.",
        retry_after=5,
    ),
    errors.ShuttingDownError: ProblemText(
        503, "This server is restarting. Try again in a moment.", retry_after=2
    ),
    errors.UnauthenticatedError: ProblemText(
        401,
        "Sign in, and send a valid access token in the header Authorization: Bearer.",
        title="Not signed in",
    ),
    errors.ForbiddenError: ProblemText(
        403, "You are signed in as another user than the one in `user_id`."
    ),
    errors.IdentityUnavailableError: ProblemText(
        503, "Your access token cannot be verified right now. Try again in a moment.", retry_after=5
    ),
    errors.StoreUnavailableError: ProblemText(
        503, "The database is not available right now. Try again in a moment.", retry_after=5
    ),
    errors.StoreFileLostError: ProblemText(
        503,
        "The database's file was deleted or replaced while the service was running. Its operator"
        " has to put the file back, or restart the service.",
        retry_after=60,
    ),
    errors.StoreTooSlowError: ProblemText(
        504, "The database did not answer in time. Try again in a moment.", retry_after=5
    ),
    errors.StoreConflictError: ProblemText(
        409, "The stored data has changed in the meantime. Try again."
    ),
    errors.StoreMisconfiguredError: ProblemText(
        503, "The service is not set up correctly for its database. Its operator has to fix that."
    ),
    errors.LimitReachedError: ProblemText(
        429, "You have reached a limit. Try again after the number of seconds in `Retry-After`."
    ),
    errors.StoreOverloadedError: ProblemText(
        503, "Too many requests are waiting for the database. Try again in a moment.", retry_after=1
    ),
    errors.OverloadedError: ProblemText(
        503,
        "Too many roadmaps are being generated right now. Try again in a minute.",
        retry_after=60,
    ),
    errors.ModelUnavailableError: ProblemText(
        503,
        "The language model is not available right now. Nothing was stored. Try again later.",
        retry_after=30,
        question_detail="The language model is not available right now. Try again later.",
    ),
    errors.ModelTooSlowError: ProblemText(
        504,
        "The language model did not finish in time. Nothing was stored. Try again in a moment.",
        question_detail="The language model did not answer in time. Try again in a moment.",
    ),
    errors.ModelMisconfiguredError: ProblemText(
        503,
        "The service's account at the model provider needs attention. Nothing was stored. The"
        " operator of the service has to fix that.",
        question_detail="The service's account at the model provider needs attention. The operator"
        " of the service has to fix that.",
    ),
    errors.ModelOutputError: ProblemText(
        502,
        "The language model gave no usable answer. Nothing was stored. Try again, perhaps in"
        " other words.",
        question_detail="The language model gave no usable answer. Try again, perhaps in other"
        " words.",
    ),
    errors.ModelDeclinedError: ProblemText(
        502,
        "The provider of the language model declined this text. Nothing was stored. Try other"
        " words.",
        question_detail="The provider of the language model declined this text. Try other words.",
    ),
}

_HTTP_DETAILS = {
    400: "The request cannot be read. Send well-formed JSON in UTF-8.",
    404: "There is nothing at this address. See /docs for the addresses of this service.",
    405: "This address does not accept that method. See /docs for those that it accepts.",
    413: "The body is too large. At most 64 KiB are accepted.",
    408: "The body did not arrive in time. Try again.",
    415: "Send the body as JSON, with the header Content-Type: application/json.",
    428: "Send `If-Match` with the `ETag` of the dates, which the answer to a dry run has.",
    422: "Some values of the request are not valid. `errors` lists them.",
    500: "Something went wrong on our side. Your request was not the cause.",
}

_HTTP_TITLES = {
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    416: "Requested Range Not Satisfiable",
    422: "Unprocessable Entity",
}
"""What Python 3.13 calls otherwise, after RFC 9110. Clients compare a problem's `type`."""

_HTTP_QUESTION_DETAILS = {
    422: f"Some values of this question are not valid. A question has 1 to {MAX_QUESTION_LENGTH:,}"
    " characters of text. `errors` lists what to change.",
}

_MAY_BE_FINISHED = (
    "Your roadmap may still be finished, and will then appear in your list. See `Location` before"
    " you ask for another one."
)

_MAX_UNIT_COUNT = 90
"""A duration of more seconds or minutes is given in the next larger unit."""


def http_text(status: int) -> ProblemText:
    """Return the text for an HTTP status that has no error class."""
    title = _HTTP_TITLES.get(status) or HTTPStatus(status).phrase
    detail = _HTTP_DETAILS.get(status, f"{title}.")
    return ProblemText(
        status,
        detail,
        title=title,
        code=title.lower().replace(" ", "-"),
        question_detail=_HTTP_QUESTION_DETAILS.get(status, ""),
    )


def text_of_class(error_class: type[errors.MomentumError]) -> ProblemText:
    """Return the text for a class of error, a 500 if neither it nor a base class has one."""
    for known in error_class.__mro__:
        if known in _TEXTS:
            text = _TEXTS[known]
            title = text.title or known.code.replace("-", " ").capitalize()
            return replace(text, title=title, code=known.code)
    return http_text(HTTPStatus.INTERNAL_SERVER_ERROR)


_KNOWS_WHEN = errors.ModelUnavailableError | errors.CalendarPolledTooOftenError


def text_of(error: errors.MomentumError) -> ProblemText:
    """Return the text for an error, with its limit, its time to wait and its generation."""
    text = text_of_class(type(error))
    if isinstance(error, errors.LimitReachedError):
        when = f"in {duration_in_words(error.retry_after)}"
        if error.window_seconds is None:
            when = "when one of them is finished"
        sentence = f"{quota_sentence(error.policy, error.most)} Try again {when}."
        if error.generation_id:
            sentence = f"{sentence} {_MAY_BE_FINISHED}"
        return replace(text, detail=sentence, retry_after=error.retry_after)
    if isinstance(error, errors.ScheduleDoesNotFitError) and error.earliest_end:
        detail = f"{text.detail} The earliest end that would do is {error.earliest_end}."
        return replace(text, detail=detail, earliest_end=error.earliest_end)
    if isinstance(error, _KNOWS_WHEN) and error.retry_after:
        return replace(text, retry_after=error.retry_after)
    if isinstance(error, errors.GenerationWaitingError) and error.retry_after:
        detail = f"{text.detail} The pause ends in {duration_in_words(error.retry_after)}."
        resume_at, retry_after = error.resume_at, error.retry_after
        return replace(text, detail=detail, retry_after=retry_after, resume_at=resume_at)
    if error.generation_id and isinstance(error, errors.StoreError | errors.OverloadedError):
        return replace(text, detail=f"{text.detail} {_MAY_BE_FINISHED}")
    return text


def duration_in_words(seconds: float) -> str:
    """Return a duration for a person to read, rounded up: `31 minutes`, `5 hours`."""
    count, unit = math.ceil(seconds), "second"
    if count > _MAX_UNIT_COUNT:
        count, unit = math.ceil(seconds / 60), "minute"
    if count > _MAX_UNIT_COUNT:
        count, unit = math.ceil(seconds / 3600), "hour"
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
