"""A roadmap as a calendar (iCalendar, RFC 5545)."""

from collections.abc import Iterable
from datetime import timedelta

from icalendar import Alarm, Calendar, Event

from src.domain.schedule import ONE_DAY
from src.services.progress.exports import ExportedTask

REFRESH_INTERVAL = timedelta(hours=1)
"""How often a subscribed calendar should ask again (RFC 7986); feeds are limited accordingly."""

PRODUCT = "-//Momentum-AI//Roadmap//EN"


def to_calendar(name: str, tasks: Iterable[ExportedTask], alarm_hour: int | None = None) -> bytes:
    """Return an all-day event for each task, in UTF-8.

    A UID comes from the task's id, so a calendar that imports the file again updates its events.
    SEQUENCE rises with each change of the date. Nothing else depends on the moment of the export.
    With `alarm_hour`, each event that is not done yet has an alarm at that hour of its day.
    """
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    one_line = " ".join(name.split())  # the library refuses line breaks here
    calendar.add("name", one_line)
    calendar.add("x-wr-calname", one_line)
    calendar.add("refresh-interval", REFRESH_INTERVAL, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    for task in tasks:
        calendar.add_component(_event(task, alarm_hour))
    data: bytes = calendar.to_ical()
    return data


def _event(task: ExportedTask, alarm_hour: int | None) -> Event:
    event = Event()
    event.add("uid", f"task-{task.id}@momentum-ai")
    event.add("dtstamp", task.created_at)
    event.add("dtstart", task.due)
    event.add("dtend", task.due + ONE_DAY)
    event.add("summary", f"✓ {task.text}" if task.completed_at else task.text)
    minutes = f"{task.minutes} min, " if task.minutes else ""
    event.add(
        "description",
        f"{minutes}{task.effort} {task.category}\nWeek {task.week_number}: {task.weekly_goal}",
    )
    event.add("categories", [task.category])
    event.add("sequence", task.date_changes)
    event.add("transp", "TRANSPARENT")  # a task does not make its day busy
    if alarm_hour is not None and task.completed_at is None:
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", task.text)
        alarm.add("trigger", timedelta(hours=alarm_hour))
        event.add_component(alarm)
    return event
