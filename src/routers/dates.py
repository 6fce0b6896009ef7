"""The fields that say when: time zones, dates and days off."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AfterValidator, BeforeValidator, Field

from src.domain.schedule import DaysOff
from src.services.progress.days import Reader, zone_of

EARLIEST_DATE = date(2000, 1, 1)
YEARS_AHEAD = 10
MAX_DAYS_OFF = 100

ZONES_TEXT = "A time zone of the IANA database, such as Europe/Berlin."
ROLLOVER_TEXT = (
    "The hour at which your day begins: what you do before it counts for the day before."
)

_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")


# The messages never quote what was sent.


def _require_zone(name: str) -> str:
    try:
        zone_of(name)
    except ValueError:
        raise ValueError(
            "must be a time zone of the IANA database, such as Europe/Berlin or UTC"
        ) from None
    return name


def _require_iso_date(value: object) -> object:
    """Refuse numbers and times, which pydantic would otherwise convert to dates."""
    if isinstance(value, str) and not _ISO_DATE.fullmatch(value):
        raise ValueError("must be a date such as 2026-12-24")
    if not isinstance(value, str | date):
        raise ValueError("must be a date such as 2026-12-24")  # noqa: TRY004  as pydantic expects
    return value


def _require_near_date(value: date) -> date:
    today = datetime.now(UTC).date()
    latest = today + timedelta(days=YEARS_AHEAD * 366)
    if not EARLIEST_DATE <= value <= latest:
        raise ValueError(f"must be from {EARLIEST_DATE} to {latest}")
    return value


def _require_days_off(texts: list[str]) -> list[str]:
    try:
        DaysOff.parse(texts)
    except ValueError:
        raise ValueError(
            "must be names of weekdays (sunday), dates (2026-12-24) and intervals"
            " (2026-12-24/2026-12-31), and leave at least one weekday"
        ) from None
    return texts


TimeZone = Annotated[
    str,
    Field(min_length=1, max_length=64, description=ZONES_TEXT, examples=["Europe/Berlin"]),
    AfterValidator(_require_zone),
]
Rollover = Annotated[int, Field(ge=0, le=6, description=ROLLOVER_TEXT)]
IsoDate = Annotated[date, BeforeValidator(_require_iso_date)]
NearDate = Annotated[IsoDate, AfterValidator(_require_near_date)]
"""From 2000 to ten years ahead."""
DaysOffTexts = Annotated[
    list[Annotated[str, Field(max_length=21)]],
    Field(max_length=MAX_DAYS_OFF),
    AfterValidator(_require_days_off),
]


def reader_now(time_zone: str, rollover: int) -> Reader:
    """Return who asks at this moment."""
    return Reader(datetime.now(UTC), zone_of(time_zone), rollover)


async def _reader(
    tz: Annotated[
        TimeZone,
        Query(description=ZONES_TEXT, openapi_examples={"a zone": {"value": "Europe/Berlin"}}),
    ] = "UTC",
    rollover: Annotated[
        int,
        Query(ge=0, le=6, description=ROLLOVER_TEXT, openapi_examples={"at night": {"value": 4}}),
    ] = 0,
) -> Reader:
    return reader_now(tz, rollover)


ReaderInQuery = Annotated[Reader, Depends(_reader)]
"""The learner's days, from the query parameters `tz` and `rollover`."""
