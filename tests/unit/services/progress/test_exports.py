"""Exports, read by parsers that did not write them."""

import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from ical.calendar_stream import IcsCalendarStream
from icalendar import Calendar

from src.services.progress.exports import ExportedTask
from src.services.progress.exports.calendar import to_calendar
from src.services.progress.exports.markdown import to_markdown
from src.services.progress.exports.table import to_csv

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TASK = ExportedTask(
    id="9f6b",
    week_number=1,
    weekly_goal="Begin; slowly, with care",
    day_number=1,
    due=date(2026, 3, 2),
    text='Read "A, B; C" \\ and print(x**2) 👩‍💻 ' + "long " * 30,
    minutes=25,
    effort="light",
    category="reading",
    completed_at=None,
    created_at=NOW,
    date_changes=3,
)
DONE = replace(TASK, id="77aa", day_number=2, due=date(2026, 3, 3), completed_at=NOW, minutes=None)
TASKS = (TASK, DONE)


def test_calendar_is_read_by_two_parsers() -> None:
    """Both see each task once, with its date, its sequence and its text."""
    data = to_calendar("Learn, slowly", TASKS, alarm_hour=9)
    first, second = Calendar.from_ical(data).walk("VEVENT")
    assert first["uid"] == "task-9f6b@momentum-ai"
    assert (first.decoded("dtstart"), first.decoded("dtend")) == (TASK.due, DONE.due)
    assert (first["sequence"], str(first["summary"])) == (3, TASK.text)
    assert str(second["summary"]) == f"✓ {DONE.text}"
    (alarm,) = first.walk("VALARM")
    assert alarm.decoded("trigger") == timedelta(hours=9)
    assert not second.walk("VALARM")
    events = IcsCalendarStream.calendar_from_ics(data.decode()).events
    assert [(each.uid, each.dtstart, each.sequence) for each in events] == [
        (f"task-{task.id}@momentum-ai", task.due, 3) for task in TASKS
    ]
    assert events[0].summary == TASK.text
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT1H\r\n" in data
    assert max(map(len, data.split(b"\r\n"))) <= 75


def test_calendar_depends_on_the_tasks_alone() -> None:
    assert to_calendar("x", TASKS) == to_calendar("x", TASKS)


def test_goal_of_several_lines_names_a_calendar() -> None:
    data = to_calendar("Learn\r\nGo\n and\tC", [TASK])
    assert b"\r\nX-WR-CALNAME:Learn Go and C\r\n" in data
    assert Calendar.from_ical(data).walk("VEVENT")


def test_table_is_safe_in_a_spreadsheet() -> None:
    """Formulas are inert, other texts as they were written, and Excel sees UTF-8."""
    evil = ["=HYPERLINK(1)", "+1", "-2+3", "@SUM(A1)", "\tx", "＝1+1"]  # noqa: RUF001
    data = to_csv([*TASKS, *(replace(TASK, text=text) for text in evil)])
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert [row["task"] for row in rows] == [TASK.text, DONE.text, *("'" + text for text in evil)]
    assert [row["estimated_minutes"] for row in rows[:2]] == ["25", ""]
    assert [row["completed_at"] for row in rows[:2]] == ["", "2026-03-02T09:30:00+00:00"]
    assert rows[0]["due_date"] == "2026-03-02"


def test_table_of_nothing() -> None:
    assert to_csv([]).count(b"\r\n") == 1


def test_markdown() -> None:
    text = to_markdown("Learn\n Go", TASKS).decode()
    assert text.startswith(
        "# Learn Go\n\n## Week 1: Begin; slowly, with care\n\n### Day 1, 2026-03-02\n\n- [ ] Read"
    )
    assert text.count("## Week") == 1
    assert " (25 min)\n\n### Day 2, 2026-03-03\n\n- [x] Read" in text
