"""The production store, in Supabase: it publishes last and undoes by compensating deletes."""

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Any, Self
from uuid import UUID

from postgrest import CountMethod, ReturnMethod
from pydantic import TypeAdapter

from src.dao.rows import task_rows
from src.dao.supabase.client import TRANSIENT_ERRORS, PostgrestClient, parse_rows
from src.dao.supabase.generations import SupabaseGenerations
from src.dao.supabase.questions import SupabaseQuestions
from src.domain import errors
from src.domain.generation import GenerationRecord
from src.domain.plan import NewRoadmap
from src.domain.roadmap import Roadmap, Task, WeekTotals

logger = logging.getLogger(__name__)

ROADMAP_COLUMNS = (
    "roadmap_id,user_id,description,level,duration_weeks,daily_hours,is_active,created_at"
)

NULL_REPLACEMENTS: dict[str, Any] = {
    "description": "",
    "level": "",
    "duration_weeks": 0,
    "daily_hours": 0,
    "is_active": True,
    "created_at": "1970-01-01T00:00:00Z",
}
"""Replace nulls that older code left: one bad row must not make the others unreadable."""

SCHEMA_VERSION = 4
"""The lowest `schema_version()` of schema.sql that this release runs on."""

PAGE_ROWS = 1_000
"""Rows per request, read or written: hosted Supabase returns no more."""

CLOSE_TIMEOUT_SECONDS = 1.0
"""How long `close` waits for running compensating deletes."""

_ROADMAPS = TypeAdapter(list[Roadmap])
_WEEKS = TypeAdapter(list[WeekTotals])
_TASKS = TypeAdapter(list[Task])


