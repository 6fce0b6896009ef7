"""Databases full of roadmaps, made by SQL in seconds."""

# ruff: noqa: S608  every part of the statements is ours

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import LiteralString

from tests.support.data_plane import Database

WEEKS = 12
TASKS_PER_DAY = 4
TASKS_PER_ROADMAP = WEEKS * 7 * TASKS_PER_DAY
ROADMAPS_PER_USER = 5

# One row each of roadmaps and of tasks, for `n` from `numbers` and for `roadmap` from `roadmaps`.
_TEXT = (
    "'Practise the part of week ' || week || ' that was hardest, and write down what you noticed'"
)
_EFFORT = "case place % 3 when 0 then 'light' when 1 then 'medium' else 'deep' end"


def user_of(roadmap_id: int) -> str:
    """Return the owner of a roadmap: each user has `ROADMAPS_PER_USER`."""
    return f"00000000-0000-4000-8000-{(roadmap_id - 1) // ROADMAPS_PER_USER:012x}"


def roadmaps_for(tasks: int) -> int:
    """Return how many roadmaps have at least so many tasks."""
    return -(-tasks // TASKS_PER_ROADMAP)


def fill_postgres(database: Database, tasks: int) -> None:
    """Insert roadmaps with at least so many tasks. The schema must be there, and no row."""
    count = roadmaps_for(tasks)
    database.execute(
        f"""
        insert into roadmaps (user_id, description, duration_weeks, daily_hours, level)
        select ('00000000-0000-4000-8000-' || lpad(to_hex((n - 1) / {ROADMAPS_PER_USER}), 12, '0'))
            ::uuid, 'Learn to play the piano', {WEEKS}, 1.5, 'beginner'
        from generate_series(1, {count}) as n;
        insert into roadmap_tasks (
            roadmap_id, week_number, weekly_goal, day_number, position, task_text, effort,
            category, estimated_minutes, completed, completed_at
        )
        select roadmap_id, week, 'Play what week ' || week || ' has taught', day, place, {_TEXT},
            {_EFFORT}, 'practice', 25, week < 4, case when week < 4 then now() end
        from roadmaps, generate_series(1, {WEEKS}) as week, generate_series(1, 7) as day,
            generate_series(1, {TASKS_PER_DAY}) as place
        """
    )
    database.execute("vacuum analyze roadmaps")
    database.execute("vacuum analyze roadmap_tasks")


def fill_sqlite(path: Path, tasks: int) -> None:
    """Insert the same rows into an SQLite file whose schema is there."""
    count = roadmaps_for(tasks)
    series: LiteralString = (
        "with recursive n (value) as (select 1 union all select value + 1 from n where value < {})"
    )
    now = "strftime('%Y-%m-%dT%H:%M:%f000+00:00')"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            series.format(count) + " insert into roadmaps"
            " (user_id, description, duration_weeks, daily_hours, level, created_at)"
            " select printf('00000000-0000-4000-8000-%012x', (value - 1) / ?),"
            f" 'Learn to play the piano', ?, 1.5, 'beginner', {now} from n",
            (ROADMAPS_PER_USER, WEEKS),
        )
        connection.execute(
            series.format(max(WEEKS, 7)) + " insert into roadmap_tasks ("
            " id, roadmap_id, week_number, weekly_goal, day_number, position, task_text, effort,"
            " category, estimated_minutes, completed, completed_at, created_at)"
            " select lower(printf('%s-%s-4%s-8%s-%s', hex(randomblob(4)), hex(randomblob(2)),"
            " substr(hex(randomblob(2)), 2), substr(hex(randomblob(2)), 2), hex(randomblob(6)))),"
            " roadmap_id, week, 'Play what week ' || week || ' has taught', day, place,"
            f" {_TEXT}, {_EFFORT}, 'practice', 25, week < 4, case when week < 4 then {now} end,"
            f" {now}"
            " from roadmaps, (select value as week from n where value <= ?),"
            " (select value as day from n where value <= 7),"
            " (select value as place from n where value <= ?)",
            (WEEKS, TASKS_PER_DAY),
        )
        connection.commit()
        connection.execute("analyze")
