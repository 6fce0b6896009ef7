"""Stored error codes stay readable."""

from collections import defaultdict
from uuid import uuid4

import pytest

from src.domain.errors import (
    GenerationAbandonedError,
    GenerationCancelledError,
    GenerationError,
    GenerationRunningError,
    GenerationSucceededError,
    GenerationWaitingError,
    HandedOverError,
    IdempotencyKeyReusedError,
    ModelDeclinedError,
    ModelError,
    ModelMisconfiguredError,
    ModelOutputError,
    ModelTooSlowError,
    ModelUnavailableError,
    MomentumError,
    StoreConflictError,
    StoreError,
    StoreFileLostError,
    StoreMisconfiguredError,
    StoreOutdatedError,
    StoreOverloadedError,
    StoreTooSlowError,
    StoreUnavailableError,
    error_from_code,
)

STORED: dict[str, type[MomentumError]] = {
    "generation-abandoned": GenerationAbandonedError,
    "generation-cancelled": GenerationCancelledError,
    "generation-handed-over": HandedOverError,
    "generation-running": GenerationRunningError,
    "generation-succeeded": GenerationSucceededError,
    "generation-waiting": GenerationWaitingError,
    "idempotency-key-reused": IdempotencyKeyReusedError,
    "model-declined": ModelDeclinedError,
    "model-misconfigured": ModelMisconfiguredError,
    "model-output-unusable": ModelOutputError,
    "model-too-slow": ModelTooSlowError,
    "model-unavailable": ModelUnavailableError,
    "database-file-lost": StoreFileLostError,
    "database-misconfigured": StoreMisconfiguredError,
    "database-overloaded": StoreOverloadedError,
    "database-too-slow": StoreTooSlowError,
    "database-unavailable": StoreUnavailableError,
    "conflict": StoreConflictError,
    "internal-server-error": MomentumError,
}
"""The codes that a database may hold. Add to them; never change or remove one."""

STORED_BY_0_1: dict[str, type[MomentumError]] = {
    "GenerationAbandonedError": GenerationAbandonedError,
    "GenerationCancelledError": GenerationCancelledError,
    "ModelDeclinedError": ModelDeclinedError,
    "ModelMisconfiguredError": ModelMisconfiguredError,
    "ModelOutputError": ModelOutputError,
    "ModelTooSlowError": ModelTooSlowError,
    "ModelUnavailableError": ModelUnavailableError,
    "MomentumError": MomentumError,
}
"""What release 0.1 wrote in their place."""

SHARED_CODES: dict[str, set[type[MomentumError]]] = {
    "database-misconfigured": {StoreMisconfiguredError, StoreOutdatedError},
}
"""Codes that a class inherits on purpose, for a finer case of the same fact."""


def every_error() -> set[type[MomentumError]]:
    """Return the classes of the module under test, without those of tests and clients."""
    found, pending = {MomentumError}, [MomentumError]
    while pending:
        new = [
            c for c in pending.pop().__subclasses__() if c.__module__ == MomentumError.__module__
        ]
        found.update(new)
        pending += new
    return found


@pytest.mark.parametrize(("code", "cls"), [*STORED.items(), *STORED_BY_0_1.items()])
def test_stored_codes_are_read_as_their_error(code: str, cls: type[MomentumError]) -> None:
    """An unknown code would turn every answer about it into a 500."""
    generation_id = uuid4()
    error = error_from_code(code, generation_id)
    assert type(error) is cls
    if issubclass(cls, GenerationError):
        assert error.generation_id == generation_id


def test_unknown_codes_are_read_as_an_error() -> None:
    """A newer release may have stored one before it was rolled back."""
    assert type(error_from_code("from-the-future", uuid4())) is MomentumError


def test_every_code_that_can_be_stored_is_in_the_list() -> None:
    """A new way for a generation to end needs its code in the list above."""
    kinds = (GenerationError, ModelError, StoreError)
    storable = {cls.code for cls in every_error() if issubclass(cls, kinds)}
    assert storable == set(STORED)


def test_codes_are_unique() -> None:
    """The record could not distinguish two classes with one code."""
    classes: defaultdict[str, set[type[MomentumError]]] = defaultdict(set)
    for cls in every_error():
        if cls.code != MomentumError.code:
            classes[cls.code].add(cls)
    assert {code: found for code, found in classes.items() if len(found) > 1} == SHARED_CODES


def test_only_these_errors_keep_a_reservation() -> None:
    """Each of them may have cut off a call that nobody counted."""
    keeping = {cls for cls in every_error() if cls.keeps_reservation}
    assert keeping == {GenerationAbandonedError, GenerationCancelledError, ModelTooSlowError}
