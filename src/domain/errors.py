"""What can go wrong, in the terms of learning plans, stores and models.

Errors carry facts; `src/web/problems.py` alone decides what a client is told.
"""

from uuid import UUID

AT_ONCE_RETRY_SECONDS = 10.0
"""When to ask again where too much runs at once: nobody knows when the first of it ends."""


class MomentumError(Exception):
    """The base of every error that this service raises on purpose."""

    generation_id: UUID | None = None
    """The generation that it is about, and that may still go on; None where it is not one's."""


class SettingsError(MomentumError):
    """The environment cannot be used; the message is the one line that says why."""


class NotFoundError(MomentumError):
    """Something does not exist, or not for this user."""


class RoadmapNotFoundError(NotFoundError):
    """No published roadmap has this id (and this owner, where one was named)."""

    def __init__(self, roadmap_id: int) -> None:
        super().__init__(f"roadmap {roadmap_id}")
        self.roadmap_id = roadmap_id


class WeekNotFoundError(NotFoundError):
    """The roadmap exists and has no such week."""

    def __init__(self, roadmap_id: int, week_number: int) -> None:
        super().__init__(f"week {week_number} of roadmap {roadmap_id}")
        self.roadmap_id = roadmap_id
        self.week_number = week_number


class TaskNotFoundError(NotFoundError):
    """No task of a published roadmap has this id (and this owner, where one was named)."""


class GenerationNotFoundError(NotFoundError):
    """No generation has this id (and this owner, where one was named)."""


class GenerationError(MomentumError):
    """A generation cannot go on, or not for this request."""

    def __init__(self, generation_id: UUID) -> None:
        super().__init__(f"generation {generation_id}")
        self.generation_id = generation_id


class IdempotencyKeyReusedError(GenerationError):
    """The idempotency key stands for another request."""


class GenerationRunningError(GenerationError):
    """The generation that the idempotency key stands for still runs."""


class GenerationSucceededError(GenerationError):
    """The generation has made its roadmap: there is nothing left to cancel."""


class GenerationCancelledError(GenerationError):
    """The learner cancelled the generation."""


class GenerationAbandonedError(GenerationError):
    """The generation was resumed as often as is reasonable, and never got on."""


class HandedOverError(GenerationError):
    """The process ends before the generation does; another one will go on with it."""


class LeaseLostError(MomentumError):
    """Another process has taken the generation over, or it has ended."""


class ShuttingDownError(MomentumError):
    """The process is about to end and begins nothing new. Worth another try at once."""


class UnauthenticatedError(MomentumError):
    """Nobody is known to have sent this; the reason is for the log and quotes no token.

    `token_given` tells a bad token from none.
    """

    def __init__(self, reason: str, *, token_given: bool = True) -> None:
        super().__init__(reason)
        self.token_given = token_given


class ForbiddenError(MomentumError):
    """The token is one user's, and the request names another."""


class IdentityUnavailableError(MomentumError):
    """Whose token this is cannot be found out now. Worth another try."""


class StoreError(MomentumError):
    """The database did not do what it was asked; the message is for the operator alone."""


class StoreUnavailableError(StoreError):
    """The database cannot be reached, or said that it cannot serve now. Worth another try."""


class StoreTooSlowError(StoreError):
    """The database did not answer in time. A write may or may not have landed."""


class StoreOverloadedError(StoreError):
    """As many requests wait for the database as may wait. Worth another try in a moment."""


class StoreConflictError(StoreError):
    """A write contradicts a constraint."""


class StoreMisconfiguredError(StoreError):
    """The key, the grants or the schema do not fit this service: an operator must act."""


class LimitReachedError(MomentumError):
    """A limit is reached; `policy` names it.

    `most` entries are allowed in `window_seconds`; each is None where it does not apply. There is
    room again after about `retry_after` seconds.
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
        self.retry_after = max(retry_after or AT_ONCE_RETRY_SECONDS, 1.0)


class OverloadedError(MomentumError):
    """As much is being done as this process can hold. Worth another try in a while."""


class ModelError(MomentumError):
    """The language model gave no usable answer; the message is for the operator alone.

    Never contains the key, the learner's text or the model's.
    """


class ModelUnavailableError(ModelError):
    """The model cannot be reached or is overloaded. `retry_after` is in seconds, None if unsaid."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class ModelTooSlowError(ModelError):
    """The model did not finish in time."""


class ModelMisconfiguredError(ModelError):
    """The key, the credits or the model's name are not accepted: an operator must act."""


class ModelOutputError(ModelError):
    """The model's answers stayed unusable after every retry."""


class ModelDeclinedError(ModelError):
    """The provider's moderation refused the learner's text."""


def recorded_error(name: str, generation_id: UUID) -> MomentumError:
    """Return the error by which a generation ended, as its class's name was recorded.

    It is a plain `MomentumError` where the name is of another version of this service.
    """
    known: list[type[MomentumError]] = [GenerationError, ModelError, StoreError]
    for kind in known:
        known += kind.__subclasses__()
        if kind.__name__ == name:
            return kind(generation_id) if issubclass(kind, GenerationError) else kind("recorded")
    return MomentumError("recorded")
