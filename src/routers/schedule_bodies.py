"""The bodies of requests that change dates, or that take a roadmap along."""

from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field, StrictBool

from src.domain.schedule import DaysOff
from src.domain.vocabulary import Value
from src.routers.dates import (
    DaysOffTexts,
    IsoDate,
    NearDate,
    Rollover,
    TimeZone,
    reader_now,
)
from src.services.progress.rescheduling import Strategy
from src.services.progress.scheduling import ScheduleRequest

MINUTES_OF_A_DAY = 24 * 60

AlarmHour = Annotated[
    int,
    Field(ge=0, le=23, description="In a calendar: the hour of a task's day at which to alarm."),
]


def _require_number(value: object) -> object:
    """Refuse booleans and strings, which pydantic would otherwise convert."""
    if isinstance(value, bool | str):
        raise ValueError("must be a number")  # noqa: TRY004  as pydantic expects
    return value


DayMinutes = Annotated[int, Field(ge=5, le=MINUTES_OF_A_DAY), BeforeValidator(_require_number)]


class NewSchedule(Value):
    """The body of `POST /roadmap/{roadmap_id}/schedule`.

    Strategies:

    - `as_planned`: the plan's day, counted from `start`; days off are skipped.
    - `shift`: all unfinished tasks move by one offset, so that the first is due on `from`.
    - `compress`: what is left is packed from `from` on, and must fit before the present end.
    - `spread`: what is left is spread evenly from `from` to `end`.

    `from` defaults to today in the zone `tz`, `start` to the day on which the roadmap was made,
    `end` to the present end, and `minutes_per_day` to the roadmap's hours. `days_off` are names of
    weekdays, dates, or intervals. `start`, `days_off` and `minutes_per_day` are kept with the
    roadmap when they are applied, and are then the defaults. `start`, `from` and `end` are from
    2000-01-01 to ten years ahead.
    """

    user_id: UUID
    strategy: Strategy
    start: NearDate | None = None
    from_: Annotated[NearDate | None, Field(alias="from")] = None
    end: NearDate | None = None
    days_off: DaysOffTexts | None = None
    minutes_per_day: DayMinutes | None = None
    tz: TimeZone = "UTC"
    rollover: Rollover = 0
    dry_run: StrictBool = True

    def schedule_request(self) -> ScheduleRequest:
        """Return what the learner asks for."""
        return ScheduleRequest(
            strategy=self.strategy,
            start=self.start,
            first_day=self.from_,
            end=self.end,
            days_off=None if self.days_off is None else DaysOff.parse(self.days_off),
            minutes_per_day=self.minutes_per_day,
            reader=reader_now(self.tz, self.rollover),
        )


class OfUser(Value):
    """A body that only names the user."""

    user_id: UUID


class TaskMove(Value):
    """The body of `POST /task/move`. A `due_date` of null lets go of the task."""

    user_id: UUID
    task_id: Annotated[str, Field(min_length=1, max_length=64)]
    due_date: IsoDate | None
    tz: TimeZone = "UTC"
    rollover: Rollover = 0


class NewCalendarFeed(Value):
    """The body of `POST /roadmap/{roadmap_id}/calendar-feed`."""

    user_id: UUID
    tz: TimeZone = "UTC"
    rollover: Rollover = 0
    alarm: AlarmHour | None = None


class CalendarAddress(Value):
    """The path of a calendar at this service. It is secret, and cannot be read again."""

    path: str
