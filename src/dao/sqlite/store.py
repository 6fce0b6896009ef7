"""The embedded store: roadmaps in one SQLite file."""

import sqlite3
from pathlib import Path
from typing import Self
from uuid import UUID, uuid4

from src.dao.rows import task_rows
from src.dao.sqlite.documents import SqliteDocuments
from src.dao.sqlite.file import SqliteFile, now
from src.dao.sqlite.generations import SqliteGenerations, finish_generation
from src.dao.sqlite.ledger import SqliteQuestions
from src.dao.sqlite.schedules import SqliteSchedules
from src.domain.errors import RoadmapNotFoundError, TaskNotFoundError
from src.domain.generation import GenerationRecord
from src.domain.plan import NewRoadmap
from src.domain.roadmap import Roadmap, RoadmapWithTasks


class SqliteStore:
    """Implements `src.dao.Store` with transactions."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self.generations = SqliteGenerations(file)
        self.questions = SqliteQuestions(file)
        self.schedules = SqliteSchedules(file)
        self.documents = SqliteDocuments(file)

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

    async def get_roadmap_with_tasks(
        self, roadmap_id: int, user_id: UUID | None = None
    ) -> RoadmapWithTasks:
        document = await self.documents.get_roadmap_with_tasks(roadmap_id, user_id)
        return RoadmapWithTasks.model_validate_json(document)

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
        " position, task_text, effort, category, estimated_minutes, created_at)"
        " values (:id, :roadmap_id, :week_number, :weekly_goal, :day_number,"
        " :position, :task_text, :effort, :category, :estimated_minutes, :created_at)",
        (
            task | {"id": str(uuid4()), "created_at": row["created_at"]}
            for task in task_rows(roadmap, row["roadmap_id"])
        ),
    )
    return finish_generation(
        connection, roadmap.lease_id, Roadmap.model_validate(dict(row)), roadmap.cost_known
    )
