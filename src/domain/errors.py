"""What can go wrong, in the terms of learning plans, stores and models.

Errors carry facts; `src/web/problem_texts.py` holds what a client reads. Each class has a `code`,
which is stored when the error ends a generation and names the `type` of the problem. Classes may be
renamed; codes never change.
"""

from datetime import UTC, date, datetime
from typing import ClassVar
from uuid import UUID


class MomentumError(Exception):
    """Base of every error that this service raises on purpose."""

    code: ClassVar[str] = "internal-server-error"

    keeps_reservation: ClassVar[bool] = False
    """Whether a generation that this error ended counts its reservation although no call is on
    record: a call may have been cut off before it was counted."""

    generation_id: UUID | None = None
    """The generation that the error is about, if there is one; it may still continue."""

    by_code: ClassVar[dict[str, type["MomentumError"]]] = {}
    """Every class that declares a code."""

    def __init_subclass__(cls, *, code: str = "", keeps_reservation: bool = False) -> None:
        if code:
            cls.code = code
            cls.by_code[code] = cls
        cls.keeps_reservation = keeps_reservation


class SettingsError(MomentumError):
    """The settings are not usable; the message says why, in one line."""


class RoadmapNotFoundError(MomentumError, code="roadmap-not-found"):
    """No published roadmap has this id (and this owner, if given)."""

    def __init__(self, roadmap_id: int) -> None:
        super().__init__(f"roadmap {roadmap_id}")
        self.roadmap_id = roadmap_id


class WeekNotFoundError(MomentumError, code="week-not-found"):
    """The roadmap exists but has no such week."""

    def __init__(self, roadmap_id: int, week_number: int) -> None:
        super().__init__(f"week {week_number} of roadmap {roadmap_id}")


class TaskNotFoundError(MomentumError, code="task-not-found"):
    """No task of a published roadmap has this id (and this owner, if given)."""


class ScheduleDoesNotFitError(MomentumError, code="schedule-does-not-fit"):
    """The tasks do not fit into the days that they may use.

    `earliest_end` is the earliest last day that would do; None if no end within ten years does.
    """

    def __init__(self, earliest_end: date | None) -> None:
        super().__init__(f"the earliest end is {earliest_end}")
        self.earliest_end = earliest_end


class ScheduleChangedError(MomentumError, code="schedule-changed"):
    """The dates of a roadmap have changed since the version on which a request is based."""

    def __init__(self, version: int) -> None:
        super().__init__(f"the dates have version {version}")
        self.version = version


class NothingToUndoError(MomentumError, code="nothing-to-undo"):
    """No schedule was applied, or a date was changed by hand or undone since."""


class CalendarFeedNotFoundError(MomentumError, code="calendar-not-found"):
    """No calendar feed has this address, or not any more."""


