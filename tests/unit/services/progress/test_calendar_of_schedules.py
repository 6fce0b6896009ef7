"""A calendar after many schedules: each task is in it once, and nothing else."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from ical.calendar_stream import IcsCalendarStream
from icalendar import Calendar

from src.domain.errors import ScheduleDoesNotFitError
from src.domain.schedule import DaysOff
from src.services.progress.exports import ExportedTask
from src.services.progress.exports.calendar import to_calendar
from src.services.progress.rescheduling import DatedTask, Strategy, Wanted, reschedule

SCHEDULES = 1_000
LOOKS = 100
"""After so many schedules each, the calendar is read."""
START = date(2026, 3, 2)
STRATEGIES: tuple[Strategy, ...] = ("as_planned", "shift", "compress", "spread")


def exported(number: int) -> ExportedTask:
    return ExportedTask(
        id=str(number),
        week_number=number // 14 + 1,
        weekly_goal="Begin",
        day_number=number // 2 % 7 + 1,
        due=START + timedelta(days=number // 2),
        text=f"Task {number}",
        minutes=30,
        effort="light",
        category="reading",
        completed_at=None,
        created_at=datetime(2026, 3, 2, tzinfo=UTC),
        date_changes=0,
    )


def scheduled(tasks: list[ExportedTask], chance: Random) -> list[ExportedTask]:
    """Schedule anew in any way; what changes its date counts it."""
    first = START + timedelta(days=chance.randrange(60))
    wanted = Wanted(
        chance.choice(STRATEGIES),
        START,
        first,
        first + timedelta(days=chance.randrange(10, 90)),
        DaysOff(frozenset(chance.sample(range(7), chance.randrange(3)))),
        chance.choice([60, 120]),
    )
    dated = [
        DatedTask(each.id, each.week_number, each.day_number, 30, each.due, chance.random() < 0.1)
        for each in tasks
    ]
    try:
        dates = reschedule(dated, wanted)
    except ScheduleDoesNotFitError:
        return tasks
    return [
        replace(each, due=dates[each.id], date_changes=each.date_changes + 1)
        if dates.get(each.id, each.due) != each.due
        else each
        for each in tasks
    ]


@pytest.mark.long(5)
def test_each_task_is_in_the_calendar_once() -> None:
    """After a thousand schedules no event is twice or of no task, and no sequence falls."""
    chance = Random(9)
    tasks = [exported(number) for number in range(28)]
    sequences = [0] * len(tasks)
    for number in range(1, SCHEDULES + 1):
        tasks = scheduled(tasks, chance)
        if number % LOOKS:
            continue
        events = Calendar.from_ical(to_calendar("Plan", tasks)).walk("VEVENT")
        assert [str(event["uid"]) for event in events] == [
            f"task-{task.id}@momentum-ai" for task in tasks
        ]
        assert [event.decoded("dtstart") for event in events] == [task.due for task in tasks]
        now = [int(str(event["sequence"])) for event in events]
        assert all(earlier <= later for earlier, later in zip(sequences, now, strict=True))
        sequences = now
    others = IcsCalendarStream.calendar_from_ics(to_calendar("Plan", tasks).decode()).events
    assert {event.uid for event in others} == {f"task-{task.id}@momentum-ai" for task in tasks}
    assert len(others) == len(tasks)
    assert min(sequences) > 100
