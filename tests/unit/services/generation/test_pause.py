"""When a generation waits for the model's provider, and when it fails."""

import math

import pytest

from src.domain import errors
from src.domain.generation import MAX_WAITING_SECONDS
from src.services.generation.pause import seconds_to_pause

TIMEOUT = 840.0


@pytest.mark.parametrize(
    ("retry_after", "elapsed", "pause"),
    [
        (3600, 1, 3600),
        (300, 600, 300),  # The run has 240 s left.
        (300, 5, 300),  # The client cannot have waited for 300 s.
        (60, 400, None),  # The client waited, and it did not help.
        (1, 8, None),
        (0, 0, None),
        (0, TIMEOUT + 1, None),
        (10, TIMEOUT + 1, 10),
        (math.nan, 1, None),
        (math.inf, 1, MAX_WAITING_SECONDS + 1),
        (None, 1, None),
    ],
)
def test_pause_is_what_the_client_has_not_waited_for(
    retry_after: float | None, elapsed: float, pause: float | None
) -> None:
    """What the client can have waited for has been waited for."""
    error = errors.ModelUnavailableError("429", retry_after)
    assert seconds_to_pause(error, elapsed=elapsed, timeout=TIMEOUT) == pause


@pytest.mark.parametrize(
    "error",
    [
        errors.ModelTooSlowError("no end"),
        errors.ModelOutputError("no plan"),
        errors.ModelMisconfiguredError("401"),
        errors.ModelDeclinedError("403"),
        errors.LimitReachedError("generations-per-day", retry_after=3600),
        errors.MomentumError("a bug"),
    ],
)
def test_other_failures_lead_to_no_pause(error: errors.MomentumError) -> None:
    """They have no time at which it is worth trying again."""
    assert seconds_to_pause(error, elapsed=1, timeout=TIMEOUT) is None
