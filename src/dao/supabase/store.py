"""The production store, in Supabase: it publishes last and undoes by compensating deletes."""

import asyncio
import logging
import re
from contextlib import AsyncExitStack
from functools import cache, partial
from pathlib import Path
from typing import Self
from uuid import UUID

from postgrest import ReturnMethod
from pydantic import TypeAdapter

from src.dao.rows import task_rows
from src.dao.supabase.client import TRANSIENT_ERRORS, PostgrestClient, parse_document, parse_rows
from src.dao.supabase.documents import SupabaseDocuments
from src.dao.supabase.generations import SupabaseGenerations
from src.dao.supabase.questions import SupabaseQuestions
from src.dao.supabase.rows import only_row
from src.dao.supabase.schedules import SupabaseSchedules
from src.domain import errors
from src.domain.generation import GenerationRecord
from src.domain.plan import NewRoadmap
from src.domain.roadmap import Roadmap, RoadmapWithTasks

logger = logging.getLogger(__name__)

TASKS_PER_REQUEST = 1_000
"""How many tasks a request inserts at most, so that each stays small."""

CLOSE_TIMEOUT_SECONDS = 1.0
"""How long `close` waits for running compensating deletes."""

_BOOLEAN = re.compile(rb"\s*(true|false)\s*")
_MAYBE_BOOLEAN = re.compile(rb"\s*\[?\s*(true|false)?\s*\]?\s*")
"""As the element of a batch; missing where something else has locked the task."""
_ROADMAPS = TypeAdapter(list[Roadmap])
_ROADMAP_WITH_TASKS = TypeAdapter(RoadmapWithTasks)


@cache
def needed_schema_version() -> int:
    """Return the lowest `schema_version()` that this release runs on: that of its schema.sql."""
    sql = Path(__file__).parents[1].joinpath("schema.sql").read_text(encoding="utf-8")
    (version,) = re.findall(r"function public\.schema_version\(\)[^$]*\$\$ select (\d+);", sql)
    return int(version)


class SupabaseStore:
    """Implements `src.dao.Store` over HTTP, where no transaction can span two requests."""

    def __init__(self, client: PostgrestClient) -> None:
        self._client = client
        self.generations = SupabaseGenerations(client)
        self.questions = SupabaseQuestions(client)
        self.schedules = SupabaseSchedules(client)
        self.documents = SupabaseDocuments(client)
        self._ticks = client.batches("set_tasks_completed")
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

    async def check(self) -> None:
        answer = await self._client.execute(self._client.rpc("schema_version", {}), expected=int)
        if answer.data < needed_schema_version():
            raise errors.StoreOutdatedError(f"the schema has version {answer.data}")

    async def add_roadmap(self, roadmap: NewRoadmap) -> GenerationRecord:
        async with AsyncExitStack() as undo:
            # Registered before the write, which may succeed although its answer is lost.
            undo.push_async_callback(self._undo_write, roadmap.lease_id)
            stored = await self._insert_unpublished(roadmap)
            tasks = task_rows(roadmap, stored.roadmap_id)
            for start in range(0, len(tasks), TASKS_PER_REQUEST):
                await self._client.execute(
                    self._client.table("roadmap_tasks").insert(
                        tasks[start : start + TASKS_PER_REQUEST], returning=ReturnMethod.minimal
                    )
                )
            record = await self.generations.publish(
                roadmap.lease_id, stored.roadmap_id, cost_known=roadmap.cost_known
            )
            undo.pop_all()
        return record

    async def get_roadmap_with_tasks(
        self, roadmap_id: int, user_id: UUID | None = None
    ) -> RoadmapWithTasks:
        document = await self.documents.get_roadmap_with_tasks(roadmap_id, user_id)
        return parse_document(_ROADMAP_WITH_TASKS, document)

    async def set_task_completed(
        self,
        task_id: str,
        *,
        completed: bool,
        user_id: UUID | None = None,
        time_zone: str | None = None,
    ) -> None:
        try:
            task = UUID(task_id)
        except ValueError:
            raise errors.TaskNotFoundError from None
        parameters = {
            "p_task_id": str(task),
            "p_completed": completed,
            "p_user_id": user_id and str(user_id),
            "p_tz": time_zone,
        }
        tick = partial(
            self._client.call, "set_task_completed", parameters, retry_on=TRANSIENT_ERRORS
        )
        exists = await tick(_MAYBE_BOOLEAN, batches=self._ticks) or await tick(_BOOLEAN)
        if exists != b"true":
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
        return only_row(parse_rows(_ROADMAPS, answer.data))

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
