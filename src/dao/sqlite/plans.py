"""Reads of progress and of dated plans in the embedded file."""

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from pydantic_core import from_json

from src.dao import schedule_rows
from src.domain.errors import RoadmapNotFoundError
from src.domain.minutes import equal_share
from src.domain.progress import ProgressFacts, RoadmapTotals, TaskGroup, TaskGroups
from src.domain.roadmap import Roadmap, Task
from src.domain.schedule import (
    NO_SETTINGS,
    AppliedSchedule,
    DatedPlan,
    ScheduleSettings,
)

# A task without an estimate takes an equal share of the hours of its day.
_MINUTES = (
    "coalesce(estimated_minutes, 60.0 * :daily_hours / (select count(*) from roadmap_tasks as d"
    " where d.roadmap_id = t.roadmap_id and d.week_number = t.week_number"
    " and d.day_number = t.day_number)) as minutes"
)

_UNKNOWN_MINUTES = 1_000_000
"""What a task without an estimate adds to a group's minutes: far more than any estimates do.

So a sum also says how many there are, and no row needs to be counted for it. SQLite cannot add
their shares in the first place, since its JSON rounds fractions.
"""

# One array per column, since handing over a row for each group takes half as long again.
_ANY_GROUPS = (
    "select {arrays}, json_group_array(tasks), json_group_array(completed_tasks),"
    " json_group_array(minutes), json_group_array(completed_minutes) from ("
    "select {columns}, count(*) as tasks, count(*) filter (where completed) as completed_tasks,"
    " sum({minutes}) as minutes,"
    " ifnull(sum({minutes}) filter (where completed), 0) as completed_minutes"
    " from roadmap_tasks where roadmap_id = :roadmap_id group by {columns} order by {columns})"
)


def _query_groups(*columns: str) -> str:
    arrays = ", ".join(f"json_group_array({column})" for column in columns)
    minutes = f"ifnull(estimated_minutes, {_UNKNOWN_MINUTES})"
    return _ANY_GROUPS.format(arrays=arrays, columns=", ".join(columns), minutes=minutes)


_COARSE_GROUPS = _query_groups("week_number", "day_number", "due_date")
_GROUPS = _query_groups("week_number", "day_number", "due_date", "effort", "category")

_TOTALS = (
    "select roadmap_id, count(*), sum(completed) from roadmap_tasks"
    " where roadmap_id in (select roadmap_id from roadmaps where user_id = ?) group by roadmap_id"
)

# Without the fraction of the second, since SQLite would round it up.
_SECONDS = "cast(strftime('%s', substr(completed_at, 1, 19)) as integer)"
_COMPLETIONS = (
    f"select {_SECONDS} / {schedule_rows.QUARTER_SECONDS},"  # noqa: S608  ours
    f" completed_tz, count(*), total(minutes) from (select *, {_MINUTES} from roadmap_tasks as t"
    " where roadmap_id = :roadmap_id and completed and completed_at is not null)"
    " group by 1, 2 order by 1, 2"
)

_TASKS = (
    "select id, week_number, weekly_goal, day_number, task_text, effort, category,"  # noqa: S608  ours
    f" estimated_minutes, {_MINUTES},"
    # Older code did not always say when.
    " case when completed then coalesce(completed_at, created_at) end, completed_tz, created_at,"
    " due_date, moved_by_hand, date_changes"
    " from roadmap_tasks as t where roadmap_id = :roadmap_id"
    " order by week_number, day_number, position"
)
_OPEN_TASKS = (
    "select * from roadmap_tasks where roadmap_id = :roadmap_id and not completed"
    " and (week_number, day_number, coalesce(due_date, '')) in"
    " (select json_extract(value, '$[0]'), json_extract(value, '$[1]'),"
    " json_extract(value, '$[2]') from json_each(:days))"
    " order by week_number, day_number, position"
)


def select_roadmap(connection: sqlite3.Connection, user_id: UUID, roadmap_id: int) -> Roadmap:
    """Return a roadmap of a user; `RoadmapNotFoundError` if the user has no such roadmap."""
    row = connection.execute(
        "select * from roadmaps where roadmap_id = ? and user_id = ?", (roadmap_id, str(user_id))
    ).fetchone()
    if row is None:
        raise RoadmapNotFoundError(roadmap_id)
    return Roadmap.model_validate(dict(row))


def select_roadmaps(connection: sqlite3.Connection, user_id: UUID) -> list[Roadmap]:
    """Return all roadmaps of a user, newest first."""
    rows = connection.execute(
        "select * from roadmaps where user_id = ? order by created_at desc, roadmap_id desc",
        (str(user_id),),
    )
    return [Roadmap.model_validate(dict(row)) for row in rows]


