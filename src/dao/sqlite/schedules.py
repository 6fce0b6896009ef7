"""Progress and dates in the embedded file: one transaction per step."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import TypeVar
from uuid import UUID

from src.dao.sqlite.file import SqliteFile, now
from src.dao.sqlite.plans import (
    select_facts,
    select_open_tasks,
    select_plan,
    select_roadmap,
    select_roadmaps,
    select_totals,
)
from src.dao.sqlite.upgrades import transaction
from src.domain.errors import (
    CalendarFeedNotFoundError,
    CalendarPolledTooOftenError,
    NothingToUndoError,
    RoadmapNotFoundError,
    ScheduleChangedError,
    TaskNotFoundError,
)
from src.domain.progress import ProgressFacts, RoadmapTotals, TaskGroup
from src.domain.roadmap import Roadmap, Task
from src.domain.schedule import (
    FEED_POLLS_PER_HOUR,
    CalendarFeed,
    DatedPlan,
    NewDates,
)

HOUR_SECONDS = 3_600

T = TypeVar("T")


def _select_fine_facts(
    connection: sqlite3.Connection, user_id: UUID, roadmap_id: int
) -> ProgressFacts:
    roadmap = select_roadmap(connection, user_id, roadmap_id)
    return select_facts(connection, roadmap, coarse=False)


def _select_coarse_facts(
    connection: sqlite3.Connection, roadmaps: Iterable[Roadmap]
) -> list[ProgressFacts]:
    return [select_facts(connection, roadmap, coarse=True) for roadmap in roadmaps]


class SqliteSchedules:
    """Implements `src.dao.Schedules` with transactions."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def list_totals(self, user_id: UUID) -> list[RoadmapTotals]:
        return await self._read(lambda connection: select_totals(connection, user_id))

    async def list_facts(self, user_id: UUID, roadmap_id: int | None = None) -> list[ProgressFacts]:
        if roadmap_id is not None:
            one = partial(_select_fine_facts, user_id=user_id, roadmap_id=roadmap_id)
            return [await self._read(one)]
        roadmaps = await self._read(lambda connection: select_roadmaps(connection, user_id))
        # SQLite adds up outside Python's lock: two threads take little more than half as long.
        newer, older = await asyncio.gather(
            self._read(partial(_select_coarse_facts, roadmaps=roadmaps[: len(roadmaps) // 2])),
            self._read(partial(_select_coarse_facts, roadmaps=roadmaps[len(roadmaps) // 2 :])),
        )
        return newer + older

    async def list_open_tasks(
        self, user_id: UUID, groups: Mapping[int, Sequence[TaskGroup]]
    ) -> dict[int, list[Task]]:
        def read(connection: sqlite3.Connection) -> dict[int, list[Task]]:
            return {
                roadmap.roadmap_id: select_open_tasks(
                    connection, roadmap.roadmap_id, groups[roadmap.roadmap_id]
                )
                for roadmap in select_roadmaps(connection, user_id)
                if roadmap.roadmap_id in groups
            }

        return await self._read(read)

    async def get_plan(self, user_id: UUID, roadmap_id: int) -> DatedPlan:
        return await self._read(
            lambda connection: select_plan(
                connection, select_roadmap(connection, user_id, roadmap_id)
            )
        )

    async def get_plan_of_task(self, user_id: UUID, task_id: str) -> DatedPlan:
        return await self._read(
            lambda connection: select_plan(
                connection, _select_roadmap_of_task(connection, user_id, task_id)
            )
        )

    async def set_dates(self, user_id: UUID, roadmap_id: int, new: NewDates) -> int:
        return await self._file.write_for_client(
            lambda connection: _set_dates(connection, user_id, roadmap_id, new)
        )

    async def undo(self, user_id: UUID, roadmap_id: int) -> int:
        return await self._file.write_for_client(
            lambda connection: _undo(connection, user_id, roadmap_id)
        )

    async def move_task(self, user_id: UUID, task_id: str, due_date: date | None) -> Task:
        return await self._file.write_for_client(
            lambda connection: _move_task(connection, user_id, task_id, due_date)
        )

    async def create_feed(self, feed: CalendarFeed, token_hash: str) -> None:
        def create(connection: sqlite3.Connection) -> None:
            select_roadmap(connection, feed.user_id, feed.roadmap_id)
            connection.execute(
                "insert or replace into calendar_feeds"
                " (roadmap_id, token_hash, time_zone, rollover, alarm_hour, created_at)"
                " values (?, ?, ?, ?, ?, ?)",
                (
                    feed.roadmap_id,
                    token_hash,
                    feed.time_zone,
                    feed.rollover,
                    feed.alarm_hour,
                    now(),
                ),
            )

        await self._file.write_for_client(create)

    async def delete_feed(self, user_id: UUID, roadmap_id: int) -> None:
        def delete(connection: sqlite3.Connection) -> None:
            select_roadmap(connection, user_id, roadmap_id)
            connection.execute("delete from calendar_feeds where roadmap_id = ?", (roadmap_id,))

        await self._file.write_for_client(delete)

    async def poll_feed(self, token_hash: str) -> CalendarFeed:
        return await self._file.write_for_client(
            lambda connection: _poll_feed(connection, token_hash)
        )

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Read in one snapshot of the database."""

        def in_transaction(connection: sqlite3.Connection) -> T:
            with transaction(connection, "deferred"):
                return work(connection)

        return await self._file.read_for_client(in_transaction)


def _set_dates(
    connection: sqlite3.Connection, user_id: UUID, roadmap_id: int, new: NewDates
) -> int:
    plan = _ensure_schedule(connection, user_id, roadmap_id)
    version: int = plan["version"]
    if version != new.based_on:
        if plan["applied_request"] == new.applied.request:
            return version
        raise ScheduleChangedError(version)
    dates = {task_id: day.isoformat() for task_id, day in new.dates.items()}
    before = {
        "start_date": plan["start_date"],
        "days_off": plan["days_off"],
        "minutes_per_day": plan["minutes_per_day"],
        "dates": _write_dates(connection, roadmap_id, dates),
    }
    connection.execute(
        "update roadmap_schedules set start_date = ?, days_off = ?, minutes_per_day = ?,"
        " version = version + 1, applied_request = ?, applied_answer = ?, before = ?"
        " where roadmap_id = ?",
        (
            new.settings.start and new.settings.start.isoformat(),
            json.dumps(new.settings.days_off.texts()),
            new.settings.minutes_per_day,
            new.applied.request,
            new.applied.answer,
            json.dumps(before),
            roadmap_id,
        ),
    )
    return version + 1


def _undo(connection: sqlite3.Connection, user_id: UUID, roadmap_id: int) -> int:
    plan = _ensure_schedule(connection, user_id, roadmap_id)
    if plan["before"] is None:
        raise NothingToUndoError
    before = json.loads(plan["before"])
    _write_dates(connection, roadmap_id, before.pop("dates"))
    connection.execute(
        "update roadmap_schedules set start_date = :start_date, days_off = :days_off,"
        " minutes_per_day = :minutes_per_day, version = version + 1,"
        " applied_request = null, applied_answer = null, before = null"
        " where roadmap_id = :roadmap_id",
        before | {"roadmap_id": roadmap_id},
    )
    version: int = plan["version"]
    return version + 1


def _move_task(
    connection: sqlite3.Connection, user_id: UUID, task_id: str, due_date: date | None
) -> Task:
    roadmap = _select_roadmap_of_task(connection, user_id, task_id)
    values = {"id": str(UUID(task_id)), "due_date": due_date and due_date.isoformat()}
    has_changed = connection.execute(
        "update roadmap_tasks set due_date = :due_date, moved_by_hand = :due_date is not null,"
        " date_changes = date_changes + (due_date is not :due_date)"
        " where id = :id"
        " and (due_date is not :due_date or moved_by_hand is not (:due_date is not null))",
        values,
    ).rowcount
    if has_changed:
        _ensure_schedule(connection, user_id, roadmap.roadmap_id)
        connection.execute(
            "update roadmap_schedules set version = version + 1,"
            " applied_request = null, applied_answer = null, before = null where roadmap_id = ?",
            (roadmap.roadmap_id,),
        )
    row = connection.execute("select * from roadmap_tasks where id = :id", values).fetchone()
    return Task.model_validate(dict(row))


def _poll_feed(connection: sqlite3.Connection, token_hash: str) -> CalendarFeed:
    row = connection.execute(
        "select * from calendar_feeds join roadmaps using (roadmap_id) where token_hash = ?",
        (token_hash,),
    ).fetchone()
    if row is None:
        raise CalendarFeedNotFoundError
    at = time.time()
    recent = [poll for poll in json.loads(row["polls"]) if poll > at - HOUR_SECONDS]
    if len(recent) >= FEED_POLLS_PER_HOUR:
        raise CalendarPolledTooOftenError(recent[0] + HOUR_SECONDS - at)
    connection.execute(
        "update calendar_feeds set polls = ? where roadmap_id = ?",
        (json.dumps([*recent, at]), row["roadmap_id"]),
    )
    return CalendarFeed(
        row["roadmap_id"],
        UUID(row["user_id"]),
        row["time_zone"],
        row["rollover"],
        row["alarm_hour"],
    )


def _ensure_schedule(connection: sqlite3.Connection, user_id: UUID, roadmap_id: int) -> sqlite3.Row:
    """Return the schedule of a user's roadmap, which is empty at first."""
    select_roadmap(connection, user_id, roadmap_id)
    row: sqlite3.Row = connection.execute(
        # The update changes nothing; it makes the statement return the row in any case.
        "insert into roadmap_schedules (roadmap_id) values (?)"
        " on conflict do update set roadmap_id = roadmap_id returning *",
        (roadmap_id,),
    ).fetchone()
    return row


def _write_dates(
    connection: sqlite3.Connection, roadmap_id: int, dates: Mapping[str, str | None]
) -> dict[str, str | None]:
    """Set the dates of tasks by their ids; return the former dates of those that have changed."""
    before = {
        row["id"]: row["due_date"]
        for row in connection.execute(
            "select id, due_date from roadmap_tasks where roadmap_id = ?", (roadmap_id,)
        )
        if row["id"] in dates and row["due_date"] != dates[row["id"]]
    }
    connection.executemany(
        "update roadmap_tasks set due_date = ?, date_changes = date_changes + 1 where id = ?",
        ((dates[task_id], task_id) for task_id in before),
    )
    return before


def _select_roadmap_of_task(connection: sqlite3.Connection, user_id: UUID, task_id: str) -> Roadmap:
    """Return the roadmap of a task; `TaskNotFoundError` if the user has no such task."""
    try:
        row = connection.execute(
            "select roadmap_id from roadmap_tasks where id = ?", (str(UUID(task_id)),)
        ).fetchone()
        if row is None:
            raise TaskNotFoundError
        return select_roadmap(connection, user_id, row["roadmap_id"])
    except (ValueError, RoadmapNotFoundError):
        raise TaskNotFoundError from None
