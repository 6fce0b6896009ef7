"""How many calls a model's server gets at once, and how long its first token may take."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from src.llm.openrouter.errors import PausedError
from src.llm.openrouter.memory import FACT_SECONDS

PROBE_SECONDS = 60.0
"""How often one call may find out whether a pause that nobody can wait for is over already."""

MIN_OVERLOADS = 2
"""How many signs of overload it takes to halve the calls if no call had room in between: a single
one may be chance."""

MAX_EXPECTED_SHARE = 0.9
"""The share of the idle limit that a first token may be expected to take with one more call."""

FIRST_TOKEN_SECONDS = 120.0
"""What a server may take to load its model into memory. Ollama and LM Studio load it on demand."""

UNLOADED_AFTER_SECONDS = 240.0
"""Without a call for so long a server may have unloaded the model: Ollama does after 5 minutes."""


class CallSlots:
    """Bounds the calls that run at once: halves the bound on overload, and raises it on success.

    TCP avoids congestion by the same rules (RFC 5681): additive increase, multiplicative decrease,
    and after a timeout a new start from one. Further calls wait in the order of their arrival.
    """

    def __init__(self, most: int) -> None:
        self._most = float(most)
        self._limit = float(most)
        self._running = 0
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()
        self._paused_at = self._paused_until = self._probe_at = -math.inf
        self._overloads = 0
        self._lowered_at = -math.inf
        self._fast_until = 0.0
        """Up to this bound, every success raises it by one."""
        self._ceiling = self._most
        self._ceiling_until = -math.inf

    @property
    def limit(self) -> int:
        """How many calls may run at once now, at least 1."""
        return int(self._limit)

    @asynccontextmanager
    async def slot(self, deadline: float) -> AsyncIterator[int]:
        """Wait for a slot and hold it; yield how many are held then.

        `deadline` is the caller's, on the clock of `time.monotonic`.

        Raises:
            PausedError: the server's pause lasts longer than the caller has time.
            TimeoutError: no slot became free before the deadline.
        """
        async with self._turn:
            await self._wait_for_room(deadline)
            self._running += 1
        try:
            yield self._running
        finally:
            self._running -= 1
            self._changed.set()

    def pause(self, seconds: float) -> None:
        """Start no further call for so many seconds, apart from a probe every minute."""
        self._paused_at = time.monotonic()
        self._paused_until = max(self._paused_until, self._paused_at + seconds)
        self._probe_at = self._paused_at + PROBE_SECONDS

    def report_overload(self, started_at: float, *, has_timed_out: bool = False) -> None:
        """Note that a call started at that time was refused (429), or got no token in time."""
        if started_at < self._lowered_at:
            return  # it ran under the earlier bound
        self._overloads += 1
        if self._overloads >= MIN_OVERLOADS:
            self._lower()
            if has_timed_out:
                self._limit = 1.0  # it took all the time that there is to find out

    def report_too_many(self, started_at: float) -> None:
        """Note that the server names this many calls at once as too many."""
        self._ceiling = max(self._running - 1.0, 1.0)
        self._ceiling_until = time.monotonic() + FACT_SECONDS
        if started_at >= self._lowered_at:
            self._lower()

    def _lower(self) -> None:
        # The bound may be far above what actually ran.
        self._limit = self._fast_until = max(min(self._limit, self._running) / 2, 1.0)
        self._lowered_at, self._overloads = time.monotonic(), 0

    def report_success(self, started_at: float, waited_share: float, at_once: int) -> None:
        """Note that a call has ended well.

        Its first token took `waited_share` of the idle limit, and `at_once` calls ran when it
        started. If the server does one call at a time, that grows with every further call, so there
        is room only if one more still fits. A call that started before the slots were full does not
        show what happens when they are (as in RFC 7661), so the bound stays.
        """
        has_room = waited_share * (at_once + 1) / at_once <= MAX_EXPECTED_SHARE
        if started_at >= self._paused_at:
            self._paused_until = -math.inf
        if has_room:
            self._overloads = 0
        if has_room and at_once >= self.limit:
            step = 1.0 if self._limit < self._fast_until else 1 / self._limit
            ceiling = self._ceiling if time.monotonic() < self._ceiling_until else self._most
            self._limit = min(self._limit + step, ceiling)
            self._changed.set()

    async def _wait_for_room(self, deadline: float) -> None:
        while True:
            now = time.monotonic()
            pause = self._paused_until - now
            if 0 < pause < deadline - now:
                await asyncio.sleep(pause)
            elif pause > 0 and now < self._probe_at:
                raise PausedError("the model's server wants a pause", pause)
            elif self._running < self.limit:
                self._probe_at = now + PROBE_SECONDS
                return
            else:
                self._changed.clear()
                async with asyncio.timeout(None if math.isinf(deadline) else deadline - now):
                    await self._changed.wait()


class FirstTokenPatience:
    """How long a call waits for its first token: longer if the server may have to load a model."""

    def __init__(self, idle_timeout: float) -> None:
        self._idle_timeout = idle_timeout
        self._last_sign_at = -math.inf

    def seconds(self) -> float:
        """Return how long to wait for a call's first token."""
        if time.monotonic() - self._last_sign_at > UNLOADED_AFTER_SECONDS:
            return max(FIRST_TOKEN_SECONDS, self._idle_timeout)
        return self._idle_timeout

    def waited_share(self, seconds: float) -> float:
        """Return what share of the idle limit a first token took."""
        return seconds / self._idle_timeout

    def note_token(self) -> None:
        """Note that the server has sent a token."""
        self._last_sign_at = time.monotonic()

    def note_timeout(self) -> None:
        """Note that a wait was for nothing: the next ones are shorter."""
        self._last_sign_at = time.monotonic()
