"""The production store, over the Supabase client: publish last, undo by compensating deletes."""

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Any, Self
from uuid import UUID, uuid4

from postgrest import CountMethod, ReturnMethod
from pydantic import TypeAdapter

from src.dao.supabase.client import TRANSIENT_ERRORS, PostgrestClient, parse_rows
from src.dao.supabase.generations import SupabaseGenerations
from src.dao.supabase.questions import SupabaseQuestions
from src.domain.errors import (
    RoadmapNotFoundError,
    StoreError,
    StoreOutdatedError,
    TaskNotFoundError,
)
from src.domain.generation import GenerationRecord
from src.domain.plan import NewRoadmap
from src.domain.roadmap import Roadmap, Task, WeekTotals

logger = logging.getLogger(__name__)

ROADMAP_COLUMNS = (
    "roadmap_id,user_id,description,level,duration_weeks,daily_hours,is_active,created_at"
)
WEEK_COLUMNS = "week_number,weekly_goal,total_tasks,completed_tasks"

NULL_REPLACEMENTS: dict[str, Any] = {
    "description": "",
    "level": "",
    "duration_weeks": 0,
    "daily_hours": 0,
    "is_active": True,
    "created_at": "1970-01-01T00:00:00Z",
}
"""For values that older code left null: a null in one row must not hide the others."""

SCHEMA_VERSION = 2
"""What `schema_version()` of schema.sql returns, at least, for this release to run on it."""

PAGE_ROWS = 1_000
"""Rows per request, read or written: hosted Supabase answers with no more."""

CLOSE_TIMEOUT_SECONDS = 1.0
"""How long a store that is closed goes on deleting what it could not finish."""

_ROADMAPS = TypeAdapter(list[Roadmap])
_WEEKS = TypeAdapter(list[WeekTotals])
_TASKS = TypeAdapter(list[Task])


class SupabaseStore:
    """Keeps the promises of `src.dao.Store` over HTTP, where no transaction spans two requests."""

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
        """Build the client; nothing is sent yet.

        `timeout` is in seconds, per request; `queue_size` bounds those that wait for a connection.
        """
        client = await PostgrestClient.open(
            url, service_key, timeout=timeout, queue_size=queue_size
        )
        return cls(client)

    async def check_schema(self) -> None:
        """Check that the database's schema is recent enough.

        Raises:
            StoreOutdatedError: it is not.
        """
        answer = await self._client.execute(self._client.rpc("schema_version", {}), expected=int)
        if answer.data < SCHEMA_VERSION:
            raise StoreOutdatedError(f"the schema has version {answer.data}")

    async def add_roadmap(self, roadmap: NewRoadmap) -> GenerationRecord:
        async with AsyncExitStack() as undo:
            # Registered before the write: one whose answer is lost may have landed.
            undo.push_async_callback(self._undo_write, roadmap.lease_id)
            stored = await self._insert_unpublished(roadmap)
            tasks = _task_rows(roadmap, stored.roadmap_id)
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
            # The count is of all that is left, however short the server cuts a page.
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
            raise RoadmapNotFoundError(roadmap_id)
        return roadmaps[0]

    async def list_tasks(
        self, roadmap_id: int, user_id: UUID | None = None, *, week_number: int | None = None
    ) -> list[Task]:
        weeks = await self._select_weeks("week_number,tasks", roadmap_id, user_id, week_number)
        return [task for week in weeks for task in parse_rows(_TASKS, week["tasks"])]

    async def list_weeks(self, roadmap_id: int, user_id: UUID | None = None) -> list[WeekTotals]:
        weeks = await self._select_weeks(WEEK_COLUMNS, roadmap_id, user_id)
        return parse_rows(_WEEKS, weeks)

    async def set_task_completed(
        self, task_id: str, *, completed: bool, user_id: UUID | None = None
    ) -> None:
        try:
            task = UUID(task_id)
        except ValueError:
            raise TaskNotFoundError from None
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
            raise TaskNotFoundError

    async def delete_roadmap(self, roadmap_id: int, user_id: UUID) -> None:
        deleted = await self._client.execute_for_client(
            self._client.table("roadmaps")
            .delete()
            .eq("roadmap_id", roadmap_id)
            .eq("user_id", str(user_id))
            .not_.is_("published_at", "null")
        )
        if not deleted.data:
            raise RoadmapNotFoundError(roadmap_id)

    async def close(self) -> None:
        if self._undos:
            # What they do not get done is swept.
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
        # Also keeps the task alive, and lets `close` wait for it, if our caller leaves.
        self._undos.add(deletion)
        deletion.add_done_callback(self._undos.discard)
        await asyncio.shield(deletion)

    async def _delete_unpublished(self, lease_id: UUID) -> None:
        try:
            await self._client.execute(
                self._client.table("roadmaps")
                .delete(returning=ReturnMethod.minimal)
                .eq("lease_id", str(lease_id))
                # Where the answer to the publication was lost for good, it stays published.
                .is_("published_at", "null"),
                retry_on=TRANSIENT_ERRORS,
            )
        except StoreError as error:
            # Never in place of the first error; the sweep will find what is left. Without the
            # traceback, whose first cause quotes rows.
            logger.error(  # noqa: TRY400
                "could not undo what lease %s wrote: %s: %s", lease_id, type(error).__name__, error
            )

    async def _select_weeks(
        self,
        columns: str,
        roadmap_id: int,
        user_id: UUID | None,
        week_number: int | None = None,
    ) -> list[dict[str, Any]]:
        query = self._client.table("roadmap_weeks").select(columns).eq("roadmap_id", roadmap_id)
        if user_id is not None:
            query = query.eq("user_id", str(user_id))
        if week_number is not None:
            query = query.eq("week_number", week_number)
        rows: list[dict[str, Any]] = (await self._client.read(query.order("week_number"))).data
        if not rows and week_number is not None:
            await self.get_roadmap(roadmap_id, user_id)  # raises where the roadmap is missing
        elif not rows:
            raise RoadmapNotFoundError(roadmap_id)
        # A roadmap without tasks is one row without a week.
        return [row for row in rows if row["week_number"] is not None]


def _task_rows(roadmap: NewRoadmap, roadmap_id: int) -> list[dict[str, Any]]:
    return [
        {
            "id": str(uuid4()),
            "roadmap_id": roadmap_id,
            "week_number": week.week_number,
            "weekly_goal": week.goal,
            "day_number": day.day_number,
            "position": position,
            "task_text": task.text,
            "effort": task.effort,
            "category": task.category,
            "completed": False,
        }
        for week in roadmap.weeks
        for day in week.days
        for position, task in enumerate(day.tasks, start=1)
    ]


def _parse_roadmaps(rows: list[dict[str, Any]]) -> list[Roadmap]:
    known = ({name: value for name, value in row.items() if value is not None} for row in rows)
    return parse_rows(_ROADMAPS, [NULL_REPLACEMENTS | row for row in known])
