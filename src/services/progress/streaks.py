"""Streaks: runs of days on which something was completed."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from src.domain.schedule import EVERY_DAY, ONE_DAY

BRIDGED_DAYS = 2
WINDOW_DAYS = 7
"""At most 2 missed days in any 7 do not break a streak: one bad weekend is no reason to give up."""


class SetOfDays(Protocol):
    """Days, of which one only asks whether another one is among them."""

    def __contains__(self, day: date) -> bool:
        """Whether a day is among them."""


@dataclass(frozen=True, slots=True)
class Run:
    """A streak. `count` are its days with a completion; without any, it has no start and no end."""

    count: int = 0
    start: date | None = None
    end: date | None = None


@dataclass(frozen=True, slots=True)
class Streaks:
    """The streak that still lasts, the longest one, and the missed days that the first bridges."""

    current: Run
    longest: Run
    bridged: tuple[date, ...]


def streaks(done: Iterable[date], today: date, off: SetOfDays = EVERY_DAY) -> Streaks:
    """Return the streaks of a learner who completed something on the days `done`.

    A streak begins and ends with such a day. Days off are neutral (as in Todoist's karma,
    `ignoreDays`). The other days without a completion are missed, but today is not missed yet. A
    streak lasts as long as any seven days in a row have at most two missed ones; these are bridged,
    and do not count. Days after today, which come about by travelling, count like all others.
    """
    days = sorted(set(done))
    if not days:
        return Streaks(Run(), Run(), ())
    missed = _missed_days(days, max(days[-1], today - ONE_DAY), off)
    # Three missed days within seven: a streak that reaches the last of them begins after the first.
    breaks = [
        (last, first)
        for first, last in zip(missed, missed[BRIDGED_DAYS:], strict=False)
        if (last - first).days < WINDOW_DAYS
    ]
    current = _run(days[_after(days, breaks[-1][1]) :] if breaks else days)
    bridged = tuple(day for day in missed if current.start and day > current.start)
    return Streaks(current, _longest(days, breaks), bridged)


def _missed_days(days: Sequence[date], until: date, off: SetOfDays) -> list[date]:
    done = set(days)
    between = (days[0] + number * ONE_DAY for number in range((until - days[0]).days + 1))
    return [day for day in between if day not in done and day not in off]


def _longest(days: Sequence[date], breaks: Sequence[tuple[date, date]]) -> Run:
    longest = Run()
    start = passed = 0
    for index, end in enumerate(days, start=1):
        while passed < len(breaks) and breaks[passed][0] < end:
            start = _after(days, breaks[passed][1])
            passed += 1
        if index - start > longest.count:
            longest = _run(days[start:index])
    return longest


def _after(days: Sequence[date], day: date) -> int:
    """Return the index of the first of `days` that comes after `day`."""
    return bisect_right(days, day)


def _run(days: Sequence[date]) -> Run:
    return Run(len(days), days[0], days[-1]) if days else Run()
