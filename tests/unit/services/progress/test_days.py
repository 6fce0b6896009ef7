"""The learner's days, in every zone of the IANA database."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest

from src.services.progress.days import local_day, zone_of

MINUTE = timedelta(minutes=1)


@cache
def clock_changes(zone: ZoneInfo, year: int) -> list[datetime]:
    """Return the moments at which a zone's clock is changed, found by halving."""
    changes = []
    moment = datetime(year, 1, 1, tzinfo=UTC)
    while moment.year == year:
        later = moment + timedelta(days=1)
        low, high = moment, later
        if low.astimezone(zone).utcoffset() != high.astimezone(zone).utcoffset():
            while high - low > MINUTE:
                middle = low + (high - low) / 2
                same = middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset()
                low, high = (middle, high) if same else (low, middle)
            changes.append(high)
        moment = later
    return changes


def by_arithmetic(moment: datetime, zone: ZoneInfo, rollover: int) -> date:
    """Return the day by integers alone: seconds of the wall clock since 1970."""
    offset = moment.astimezone(zone).utcoffset() or timedelta()
    seconds = int(moment.timestamp()) + int(offset.total_seconds())
    days, of_day = divmod(seconds, 86_400)
    if of_day < rollover * 3_600:
        days -= 1
    return date(1970, 1, 1) + timedelta(days=days)


@pytest.mark.long(2)
@pytest.mark.parametrize("rollover", range(7))
def test_days_around_every_change_of_the_clock(rollover: int) -> None:
    """In all zones, before and after both edges of daylight saving, and around the rollover."""
    for name in sorted(available_timezones()):
        zone = zone_of(name)
        moments = [datetime(2026, 7, 1, hour, 59, 59, tzinfo=UTC) for hour in range(0, 24, 5)]
        if rollover == 0 or name.startswith(("Europe", "America", "Australia")):
            moments += clock_changes(zone, 2026)
        for moment in moments:
            for around in (-3_601, -1, 0, 1, 3_601):
                at = moment + timedelta(seconds=around)
                assert local_day(at, zone, rollover) == by_arithmetic(at, zone, rollover), (
                    name,
                    at,
                )


def test_rollover_keeps_the_evening() -> None:
    """What is done at half past two at night counts for the day before, until four o'clock."""
    berlin = zone_of("Europe/Berlin")
    night = datetime(
        2026, 3, 29, 0, 30, tzinfo=UTC
    )  # 01:30 in Berlin, before the clock goes forward
    assert local_day(night, berlin) == date(2026, 3, 29)
    assert local_day(night, berlin, 4) == date(2026, 3, 28)
    assert local_day(night + timedelta(hours=2), berlin, 4) == date(2026, 3, 29)


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "a\0b", "Europe"]
)
def test_unknown_zone(name: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        zone_of(name)
