"""What can go wrong, in the terms of learning plans, stores and models.

Errors carry facts; `src/web/problem_texts.py` decides what a client reads. Each class has a `code`,
which is stored with a generation that it ended and names the problem's `type`: a class may be
renamed, its code never changes.
"""

from collections.abc import Iterator
from typing import ClassVar
from uuid import UUID

DEFAULT_RETRY_SECONDS = 10.0
"""When to try again where too much runs at once: nobody knows when the first of it ends."""


class MomentumError(Exception):
    """The base of every error that this service raises on purpose."""

    code: ClassVar[str] = "internal-server-error"

    keeps_reservation: ClassVar[bool] = False
    """Whether a generation that it ended counts with its reservation even if no call of it is on
    record: a call may have been cut off before anybody counted it."""

    generation_id: UUID | None = None
    """The generation that it is about and that may still continue; None where there is none."""


class SettingsError(MomentumError):
    """The environment cannot be used; the message is the one line that says why."""


class NotFoundError(MomentumError):
    """Something does not exist, or not for this user."""


class RoadmapNotFoundError(NotFoundError):
    """No published roadmap has this id (and this owner, if given)."""

    code = "roadmap-not-found"

    def __init__(self, roadmap_id: int) -> None:
        super().__init__(f"roadmap {roadmap_id}")
        self.roadmap_id = roadmap_id


class WeekNotFoundError(NotFoundError):
    """The roadmap exists and has no such week."""

    code = "week-not-found"

    def __init__(self, roadmap_id: int, week_number: int) -> None:
        super().__init__(f"week {week_number} of roadmap {roadmap_id}")
        self.roadmap_id = roadmap_id
        self.week_number = week_number


class TaskNotFoundError(NotFoundError):
    """No task of a published roadmap has this id (and this owner, if given)."""

    code = "task-not-found"


class GenerationNotFoundError(NotFoundError):
    """No generation has this id (and this owner, if given)."""

    code = "generation-not-found"


class GenerationError(MomentumError):
    """A generation cannot continue, or not for this request."""

    def __init__(self, generation_id: UUID) -> None:
        super().__init__(f"generation {generation_id}")
        self.generation_id = generation_id


class IdempotencyKeyReusedError(GenerationError):
    """The idempotency key belongs to another request."""

    code = "idempotency-key-reused"


class GenerationRunningError(GenerationError):
    """The generation that the idempotency key belongs to is still running."""

    code = "generation-running"


class GenerationSucceededError(GenerationError):
    """The generation has stored its roadmap: there is nothing left to cancel."""

    code = "generation-succeeded"


class GenerationCancelledError(GenerationError):
    """The learner cancelled the generation."""

    code = "generation-cancelled"
    keeps_reservation = True


class GenerationAbandonedError(GenerationError):
    """The generation was resumed as often as is reasonable, without any progress."""

    code = "generation-abandoned"
    keeps_reservation = True


class HandedOverError(GenerationError):
    """The process stops before the generation ends; another one will continue it."""

    code = "generation-handed-over"


class LeaseLostError(MomentumError):
    """Another process has taken the generation over, or it has ended."""

    code = "generation-taken-over"


class ShuttingDownError(MomentumError):
    """The process is shutting down and starts nothing new. Worth retrying at once."""

    code = "shutting-down"


class UnauthenticatedError(MomentumError):
    """The request has no valid access token; the reason is for the log and quotes no token.

    `token_given` tells an invalid token from a missing one.
    """

    code = "unauthenticated"

    def __init__(self, reason: str, *, token_given: bool = True) -> None:
        super().__init__(reason)
        self.token_given = token_given


class ForbiddenError(MomentumError):
    """The token belongs to one user, and the request names another."""

    code = "another-user"


class IdentityUnavailableError(MomentumError):
    """The token cannot be verified now. Worth retrying."""

    code = "identity-unavailable"


class StoreError(MomentumError):
    """The database did not do what it was asked; the message is for the operator alone."""


class StoreUnavailableError(StoreError):
    """The database cannot be reached, or says that it cannot serve now. Worth retrying."""

    code = "database-unavailable"


class StoreTooSlowError(StoreError):
    """The database did not answer in time. A write may or may not have been committed."""

    code = "database-too-slow"


class StoreOverloadedError(StoreError):
    """The queue for the database is full. Worth retrying in a moment."""

    code = "database-overloaded"


class StoreConflictError(StoreError):
    """A write violates a constraint."""

    code = "conflict"


class StoreMisconfiguredError(StoreError):
    """The key, the grants or the schema do not fit this service: an operator must act."""

    code = "database-misconfigured"


class StoreOutdatedError(StoreMisconfiguredError):
    """The schema is older than this release: an operator must apply the new one."""


class LimitReachedError(MomentumError):
    """A quota is used up; `policy` is its name.

    `most` entries are allowed in `window_seconds`; each is None where it does not apply. There is
    room again after about `retry_after` seconds.
    """

    code = "limit-reached"

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
        self.retry_after = max(retry_after or DEFAULT_RETRY_SECONDS, 1.0)


class OverloadedError(MomentumError):
    """The process has reached its capacity. Worth retrying in a while."""

    code = "overloaded"


class ModelError(MomentumError):
    """The language model gave no usable answer; the message is for the operator alone.

    Never contains the key, the learner's text or the model's.
    """


class ModelUnavailableError(ModelError):
    """The model cannot be reached or is overloaded.

    `retry_after` is in seconds, None if the server did not say.
    """

    code = "model-unavailable"

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class ModelTooSlowError(ModelError):
    """The model did not finish in time."""

    code = "model-too-slow"
    keeps_reservation = True


class ModelMisconfiguredError(ModelError):
    """The key, the credits or the model's name are not accepted: an operator must act."""

    code = "model-misconfigured"


class ModelOutputError(ModelError):
    """The model's answers stayed unusable after every retry."""

    code = "model-output-unusable"


class ModelDeclinedError(ModelError):
    """The provider's moderation refused the learner's text."""

    code = "model-declined"


_CODES_OF_0_1 = {
    "GenerationAbandonedError": GenerationAbandonedError.code,
    "GenerationCancelledError": GenerationCancelledError.code,
    "ModelDeclinedError": ModelDeclinedError.code,
    "ModelMisconfiguredError": ModelMisconfiguredError.code,
    "ModelOutputError": ModelOutputError.code,
    "ModelTooSlowError": ModelTooSlowError.code,
    "ModelUnavailableError": ModelUnavailableError.code,
}
"""Release 0.1 stored the names of its classes; its workers may still do so during a deploy."""


def error_from_code(recorded: str, generation_id: UUID) -> MomentumError:
    """Return the error that ended a generation, from the code that was stored.

    It is a plain `MomentumError` where another version of this service stored an unknown code.
    """
    code = _CODES_OF_0_1.get(recorded, recorded)
    for kind in _walk_subclasses(GenerationError, ModelError, StoreError):
        if kind.code == code and kind.code != MomentumError.code:
            return kind(generation_id) if issubclass(kind, GenerationError) else kind("recorded")
    return MomentumError("recorded")


def _walk_subclasses(*bases: type[MomentumError]) -> Iterator[type[MomentumError]]:
    for base in bases:
        yield base
        yield from _walk_subclasses(*base.__subclasses__())
