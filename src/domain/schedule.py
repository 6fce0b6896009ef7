"""When a learner does what: days that are off, and the schedule of a roadmap."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DaysOff:
    """Days on which a learner does nothing, as a set of dates.

    Raises:
        ValueError: every weekday is off, so that nothing could ever be done.
    """

    weekdays: frozenset[int] = frozenset()
    """0 is Monday."""
    intervals: tuple[tuple[date, date], ...] = ()
    """First and last day of each."""

    def __post_init__(self) -> None:
        if len(self.weekdays) == len(WEEKDAYS):
            raise ValueError("at least one weekday must not be off")

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Read weekday names, ISO dates, and ISO 8601 intervals (`2026-12-24/2026-12-31`).

        Raises:
            ValueError: a text is none of these, or an interval ends before it begins.
        """
        weekdays: set[int] = set()
        intervals: list[tuple[date, date]] = []
        for text in texts:
            if text.lower() in WEEKDAYS:
                weekdays.add(WEEKDAYS.index(text.lower()))
                continue
            first, _, last = text.partition("/")
            try:
                interval = date.fromisoformat(first), date.fromisoformat(last or first)
            except ValueError:
                raise ValueError(
                    f"{text!r} is no weekday's name, no date (2026-12-24), and no interval"
                    " (2026-12-24/2026-12-31)"
                ) from None
            if interval[1] < interval[0]:
                raise ValueError(f"the interval {text!r} ends before it begins")
            intervals.append(interval)
        return cls(frozenset(weekdays), tuple(sorted(intervals)))

    def __contains__(self, day: date) -> bool:
        return day.weekday() in self.weekdays or any(
            first <= day <= last for first, last in self.intervals
        )

    def next_day_on(self, day: date) -> date:
        """Return the first day from `day` on that is not off.

        Raises:
            OverflowError: the calendar ends before (year 9999).
        """
        while day in self:
            day += ONE_DAY
        return day


EVERY_DAY = DaysOff()
"""No day is off."""
