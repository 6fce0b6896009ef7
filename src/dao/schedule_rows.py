"""Conversions of progress and schedules that both databases share.

Rows have the values in the order of the fields of what they become; dates and times are ISO 8601
text. Every function raises `StoreMisconfiguredError` if another version of this service stored
something in another shape.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

from src.domain.errors import StoreMisconfiguredError
from src.domain.progress import Completion, TaskGroups
from src.domain.schedule import DaysOff, ScheduledTask, ScheduleSettings

QUARTER_SECONDS = 900
"""Completions are counted by quarters of an hour."""

Rows: TypeAlias = Iterable[Sequence[Any]]


def parse_groups(columns: Sequence[Sequence[Any] | None]) -> TaskGroups:
    """Return groups from their columns, which are all null if there is no group."""
    with _known_shape():
        weeks, days, dates, *others = (column or () for column in columns)
        return TaskGroups(weeks, days, [day and date.fromisoformat(day) for day in dates], *others)


def parse_completions(rows: Rows) -> tuple[Completion, ...]:
    """Return completions from rows whose first value is the number of the quarter since 1970."""
    with _known_shape():
        return tuple(
            Completion(datetime.fromtimestamp(quarter * QUARTER_SECONDS, UTC), *others)
            for quarter, *others in rows
        )


def parse_tasks(rows: Rows) -> tuple[ScheduledTask, ...]:
    """Return tasks from their rows."""
    with _known_shape():
        return tuple(_parse_task(*row) for row in rows)


def parse_settings(
    start: str | None, days_off: Sequence[str] | None, minutes_per_day: int | None
) -> ScheduleSettings:
    """Return settings; `days_off` has the texts that `DaysOff.parse` reads."""
    with _known_shape():
        return ScheduleSettings(_parse_date(start), DaysOff.parse(days_off or ()), minutes_per_day)


def _parse_task(*row: Any) -> ScheduledTask:  # noqa: ANN401  the values of a row
    *plan, completed_at, completed_tz, created_at, due_date, is_moved_by_hand, date_changes = row
    values = (
        *plan,
        None if completed_at is None else datetime.fromisoformat(completed_at),
        completed_tz,
        datetime.fromisoformat(created_at),
        _parse_date(due_date),
        bool(is_moved_by_hand),
        date_changes,
    )
    return ScheduledTask(*values)


def _parse_date(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


@contextmanager
def _known_shape() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError):
        # Without the error's text, which may quote a learner's plan.
        raise StoreMisconfiguredError("a stored schedule has an unknown shape") from None
