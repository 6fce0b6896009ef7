"""The attempts at one question: when it is sent again, and after what wait."""

import logging
import random
import time
from collections.abc import AsyncIterator, Callable

import stamina

from src.domain import errors
from src.llm.openrouter.errors import FINAL_ERRORS, CutWhileThinkingError, RateLimitedError
from src.llm.openrouter.usage import UsageMeter

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 6
"""How often one question is sent, whatever its failures."""

MAX_LASTING_FAILURES = 3
"""How often one question, or several in a row, may fail for a reason that looks lasting: the key,
the credits, moderation, a wait that there is no time for. More than once, since OpenRouter routes
each call anew and single calls fail in all of these ways."""

RATE_LIMIT_WAITS = (4, 8, 16, 32, 60)
"""The waits after a 429 without a time, in units of the retry wait: up to 30 s, since the limits
of free models count by the minute."""

JITTER_SHARE = 0.1
"""How much longer than requested a wait may be, so that the calls do not come back at once."""

_LASTING_ERRORS = (
    errors.ModelMisconfiguredError,
    errors.ModelDeclinedError,
    CutWhileThinkingError,
)


class Attempts:
    """Decides after each failure of one question whether to send it again, and when."""

    def __init__(
        self, meter: UsageMeter, retry_wait: float, pause: Callable[[float], None]
    ) -> None:
        """Wait about `retry_wait` seconds; `pause` keeps all calls from the server for a time."""
        self._meter = meter
        self._retry_wait = retry_wait
        self._pause = pause
        self._lasting_failures = 0
        self._rate_limits = 0

    def run(self) -> AsyncIterator[stamina.Attempt]:
        """Return the attempts, for `async for attempt: with attempt:`."""
        return aiter(
            stamina.retry_context(
                on=self._should_retry,
                attempts=MAX_ATTEMPTS,
                wait_initial=self._retry_wait,
                wait_max=10 * self._retry_wait,
                wait_jitter=self._retry_wait,
                timeout=None,  # the caller's deadline bounds the whole
            )
        )

    def _should_retry(self, error: Exception) -> bool | float:
        if not isinstance(error, errors.ModelError):
            return False
        logger.warning("a model call failed: %s: %s", type(error).__name__, error)
        wait = self._wait_after(error)
        if wait is False or self._meter.retries_left <= 0:
            return False
        self._meter.retries_left -= 1
        self._meter.retries += 1
        return wait

    def _wait_after(self, error: errors.ModelError) -> bool | float:
        """Return the seconds to wait, True for the usual wait, or False to give up."""
        if isinstance(error, FINAL_ERRORS):
            return False
        if isinstance(error, _LASTING_ERRORS):
            return self._count_lasting_failure()
        if isinstance(error, errors.ModelOutputError):
            return 0.0  # The server is well; there is nothing to wait for.
        if isinstance(error, errors.ModelUnavailableError) and error.retry_after is not None:
            return self._wait_as_requested(error.retry_after)
        if isinstance(error, RateLimitedError):
            wait = RATE_LIMIT_WAITS[min(self._rate_limits, len(RATE_LIMIT_WAITS) - 1)]
            self._rate_limits += 1
            return self._wait_as_requested(wait * self._retry_wait)
        return True

    def _count_lasting_failure(self) -> bool:
        """Return whether the question is worth another call."""
        self._lasting_failures += 1
        self._meter.lasting_failures += 1
        failures = max(self._lasting_failures, self._meter.lasting_failures)
        return failures < MAX_LASTING_FAILURES

    def _wait_as_requested(self, seconds: float) -> bool | float:
        # The work after the wait needs time, too.
        is_too_long = seconds > (self._meter.deadline - time.monotonic()) / 2
        if is_too_long and self._count_lasting_failure():
            return True  # Another provider may serve the next call.
        self._pause(seconds)
        if is_too_long:
            return False  # The caller learns how long to wait.
        return seconds + random.uniform(0, JITTER_SHARE * seconds + self._retry_wait / 10)  # noqa: S311