def select_totals(connection: sqlite3.Connection, user_id: UUID) -> list[RoadmapTotals]:
    """Return all roadmaps of a user with their numbers of tasks, newest first."""
    counts = {
        roadmap_id: (total, completed)
        for roadmap_id, total, completed in connection.execute(_TOTALS, (str(user_id),))
    }
    return [
        RoadmapTotals(roadmap, *counts.get(roadmap.roadmap_id, (0, 0)))
        for roadmap in select_roadmaps(connection, user_id)
    ]


def select_schedule(connection: sqlite3.Connection, roadmap_id: int) -> sqlite3.Row | None:
    """Return a roadmap's row of `roadmap_schedules`; None if it has none."""
    row: sqlite3.Row | None = connection.execute(
        "select * from roadmap_schedules where roadmap_id = ?", (roadmap_id,)
    ).fetchone()
    return row


def select_facts(
    connection: sqlite3.Connection, roadmap: Roadmap, *, coarse: bool
) -> ProgressFacts:
    """Return what the progress of a roadmap is computed from.

    Coarse groups distinguish neither effort nor category.
    """
    values = _task_values(roadmap)
    return ProgressFacts(
        roadmap,
        _select_groups(connection, roadmap, coarse=coarse),
        schedule_rows.parse_completions(connection.execute(_COMPLETIONS, values)),
        _settings(select_schedule(connection, roadmap.roadmap_id)),
    )


def _select_groups(connection: sqlite3.Connection, roadmap: Roadmap, *, coarse: bool) -> TaskGroups:
    query = _COARSE_GROUPS if coarse else _GROUPS
    row = connection.execute(query, {"roadmap_id": roadmap.roadmap_id}).fetchone()
    # `json.loads` takes three times as long to parse lists of numbers.
    *keys, tasks, completed, minutes, completed_minutes = map(from_json, row)
    if coarse:
        keys += [[""] * len(tasks)] * 2
    if max(minutes, default=0) >= _UNKNOWN_MINUTES:
        shares = _shares(roadmap.daily_hours, keys[0], keys[1], tasks)
        minutes = _with_shares(minutes, shares)
        completed_minutes = _with_shares(completed_minutes, shares)
    return schedule_rows.parse_groups([*keys, tasks, completed, minutes, completed_minutes])


def _shares(
    daily_hours: float, weeks: Sequence[int], days: Sequence[int], tasks: Sequence[int]
) -> list[float]:
    """Return for each group how many minutes a task without an estimate takes."""
    tasks_of_day: Counter[tuple[int, int]] = Counter()
    for week, day, count in zip(weeks, days, tasks, strict=True):
        tasks_of_day[week, day] += count
    return [equal_share(daily_hours, tasks_of_day[day]) for day in zip(weeks, days, strict=True)]


def _with_shares(minutes: Sequence[int], shares: Sequence[float]) -> list[float]:
    """Return the minutes of each group with shares in place of what is unknown."""
    sums = zip(minutes, shares, strict=True)
    return [each % _UNKNOWN_MINUTES + each // _UNKNOWN_MINUTES * share for each, share in sums]


def select_open_tasks(
    connection: sqlite3.Connection, roadmap_id: int, groups: Sequence[TaskGroup]
) -> list[Task]:
    """Return the open tasks of some groups of a roadmap, in the plan's order."""
    days = [
        (group.week_number, group.day_number, group.due_date.isoformat() if group.due_date else "")
        for group in groups
    ]
    values = {"roadmap_id": roadmap_id, "days": json.dumps(days)}
    return [Task.model_validate(dict(row)) for row in connection.execute(_OPEN_TASKS, values)]


def select_plan(connection: sqlite3.Connection, roadmap: Roadmap) -> DatedPlan:
    """Return a roadmap's tasks with their dates."""
    schedule = select_schedule(connection, roadmap.roadmap_id)
    applied = None
    if schedule is not None and schedule["applied_request"] is not None:
        applied = AppliedSchedule(schedule["applied_request"], schedule["applied_answer"])
    return DatedPlan(
        roadmap,
        _settings(schedule),
        schedule["version"] if schedule is not None else 0,
        schedule_rows.parse_tasks(connection.execute(_TASKS, _task_values(roadmap))),
        applied,
    )


def _task_values(roadmap: Roadmap) -> dict[str, object]:
    return {"roadmap_id": roadmap.roadmap_id, "daily_hours": roadmap.daily_hours}


def _settings(schedule: sqlite3.Row | None) -> ScheduleSettings:
    if schedule is None:
        return NO_SETTINGS
    return schedule_rows.parse_settings(
        schedule["start_date"], json.loads(schedule["days_off"]), schedule["minutes_per_day"]
    )
