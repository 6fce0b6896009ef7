"""When a learner does what: days that are off, and the dates of a roadmap's tasks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self
from uuid import UUID

from src.domain.roadmap import Roadmap
from src.domain.vocabulary import DAYS_PER_WEEK

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

ONE_DAY = timedelta(days=1)


def days_before(week_number: int, day_number: int) -> int:
    """Return how many days of the plan come before one."""
    return DAYS_PER_WEEK * (week_number - 1) + day_number - 1


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

    def texts(self) -> list[str]:
        """Return what `parse` reads, in one order for the same days."""
        names = [WEEKDAYS[number] for number in sorted(self.weekdays)]
        return names + [f"{first}/{last}" for first, last in self.intervals]

    def __contains__(self, day: date) -> bool:
        return (bool(self.weekdays) and day.weekday() in self.weekdays) or (
            bool(self.intervals) and any(first <= day <= last for first, last in self.intervals)
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


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """What a learner has said about when to learn. None is what was never said."""

    start: date | None = None
    days_off: DaysOff = EVERY_DAY
    minutes_per_day: int | None = None


NO_SETTINGS = ScheduleSettings()

FEED_POLLS_PER_HOUR = 60
"""Calendars ask every few hours, or every few minutes at worst."""


@dataclass(frozen=True, slots=True)
class ScheduledTask:
    """A task with its date.

    `due_date` is None as long as neither a schedule nor the learner has set one; the plan's day
    then counts from the start. `minutes` is the estimate or, without one, an equal share of the
    hours of the task's day. `completed_tz` is the learner's time zone when they completed it, None
    if it is not known. `date_changes` counts how often `due_date` has changed.
    """

    id: str
    week_number: int
    weekly_goal: str
    day_number: int
    text: str
    effort: str
    category: str
    estimated_minutes: int | None
    minutes: float
    completed_at: datetime | None
    completed_tz: str | None
    created_at: datetime
    due_date: date | None
    is_moved_by_hand: bool
    date_changes: int


@dataclass(frozen=True, slots=True)
class AppliedSchedule:
    """The last schedule that was applied, so that repeating its request gives the same answer."""

    request: str
    """A fingerprint of the request and of the version that it was based on."""
    answer: str
    """The answer's JSON."""


@dataclass(frozen=True, slots=True)
class DatedPlan:
    """A roadmap's tasks in the plan's order, with their dates.

    `version` rises whenever a date or a setting changes, and not when a task is completed.
    `applied` is None before the first schedule and as soon as something else has changed a date.
    """

    roadmap: Roadmap
    settings: ScheduleSettings
    version: int
    tasks: tuple[ScheduledTask, ...]
    applied: AppliedSchedule | None


@dataclass(frozen=True, slots=True)
class NewDates:
    """Dates for some tasks by their ids, and the settings that were said with them.

    They are stored only if the plan still has the version `based_on`.
    """

    based_on: int
    dates: Mapping[str, date]
    settings: ScheduleSettings
    applied: AppliedSchedule


@dataclass(frozen=True, slots=True)
class CalendarFeed:
    """Who may read a roadmap's calendar by its secret address, and how they want to see it."""

    roadmap_id: int
    user_id: UUID
    time_zone: str
    rollover: int
    alarm_hour: int | None
