"""Decides whether a generation has to wait for the model's provider."""

from src.domain import errors
from src.domain.generation import MAX_WAITING_SECONDS


def seconds_to_pause(
    error: errors.MomentumError, *, elapsed: float, timeout: float
) -> float | None:
    """Return the pause in seconds that the model's provider asks for; None to fail instead.

    The error ended a run after `elapsed` seconds, which may take `timeout` seconds. The model's
    client itself waits as the provider asks, if that takes at most half of the time that the run
    has left. So it has not waited for a longer pause, nor for one that is longer than the run until
    now. A shorter pause has not helped. No pause is much longer than `MAX_WAITING_SECONDS`, which
    end the generation.
    """
    if not isinstance(error, errors.ModelUnavailableError) or error.retry_after is None:
        return None
    longest_wait = max(min(elapsed, (timeout - elapsed) / 2), 0)
    if error.retry_after > longest_wait:
        return min(error.retry_after, MAX_WAITING_SECONDS + 1)
    return None
