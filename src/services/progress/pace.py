"""How fast a learner is, and when they will be done at that pace."""

from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil, inf


@dataclass(frozen=True, slots=True)
class Forecast:
    """The day on which the last task is done at the faster and at the slower of two paces.

    `latest` is None if the slower pace is 0, or leads beyond the calendar.
    """

    earliest: date
    latest: date | None


def forecast(open_minutes: float, paces: tuple[float, float], today: date) -> Forecast | None:
    """Return when the open minutes are done at two paces, in minutes a day; None while both are 0.

    Work that is left ends today at the earliest.
    """
    faster, slower = max(paces), min(paces)
    if faster <= 0:
        return None
    earliest = _end(open_minutes, faster, today)
    return Forecast(earliest, _end(open_minutes, slower, today)) if earliest else None


def _end(open_minutes: float, pace: float, today: date) -> date | None:
    if open_minutes <= 0:
        return today
    days = open_minutes / pace if pace > 0 else inf
    return today + timedelta(days=ceil(days)) if days <= (date.max - today).days else None
