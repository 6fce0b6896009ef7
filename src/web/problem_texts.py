"""What clients are told of each error: status, name, title and a sentence for a person."""

from dataclasses import dataclass
from http import HTTPStatus

from src.domain import errors
from src.domain.quotas import ADDRESS_BUDGET_POLICY, BUDGET_POLICY


@dataclass(frozen=True)
class ProblemText:
    """What every problem of one kind has in common."""

    status: int
    name: str
    title: str
    detail: str
    """What to tell the person; nothing of what they sent is repeated."""


PROBLEMS: dict[type[errors.MomentumError], ProblemText] = {
    errors.RoadmapNotFoundError: ProblemText(
        404, "roadmap-not-found", "Roadmap not found", "There is no such roadmap."
    ),
    errors.WeekNotFoundError: ProblemText(
        404, "week-not-found", "Week not found", "This roadmap has no such week."
    ),
    errors.TaskNotFoundError: ProblemText(
        404, "task-not-found", "Task not found", "There is no such task."
    ),
    errors.GenerationNotFoundError: ProblemText(
        404, "generation-not-found", "Generation not found", "There is no such generation."
    ),
    errors.IdempotencyKeyReusedError: ProblemText(
        422,
        "idempotency-key-reused",
        "Idempotency key reused",
        "This idempotency key stands for another request. Use a new key for a new request.",
    ),
    errors.GenerationRunningError: ProblemText(
        409,
        "generation-running",
        "Generation running",
        "The roadmap of this request is being made. Try again in a moment, or follow `Location`.",
    ),
    errors.GenerationSucceededError: ProblemText(
        409,
        "generation-succeeded",
        "Generation succeeded",
        "The roadmap is made already. Delete the roadmap instead.",
    ),
    errors.GenerationCancelledError: ProblemText(
        409, "generation-cancelled", "Generation cancelled", "The generation was cancelled."
    ),
    errors.GenerationAbandonedError: ProblemText(
        503,
        "generation-abandoned",
        "Generation abandoned",
        "The roadmap could not be finished in several attempts. Nothing was stored; try again.",
    ),
    errors.HandedOverError: ProblemText(
        503,
        "generation-handed-over",
        "Generation handed over",
        "This server is restarting; another goes on with the roadmap, which is listed once it is"
        " done. `Location` tells how it goes.",
    ),
    errors.LeaseLostError: ProblemText(
        503,
        "generation-taken-over",
        "Generation taken over",
        "Another server goes on with the roadmap, which is listed once it is done.",
    ),
    errors.ShuttingDownError: ProblemText(
        503,
        "shutting-down",
        "Shutting down",
        "This server is restarting. Try again in a moment.",
    ),
    errors.UnauthenticatedError: ProblemText(
        401,
        "unauthenticated",
        "Not signed in",
        "Sign in, and send a valid access token in the header Authorization: Bearer.",
    ),
    errors.ForbiddenError: ProblemText(
        403,
        "another-user",
        "Another user",
        "The access token is one user's, and `user_id` names another. Send the signed-in user's.",
    ),
    errors.IdentityUnavailableError: ProblemText(
        503,
        "identity-unavailable",
        "Identity unavailable",
        "The access token cannot be checked just now. Try again in a moment.",
    ),
    errors.StoreUnavailableError: ProblemText(
        503,
        "database-unavailable",
        "Database unavailable",
        "The database cannot be reached just now. Try again in a moment.",
    ),
    errors.StoreTooSlowError: ProblemText(
        504,
        "database-too-slow",
        "Database too slow",
        "The database did not answer in time. Try again in a moment.",
    ),
    errors.StoreConflictError: ProblemText(
        409,
        "conflict",
        "Conflict",
        "What is stored has changed in the meantime. Try again.",
    ),
    errors.StoreMisconfiguredError: ProblemText(
        503,
        "database-misconfigured",
        "Database misconfigured",
        "The service is not set up correctly for its database. Its operator has to act.",
    ),
    errors.LimitReachedError: ProblemText(
        429,
        "limit-reached",
        "Limit reached",
        "A limit of this service is reached. Try again after the seconds that `Retry-After` says.",
    ),
    errors.StoreOverloadedError: ProblemText(
        503,
        "database-overloaded",
        "Database overloaded",
        "Too many requests wait for the database just now. Try again in a moment.",
    ),
    errors.OverloadedError: ProblemText(
        503,
        "overloaded",
        "Overloaded",
        "Too many roadmaps are being made just now. Try again in a minute.",
    ),
    errors.ModelUnavailableError: ProblemText(
        503,
        "model-unavailable",
        "Model unavailable",
        "The language model is not available just now. Nothing was stored; try again later.",
    ),
    errors.ModelTooSlowError: ProblemText(
        504,
        "model-too-slow",
        "Model too slow",
        "The language model did not finish in time. Nothing was stored; try again in a moment.",
    ),
    errors.ModelMisconfiguredError: ProblemText(
        503,
        "model-misconfigured",
        "Model misconfigured",
        "The service's account at the model provider needs attention. Nothing was stored; its"
        " operator has to act.",
    ),
    errors.ModelOutputError: ProblemText(
        502,
        "model-output-unusable",
        "Model output unusable",
        "The language model gave no usable answer. Nothing was stored; try again, perhaps with"
        " other words.",
    ),
    errors.ModelDeclinedError: ProblemText(
        502,
        "model-declined",
        "Model declined",
        "The language model's provider declined this text. Nothing was stored; put it in other"
        " words.",
    ),
}

RETRY_AFTER_SECONDS: dict[type[Exception], float] = {
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
LIMIT_SENTENCES = (
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

GOES_ON = (
    "The roadmap may still be finished, and is listed then. Before you ask anew, see `Location`."
)

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


def http_problem(status: int) -> ProblemText:
    """Return the text for an error that HTTP itself brings about."""
    title = HTTPStatus(status).phrase
    return ProblemText(
        status,
        title.lower().replace(" ", "-"),
        title,
        _HTTP_DETAILS.get(status, f"{title}."),
    )
