"""Answers of the API that SQLite writes as JSON.

Each is one statement with one row: it reads one snapshot, and its thread waits for Python's lock
once, where it would wait for each row.
"""

# ruff: noqa: S608  every part of the statements is ours

import sqlite3
from uuid import UUID

from src.dao.sqlite.file import SqliteFile
from src.domain.errors import RoadmapNotFoundError, WeekNotFoundError
from src.domain.roadmap import Roadmap, Task
from src.domain.vocabulary import Value


def _utc(column: str) -> str:
    """Return SQL for a time as the API writes it: no fraction of 0, and `Z`."""
    return f"replace(replace({column}, '.000000', ''), '+00:00', 'Z')"


def _boolean(column: str) -> str:
    return f"json(iif({column}, 'true', 'false'))"


def _json_object(value: type[Value], **columns: str) -> str:
    """Return SQL for a value; a field is the column of its name, unless one is given for it."""
    members = (f"'{name}', {columns.get(name, name)}" for name in value.model_fields)
    return f"json_object({', '.join(members)})"


_ROADMAP = _json_object(
    Roadmap,
    daily_hours="iif(daily_hours = cast(daily_hours as int), cast(daily_hours as int),"
    " daily_hours)",
    is_active=_boolean("is_active"),
    created_at=_utc("created_at"),
)
_TASK = _json_object(
    Task,
    completed=_boolean("completed"),
    completed_at=_utc("completed_at"),
    created_at=_utc("created_at"),
)

# Arrays are concatenated: `json_group_array` would parse each row again, which takes longer than
# reading it. Like that function, `group_concat` takes the rows in the order of the subquery.

_TASKS = f"""(
    select '{{"tasks":[' || coalesce(group_concat(task), '') || ']}}' from (
        select {_TASK} as task from roadmap_tasks as t where t.roadmap_id = r.roadmap_id
        order by week_number, day_number, position
    )
)"""

_WEEKS = """(
    select '[' || coalesce(group_concat(week), '') || ']' from (
        select json_object(
            'week_number', week_number, 'weekly_goal', min(weekly_goal), 'total_tasks', count(*),
            'completed_tasks', sum(completed), 'progress', 100 * sum(completed) / count(*)
        ) as week
        from roadmap_tasks as t where t.roadmap_id = r.roadmap_id
        group by week_number order by week_number
    )
)"""

# SQL's null in JSON is how a roadmap without this week differs from no roadmap.
_WEEK = f"""coalesce((
    select '{{"week_number":' || :week_number || ',"weekly_goal":' || json_quote((
            select weekly_goal from roadmap_tasks as t
            where t.roadmap_id = r.roadmap_id and week_number = :week_number
            order by day_number, position limit 1
        )) || ',"progress":' || (100 * sum(done) / sum(total))
        || ',"days":{{' || group_concat('"' || day_number || '":[' || tasks || ']') || '}}}}'
    from (
        select day_number, group_concat(task) as tasks, count(*) as total, sum(completed) as done
        from (
            select day_number, {_TASK} as task, completed from roadmap_tasks as t
            where t.roadmap_id = r.roadmap_id and week_number = :week_number
            order by day_number, position
        )
        group by day_number order by day_number
    )
    having count(*) > 0
), 'null')"""

_ROADMAP_WITH_TASKS = f"""'{{"roadmap":' || {_ROADMAP} || ',' || substr({_TASKS}, 2)"""


class SqliteDocuments:
    """Implements `src.dao.Documents`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def list_roadmaps(self, user_id: UUID) -> bytes:
        document = await self._select(
            "select '[' || coalesce(group_concat(roadmap), '') || ']' from ("
            f" select {_ROADMAP} as roadmap from roadmaps where user_id = :user_id"
            " order by created_at desc, roadmap_id desc)",
            is_small=True,
            user_id=str(user_id),
        )
        return (document or "[]").encode()

    async def get_roadmap_with_tasks(self, roadmap_id: int, user_id: UUID | None = None) -> bytes:
        """Return a `RoadmapWithTasks`."""
        return await self._select_of(_ROADMAP_WITH_TASKS, roadmap_id, user_id)

    async def list_tasks(self, roadmap_id: int, user_id: UUID | None = None) -> bytes:
        return await self._select_of(_TASKS, roadmap_id, user_id)

    async def list_weeks(self, roadmap_id: int, user_id: UUID | None = None) -> bytes:
        return await self._select_of(_WEEKS, roadmap_id, user_id, is_small=True)

    async def get_week(
        self, roadmap_id: int, week_number: int, user_id: UUID | None = None
    ) -> bytes:
        document = await self._select_of(
            _WEEK, roadmap_id, user_id, is_small=True, week_number=week_number
        )
        if document == b"null":
            raise WeekNotFoundError(roadmap_id, week_number)
        return document

    async def _select_of(
        self,
        document: str,
        roadmap_id: int,
        user_id: UUID | None,
        *,
        is_small: bool = False,
        **parameters: object,
    ) -> bytes:
        """Select a document about a roadmap that must exist."""
        found = await self._select(
            f"select {document} from roadmaps as r where r.roadmap_id = :roadmap_id"
            " and (:user_id is null or r.user_id = :user_id)",
            is_small=is_small,
            roadmap_id=roadmap_id,
            user_id=user_id and str(user_id),
            **parameters,
        )
        if found is None:
            raise RoadmapNotFoundError(roadmap_id)
        return found.encode()

    async def _select(self, sql: str, *, is_small: bool, **parameters: object) -> str | None:
        def select(connection: sqlite3.Connection) -> str | None:
            row: tuple[str] | None = connection.execute(sql, parameters).fetchone()
            return None if row is None else row[0]

        read = self._file.read_small_for_client if is_small else self._file.read_for_client
        return await read(select)
