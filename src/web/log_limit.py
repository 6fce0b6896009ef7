"""Bounds how often the same kind of line is logged, however many requests cause it."""

import time
from collections import Counter
from collections.abc import Callable

MAX_LINES_PER_SECOND = 10
"""Of one kind, in one process. Each request has a line of its own besides, with its status."""


class LogLimit:
    """Allows a number of lines in every second; `clock` returns seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._second = -1
        self._lines: Counter[str] = Counter()

    def allows_line(self, kind: str) -> bool:
        """Count a line of this kind, and return whether it may be logged.

        What clients send must not become a kind: the kinds of one second are kept.
        """
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._lines.clear()
        self._lines[kind] += 1
        return self._lines[kind] <= MAX_LINES_PER_SECOND
