"""The embedded store: roadmaps in one SQLite file."""

import sqlite3
from pathlib import Path
from typing import Self
from uuid import UUID

from src.dao.rows import task_rows
from src.dao.sqlite.file import SqliteFile, now
from src.dao.sqlite.generations import SqliteGenerations, finish_generation
from src.dao.sqlite.ledger import SqliteQuestions
from src.dao.sqlite.schedules import SqliteSchedules
from src.dao.sqlite.upgrades import transaction
from src.domain.errors import RoadmapNotFoundError, TaskNotFoundError
from src.domain.generation import GenerationRecord
from src.domain.plan import NewRoadmap
from src.domain.roadmap import Roadmap, RoadmapWithTasks, Task, WeekTotals

_ROADMAP_FILTER = (
    "roadmap_id = (select roadmap_id from roadmaps where roadmap_id = :roadmap_id"
    " and (:user_id is null or user_id = :user_id))"
)
"""Selects the tasks of a roadmap, if it belongs to the user or no user is given."""


class SqliteStore:
    """Implements `src.dao.Store` with transactions."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self.generations = SqliteGenerations(file)
        self.questions = SqliteQuestions(file)
        self.schedules = SqliteSchedules(file)

    @classmethod
    async def open(cls, path: Path, *, queue_size: int = 200) -> Self:
        """Open the file; see `SqliteFile.open`."""
        return cls(await SqliteFile.open(path, queue_size))

    async def check(self) -> None:
        # The schema was upgraded when the file was opened.
        await self._file.read(
            lambda connection: connection.execute("select 1 from roadmaps limit 1")
        )

    async def add_roadmap(self, roadmap: NewRoadmap) -> GenerationRecord:
        return await self._file.write(lambda connection: _add_roadmap(connection, roadmap))

    async def list_roadmaps(self, user_id: UUID) -> list[Roadmap]:
        rows = await self._file.read_for_client(
            lambda connection: connection.execute(
                "select * from roadmaps where user_id = ?"
                " order by created_at desc, roadmap_id desc",
                (str(user_id),),
            ).fetchall()
        )
        return [Roadmap.model_validate(dict(row)) for row in rows]

    async def get_roadmap(self, roadmap_id: int, user_id: UUID | None = None) -> Roadmap:
        return await self._file.read_for_client(
            lambda connection: _get_roadmap(connection, roadmap_id, user_id)
        )

    async def get_roadmap_with_tasks(
        self, roadmap_id: int, user_id: UUID | None = None
    ) -> RoadmapWithTasks:
        def read(connection: sqlite3.Connection) -> RoadmapWithTasks:
            with transaction(connection, "deferred"):
                roadmap = _get_roadmap(connection, roadmap_id, user_id)
                rows = connection.execute(
                    "select * from roadmap_tasks where roadmap_id = ?"
                    " order by week_number, day_number, position",
                    (roadmap_id,),
                ).fetchall()
            tasks = [Task.model_validate(dict(row)) for row in rows]
            return RoadmapWithTasks(roadmap=roadmap, tasks=tasks)

        return await self._file.read_for_client(read)

    async def list_tasks(
        self, roadmap_id: int, user_id: UUID | None = None, *, week_number: int | None = None
    ) -> list[Task]:
        rows = await self._select_from_roadmap(
            roadmap_id,
            user_id,
            f"select * from roadmap_tasks where {_ROADMAP_FILTER}"  # noqa: S608  ours
            " and (:week_number is null or week_number = :week_number)"
            " order by week_number, day_number, position",
            week_number=week_number,
        )
        return [Task.model_validate(dict(row)) for row in rows]

    async def list_weeks(self, roadmap_id: int, user_id: UUID | None = None) -> list[WeekTotals]:
        rows = await self._select_from_roadmap(
            roadmap_id,
            user_id,
            "select week_number, min(weekly_goal) as weekly_goal,"  # noqa: S608  ours
            " count(*) as total_tasks, sum(completed) as completed_tasks"
            f" from roadmap_tasks where {_ROADMAP_FILTER}"
            " group by week_number order by week_number",
        )
        return [WeekTotals.model_validate(dict(row)) for row in rows]

    async def set_task_completed(
        self,
        task_id: str,
        *,
        completed: bool,
        user_id: UUID | None = None,
        time_zone: str | None = None,
    ) -> None:
        try:
            task = str(UUID(task_id))
        except ValueError:
            raise TaskNotFoundError from None

        def update(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "update roadmap_tasks set completed = :completed,"
                " completed_at = case when :completed then coalesce(completed_at, :now) end,"
                " completed_tz = case when :completed then"
                " iif(completed_at is null, :time_zone, completed_tz) end"
                " where id = :id and (:user_id is null or roadmap_id in"
                " (select roadmap_id from roadmaps where user_id = :user_id))",
                {
                    "id": task,
                    "completed": completed,
                    "now": now(),
                    "user_id": user_id and str(user_id),
                    "time_zone": time_zone,
                },
            ).rowcount

        if not await self._file.write_for_client(update):
            raise TaskNotFoundError

    async def delete_roadmap(self, roadmap_id: int, user_id: UUID) -> None:
        deleted = await self._file.write_for_client(
            lambda connection: (
                connection.execute(
                    "delete from roadmaps where roadmap_id = ? and user_id = ?",
                    (roadmap_id, str(user_id)),
                ).rowcount
            )
        )
        if not deleted:
            raise RoadmapNotFoundError(roadmap_id)

    async def close(self) -> None:
        await self._file.close()

    async def _select_from_roadmap(
        self, roadmap_id: int, user_id: UUID | None, sql: str, **parameters: object
    ) -> list[sqlite3.Row]:
        """Select from a roadmap that must exist, in one snapshot of the database."""

        def read(connection: sqlite3.Connection) -> list[sqlite3.Row]:
            with transaction(connection, "deferred"):
                _get_roadmap(connection, roadmap_id, user_id)
                values = {"roadmap_id": roadmap_id, "user_id": user_id and str(user_id)}
                return connection.execute(sql, values | parameters).fetchall()

        return await self._file.read_for_client(read)


def _add_roadmap(connection: sqlite3.Connection, roadmap: NewRoadmap) -> GenerationRecord:
    row = connection.execute(
        "insert into roadmaps"
        " (user_id, description, level, duration_weeks, daily_hours, created_at)"
        " values (?, ?, ?, ?, ?, ?) returning *",
        (
            str(roadmap.user_id),
            roadmap.request.goal,
            roadmap.request.level,
            roadmap.request.duration_weeks,
            roadmap.request.daily_hours,
            now(),
        ),
    ).fetchone()
    connection.executemany(
        "insert into roadmap_tasks (id, roadmap_id, week_number, weekly_goal, day_number,"
        " position, task_text, effort, category, estimated_minutes, completed, created_at)"
        " values (:id, :roadmap_id, :week_number, :weekly_goal, :day_number,"
        " :position, :task_text, :effort, :category, :estimated_minutes, :completed,"
        " :created_at)",
        (
            task | {"created_at": row["created_at"]}
            for task in task_rows(roadmap, row["roadmap_id"])
        ),
    )
    return finish_generation(
        connection, roadmap.lease_id, Roadmap.model_validate(dict(row)), roadmap.cost_known
    )


def _get_roadmap(connection: sqlite3.Connection, roadmap_id: int, user_id: UUID | None) -> Roadmap:
    row = connection.execute(
        "select * from roadmaps where roadmap_id = :roadmap_id"
        " and (:user_id is null or user_id = :user_id)",
        {"roadmap_id": roadmap_id, "user_id": user_id and str(user_id)},
    ).fetchone()
    if row is None:
        raise RoadmapNotFoundError(roadmap_id)
    return Roadmap.model_validate(dict(row))