class CalendarPolledTooOftenError(MomentumError, code="calendar-polled-too-often"):
    """A calendar feed was requested too often; it may be again after `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"again in {retry_after:.0f} s")
        self.retry_after = retry_after


class ProgressOverloadedError(MomentumError, code="progress-overloaded"):
    """Too many requests for progress wait in this process. Retry in a moment."""


class GenerationNotFoundError(MomentumError, code="generation-not-found"):
    """No generation has this id (and this owner, if given)."""


class GenerationError(MomentumError):
    """A generation has ended, is not available to this request, or continues elsewhere."""

    def __init__(self, generation_id: UUID) -> None:
        super().__init__(f"generation {generation_id}")
        self.generation_id = generation_id


class IdempotencyKeyReusedError(GenerationError, code="idempotency-key-reused"):
    """The idempotency key was used for a different request."""


class GenerationRunningError(GenerationError, code="generation-running"):
    """The generation is still running, so its result is not available yet."""


class GenerationWaitingError(GenerationError, code="generation-waiting"):
    """The generation waits for the model's provider and continues by itself at `resume_at`.

    `resume_at` is None if it is unknown.
    """

    def __init__(self, generation_id: UUID, resume_at: datetime | None = None) -> None:
        super().__init__(generation_id)
        self.resume_at = resume_at

    @property
    def retry_after(self) -> float | None:
        """The seconds until `resume_at`, at least 1; None if it is unknown."""
        if self.resume_at is None:
            return None
        return max((self.resume_at - datetime.now(UTC)).total_seconds(), 1.0)


class GenerationSucceededError(GenerationError, code="generation-succeeded"):
    """The generation has already stored its roadmap, so it cannot be cancelled."""


class GenerationCancelledError(
    GenerationError, code="generation-cancelled", keeps_reservation=True
):
    """The learner cancelled the generation."""


class GenerationAbandonedError(
    GenerationError, code="generation-abandoned", keeps_reservation=True
):
    """The generation was resumed `MAX_RESUMPTIONS` times in a row without progress."""


class HandedOverError(GenerationError, code="generation-handed-over"):
    """The process is stopping before the generation ends; another process will continue it."""


class LeaseLostError(MomentumError, code="generation-taken-over"):
    """The generation has ended, or another process has taken it over."""


class ShuttingDownError(MomentumError, code="shutting-down"):
    """The process is shutting down and starts nothing new. Retry at once."""


class UnauthenticatedError(MomentumError, code="unauthenticated"):
    """The request has no valid access token. The reason is for the log and quotes no token.

    `token_given` is False if the token is missing, True if it is invalid.
    """

    def __init__(self, reason: str, *, token_given: bool = True) -> None:
        super().__init__(reason)
        self.token_given = token_given


class ForbiddenError(MomentumError, code="another-user"):
    """The token belongs to one user and the request names another."""


class IdentityUnavailableError(MomentumError, code="identity-unavailable"):
    """The token cannot be verified at the moment. Retry later."""


class StoreError(MomentumError):
    """The database failed to do what it was asked. The message is for the operator only."""


class StoreUnavailableError(StoreError, code="database-unavailable"):
    """The database is unreachable or reports that it cannot serve. Retry later."""


class StoreTooSlowError(StoreError, code="database-too-slow"):
    """The database did not answer in time. A write may or may not have been committed."""


class StoreOverloadedError(StoreError, code="database-overloaded"):
    """Too many requests wait for the database or for its ledger. Retry in a moment."""


class StoreFileLostError(StoreUnavailableError, code="database-file-lost"):
    """The embedded file was deleted or replaced while it was open; an operator must act."""


class StoreConflictError(StoreError, code="conflict"):
    """A write violates a constraint."""


class StoreMisconfiguredError(StoreError, code="database-misconfigured"):
    """The key, the grants or the schema do not suit this service; an operator must act."""


class StoreOutdatedError(StoreMisconfiguredError):
    """The schema is older than this release; an operator must apply the current one."""


class LimitReachedError(MomentumError, code="limit-reached"):
    """A quota, named by `policy`, is used up.

    It allows `most` entries in `window_seconds`; either is None if it does not apply. The request
    may succeed after about `retry_after` seconds, which are at least 1; 10 if nobody can predict
    them, because the quota limits concurrent work.
    """

    def __init__(
        self,
        policy: str,
        *,
        most: int | None = None,
        window_seconds: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(policy)
        self.policy = policy
        self.most = most
        self.window_seconds = window_seconds
        self.retry_after = max(retry_after or 10.0, 1.0)


class OverloadedError(MomentumError, code="overloaded"):
    """The process has reached its capacity. Retry in a while."""


class ModelError(MomentumError):
    """The language model gave no usable answer. The message is for the operator only.

    It never contains the key, the learner's text or the model's text.
    """


class ModelUnavailableError(ModelError, code="model-unavailable"):
    """The model is unreachable or overloaded.

    `retry_after` is in seconds, or None if the server did not say.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class ModelTooSlowError(ModelError, code="model-too-slow", keeps_reservation=True):
    """The model did not finish in time."""


class ModelMisconfiguredError(ModelError, code="model-misconfigured"):
    """The server rejects the key, the credits or the model's name; an operator must act."""


class ModelOutputError(ModelError, code="model-output-unusable"):
    """The model's answers were unusable, even after every retry."""


class ModelDeclinedError(ModelError, code="model-declined"):
    """The provider's moderation refused the learner's text."""


_CODES_OF_0_1 = {
    "GenerationAbandonedError": GenerationAbandonedError.code,
    "GenerationCancelledError": GenerationCancelledError.code,
    "ModelDeclinedError": ModelDeclinedError.code,
    "ModelMisconfiguredError": ModelMisconfiguredError.code,
    "ModelOutputError": ModelOutputError.code,
    "ModelTooSlowError": ModelTooSlowError.code,
    "ModelUnavailableError": ModelUnavailableError.code,
}
"""Release 0.1 stored class names; its workers may still do so during a deploy."""


def error_from_code(recorded: str, generation_id: UUID) -> MomentumError:
    """Return the error that ended a generation, from its stored code.

    A code that this version does not know, because another one stored it, gives a `MomentumError`.
    """
    cls = MomentumError.by_code.get(_CODES_OF_0_1.get(recorded, recorded), MomentumError)
    if issubclass(cls, GenerationError):
        return cls(generation_id)
    return (
        cls("recorded") if issubclass(cls, ModelError | StoreError) else MomentumError("recorded")
    )
