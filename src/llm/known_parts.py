"""The parts of a plan that an earlier planning has finished, looked up by week and day."""

from collections.abc import Iterable

from src.domain.generation import PlannedPart
from src.domain.plan import DayReady, Outline, PlannedDay, PlannedWeek


class KnownParts:
    """The parts of a plan that need not be planned again."""

    def __init__(self, parts: Iterable[PlannedPart]) -> None:
        self.outline: Outline | None = None
        self.weeks: set[int] = set()
        """The numbers of the weeks that are complete."""
        self.goals: dict[int, str] = {}
        """The goals of the weeks with a known day, by week number."""
        self._days: dict[tuple[int, int], PlannedDay] = {}
        for part in parts:
            if isinstance(part, Outline):
                self.outline = part
            elif isinstance(part, DayReady):
                self.goals[part.week_number] = part.weekly_goal
                self._days[part.week_number, part.day.day_number] = part.day
            elif isinstance(part, PlannedWeek):
                self.weeks.add(part.week_number)

    def day(self, week_number: int, day_number: int) -> PlannedDay | None:
        """Return a day; None if it still has to be planned."""
        return self._days.get((week_number, day_number))

    def texts(self) -> list[str]:
        """Return the text of every known task."""
        return [task.text for day in self._days.values() for task in day.tasks]
