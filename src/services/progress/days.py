"""The learner's days: in their time zone, from the hour at which a day begins for them."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from src.domain.schedule import ONE_DAY


@lru_cache(maxsize=1_024)
def zone_of(name: str) -> ZoneInfo:
    """Return a zone of the IANA database by its name.

    Raises:
        ValueError: there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; absolute or with `..`; a folder
        raise ValueError(
            f"{name!r} is no zone of the IANA database, such as Europe/Berlin"
        ) from None


def stored_zone(name: str | None, otherwise: ZoneInfo) -> ZoneInfo:
    """Return a zone that was stored, or `otherwise` where none was, or none that is known here.

    A zone was checked when it was stored, but maybe with a newer database than this machine's.
    """
    try:
        return zone_of(name) if name else otherwise
    except ValueError:
        return otherwise


def local_day(moment: datetime, zone: ZoneInfo, rollover: int = 0) -> date:
    """Return the day to which a moment belongs where the clock shows the time of `zone`.

    A day begins when the clock shows `rollover` o'clock (0 to 6), so what is done at 1 o'clock at
    night may still count for the day before. The clock is read as it stands on the wall, also on
    the days on which it is changed. After Anki's `timing.rs`, which rolls over in local time, too.
    """
    local = moment.astimezone(zone)
    return local.date() - ONE_DAY if local.hour < rollover else local.date()


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks: the moment, their time zone, and the hour at which their days begin."""

    now: datetime
    zone: ZoneInfo
    rollover: int = 0

    @property
    def today(self) -> date:
        """The reader's day."""
        return local_day(self.now, self.zone, self.rollover)

    def day_of(self, completed_at: datetime, time_zone: str | None) -> date:
        """Return the day of a completion: in its own zone if it has one, else in the reader's.

        So moving to another zone changes no day of the past. A zone that this machine's database
        does not know counts as none.
        """
        return local_day(completed_at, stored_zone(time_zone, self.zone), self.rollover)