class SupabaseStore:
    """Implements `src.dao.Store` over HTTP, where no transaction can span two requests."""

    def __init__(self, client: PostgrestClient) -> None:
        self._client = client
        self.generations = SupabaseGenerations(client)
        self.questions = SupabaseQuestions(client)
        self._undos: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls,
        url: str,
        service_key: str,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109  bounds later requests, not this call
        queue_size: int = 200,
    ) -> Self:
        """Open the client without sending anything; see `PostgrestClient.open`."""
        return cls(await PostgrestClient.open(url, service_key, timeout, queue_size))

    async def check_schema(self) -> None:
        """Raise `StoreOutdatedError` if this release needs a newer schema than the database's."""
        answer = await self._client.execute(self._client.rpc("schema_version", {}), expected=int)
        if answer.data < SCHEMA_VERSION:
            raise errors.StoreOutdatedError(f"the schema has version {answer.data}")

    async def add_roadmap(self, roadmap: NewRoadmap) -> GenerationRecord:
        async with AsyncExitStack() as undo:
            # Registered before the write, which may succeed although its answer is lost.
            undo.push_async_callback(self._undo_write, roadmap.lease_id)
            stored = await self._insert_unpublished(roadmap)
            tasks = task_rows(roadmap, stored.roadmap_id)
            for start in range(0, len(tasks), PAGE_ROWS):
                await self._client.execute(
                    self._client.table("roadmap_tasks").insert(
                        tasks[start : start + PAGE_ROWS], returning=ReturnMethod.minimal
                    )
                )
            record = await self.generations.publish(
                roadmap.lease_id, stored.roadmap_id, cost_known=roadmap.cost_known
            )
            undo.pop_all()
        return record

    async def list_roadmaps(self, user_id: UUID) -> list[Roadmap]:
        roadmaps: list[Roadmap] = []
        while True:
            query = (
                self._client.table("roadmaps")
                .select(ROADMAP_COLUMNS, count=CountMethod.exact)
                .eq("user_id", str(user_id))
                .not_.is_("published_at", "null")
                .order("created_at", desc=True)
                .order("roadmap_id", desc=True)
                .limit(PAGE_ROWS)
            )
            if roadmaps:
                last = roadmaps[-1]
                at = f'"{last.created_at.isoformat()}"'
                query = query.or_(
                    f"created_at.lt.{at},and(created_at.eq.{at},roadmap_id.lt.{last.roadmap_id})"
                )
            answer = await self._client.read(query)
            page = _parse_roadmaps(answer.data)
            roadmaps += page
            # The count covers all remaining rows, even if the server truncates the page.
            if len(page) in {0, answer.count}:
                return roadmaps

    async def get_roadmap(self, roadmap_id: int, user_id: UUID | None = None) -> Roadmap:
        query = (
            self._client.table("roadmaps")
            .select(ROADMAP_COLUMNS)
            .eq("roadmap_id", roadmap_id)
            .not_.is_("published_at", "null")
        )
        if user_id is not None:
            query = query.eq("user_id", str(user_id))
        roadmaps = _parse_roadmaps((await self._client.read(query)).data)
        if not roadmaps:
            raise errors.RoadmapNotFoundError(roadmap_id)
        return roadmaps[0]

    async def list_tasks(
        self, roadmap_id: int, user_id: UUID | None = None, *, week_number: int | None = None
    ) -> list[Task]:
        weeks = await self._select_weeks("week_number,tasks", roadmap_id, user_id, week_number)
        return [task for week in weeks for task in parse_rows(_TASKS, week["tasks"])]

    async def list_weeks(self, roadmap_id: int, user_id: UUID | None = None) -> list[WeekTotals]:
        columns = "week_number,weekly_goal,total_tasks,completed_tasks"
        return parse_rows(_WEEKS, await self._select_weeks(columns, roadmap_id, user_id))

    async def set_task_completed(
        self, task_id: str, *, completed: bool, user_id: UUID | None = None
    ) -> None:
        try:
            task = UUID(task_id)
        except ValueError:
            raise errors.TaskNotFoundError from None
        update = self._client.rpc(
            "set_task_completed",
            {
                "p_task_id": str(task),
                "p_completed": completed,
                "p_user_id": user_id and str(user_id),
            },
        )
        answer = await self._client.execute_for_client(
            update, retry_on=TRANSIENT_ERRORS, expected=bool
        )
        if not answer.data:
            raise errors.TaskNotFoundError

    async def delete_roadmap(self, roadmap_id: int, user_id: UUID) -> None:
        deleted = await self._client.execute_for_client(
            self._client.table("roadmaps")
            .delete()
            .eq("roadmap_id", roadmap_id)
            .eq("user_id", str(user_id))
            .not_.is_("published_at", "null")
        )
        if not deleted.data:
            raise errors.RoadmapNotFoundError(roadmap_id)

    async def close(self) -> None:
        if self._undos:
            # The sweep deletes whatever these do not.
            await asyncio.wait(self._undos, timeout=CLOSE_TIMEOUT_SECONDS)
        await self._client.close()

    async def _insert_unpublished(self, roadmap: NewRoadmap) -> Roadmap:
        answer = await self._client.execute(
            self._client.table("roadmaps").insert(
                {
                    "user_id": str(roadmap.user_id),
                    "description": roadmap.request.goal,
                    "level": roadmap.request.level,
                    "duration_weeks": roadmap.request.duration_weeks,
                    "daily_hours": roadmap.request.daily_hours,
                    "is_active": True,
                    "lease_id": str(roadmap.lease_id),
                    "published_at": None,
                }
            )
        )
        return _parse_roadmaps(answer.data)[0]

    async def _undo_write(self, lease_id: UUID) -> None:
        deletion = asyncio.create_task(self._delete_unpublished(lease_id))
        # Keeps the task alive, and lets `close` wait for it, if the caller is cancelled.
        self._undos.add(deletion)
        deletion.add_done_callback(self._undos.discard)
        await asyncio.shield(deletion)

    async def _delete_unpublished(self, lease_id: UUID) -> None:
        try:
            await self._client.execute(
                self._client.table("roadmaps")
                .delete(returning=ReturnMethod.minimal)
                .eq("lease_id", str(lease_id))
                # If the publication succeeded and its answer was lost, the roadmap stays.
                .is_("published_at", "null"),
                retry_on=TRANSIENT_ERRORS,
            )
        except errors.StoreError as error:
            # Logged, so as not to replace the first error; the sweep deletes what is left. No
            # traceback, since its first cause quotes rows.
            logger.error(  # noqa: TRY400
                "could not delete the unpublished roadmap of lease %s: %s: %s",
                lease_id,
                type(error).__name__,
                error,
            )

    async def _select_weeks(
        self, columns: str, roadmap_id: int, user_id: UUID | None, week_number: int | None = None
    ) -> list[dict[str, Any]]:
        query = self._client.table("roadmap_weeks").select(columns).eq("roadmap_id", roadmap_id)
        if user_id is not None:
            query = query.eq("user_id", str(user_id))
        if week_number is not None:
            query = query.eq("week_number", week_number)
        rows: list[dict[str, Any]] = (await self._client.read(query.order("week_number"))).data
        if not rows and week_number is not None:
            await self.get_roadmap(roadmap_id, user_id)  # raises if the roadmap does not exist
        elif not rows:
            raise errors.RoadmapNotFoundError(roadmap_id)
        # A roadmap without tasks has one row, without a week.
        return [row for row in rows if row["week_number"] is not None]


def _parse_roadmaps(rows: list[dict[str, Any]]) -> list[Roadmap]:
    known = ({name: value for name, value in row.items() if value is not None} for row in rows)
    return parse_rows(_ROADMAPS, [NULL_REPLACEMENTS | row for row in known])
