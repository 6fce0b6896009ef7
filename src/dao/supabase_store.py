"""The production store, over the Supabase client: publish last, undo by compensating deletes."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, Self, TypeVar
from uuid import UUID, uuid4

import httpx
import stamina
from postgrest import APIError, CountMethod, ReturnMethod
from pydantic import TypeAdapter, ValidationError
from supabase import AsyncClient, AsyncClientOptions, acreate_client

from src.errors import (
    RoadmapNotFoundError,
    StoreConflictError,
    StoreError,
    StoreMisconfiguredError,
    StoreTooSlowError,
    StoreUnavailableError,
    TaskNotFoundError,
)
from src.models import NewRoadmap, Roadmap, Task, WeekTotals

logger = logging.getLogger(__name__)

ROADMAP_COLUMNS = (
    "roadmap_id,user_id,description,level,duration_weeks,daily_hours,is_active,created_at"
)
WEEK_COLUMNS = "week_number,weekly_goal,total_tasks,completed_tasks"

NEUTRAL_VALUES: dict[str, Any] = {
    "description": "",
    "level": "",
    "duration_weeks": 0,
    "daily_hours": 0,
    "is_active": True,
    "created_at": "1970-01-01T00:00:00Z",
}
"""For values that older code left null: a null in one row must not hide the others."""

PAGE_ROWS = 1_000
"""Rows per request, read or written: hosted Supabase answers with no more."""

POOL_SIZE = 20
"""Connections of one process; PostgREST's own pool on a small project has about as many."""

ATTEMPTS = 3
"""How often a request is sent that may be sent twice."""

_IDEMPOTENT_WRITE = (StoreUnavailableError, StoreTooSlowError)
"""What to retry where doing it twice is doing it once: a lost answer is asked for again."""

_ROADMAPS = TypeAdapter(list[Roadmap])
_WEEKS = TypeAdapter(list[WeekTotals])
_TASKS = TypeAdapter(list[Task])

T = TypeVar("T")


class _Query(Protocol):
    async def execute(self) -> Any: ...  # noqa: ANN401  the client's builders share no base


class SupabaseStore:
    """Keeps the promises of `src.dao.Store` over HTTP, where no transaction spans two requests."""

    def __init__(self, client: AsyncClient, http: httpx.AsyncClient, timeout: float) -> None:
        self._client = client
        self._http = http
        self._timeout = timeout
        self._undos: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls,
        url: str,
        service_key: str,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109  bounds later requests, not this call
    ) -> Self:
        """Build the client; nothing is sent yet. `timeout` is in seconds, per request."""
        http = httpx.AsyncClient(
            http2=False,
            timeout=timeout,
            limits=httpx.Limits(max_connections=POOL_SIZE, max_keepalive_connections=POOL_SIZE),
        )
        options = AsyncClientOptions(
            httpx_client=http,
            auto_refresh_token=False,
            persist_session=False,
            postgrest_client_retry=False,  # ours is bounded in time and has jitter
        )
        return cls(await acreate_client(url, service_key, options), http, timeout)

    async def add_roadmap(self, roadmap: NewRoadmap) -> Roadmap:
        generation_id = str(uuid4())
        async with AsyncExitStack() as undo:
            # Registered before the write: one whose answer is lost may have landed.
            undo.push_async_callback(self._undo, generation_id)
            stored = await self._insert_unpublished(roadmap, generation_id)
            tasks = _task_rows(roadmap, stored.roadmap_id)
            for start in range(0, len(tasks), PAGE_ROWS):
                await self._execute(
                    self._client.table("roadmap_tasks").insert(
                        tasks[start : start + PAGE_ROWS], returning=ReturnMethod.minimal
                    )
                )
            await self._publish(stored.roadmap_id, generation_id)
            undo.pop_all()
        return stored

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
            answer = await self._read(query)
            page = _roadmaps(answer.data)
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
        roadmaps = _roadmaps((await self._read(query)).data)
        if not roadmaps:
            raise RoadmapNotFoundError(roadmap_id)
        return roadmaps[0]

    async def list_tasks(
        self, roadmap_id: int, user_id: UUID | None = None, *, week_number: int | None = None
    ) -> list[Task]:
        weeks = await self._weeks("week_number,tasks", roadmap_id, user_id, week_number)
        return [task for week in weeks for task in _fitting(_TASKS, week["tasks"])]

    async def list_weeks(self, roadmap_id: int, user_id: UUID | None = None) -> list[WeekTotals]:
        weeks = await self._weeks(WEEK_COLUMNS, roadmap_id, user_id)
        return _fitting(_WEEKS, weeks)

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
        answer = await self._execute(update, retry_on=_IDEMPOTENT_WRITE, expected=bool)
        if not answer.data:
            raise TaskNotFoundError

    async def delete_roadmap(self, roadmap_id: int, user_id: UUID) -> None:
        deleted = await self._execute(
            self._client.table("roadmaps")
            .delete()
            .eq("roadmap_id", roadmap_id)
            .eq("user_id", str(user_id))
            .not_.is_("published_at", "null")
        )
        if not deleted.data:
            raise RoadmapNotFoundError(roadmap_id)

    async def sweep_unpublished(self, older_than: timedelta) -> int:
        deleted = await self._execute(
            self._client.table("roadmaps")
            .delete()
            .is_("published_at", "null")
            .lt("created_at", (datetime.now(UTC) - older_than).isoformat())
        )
        return len(deleted.data)

    async def close(self) -> None:
        try:
            await asyncio.gather(*self._undos)
        finally:
            await self._http.aclose()

    async def _insert_unpublished(self, roadmap: NewRoadmap, generation_id: str) -> Roadmap:
        answer = await self._execute(
            self._client.table("roadmaps").insert(
                {
                    "user_id": str(roadmap.user_id),
                    "description": roadmap.request.goal,
                    "level": roadmap.request.level,
                    "duration_weeks": roadmap.request.duration_weeks,
                    "daily_hours": roadmap.request.daily_hours,
                    "is_active": True,
                    "generation_id": generation_id,
                    "published_at": None,
                }
            )
        )
        return _roadmaps(answer.data)[0]

    async def _publish(self, roadmap_id: int, generation_id: str) -> None:
        # The commit point.
        published = await self._execute(
            self._client.table("roadmaps")
            .update({"published_at": "now"})
            .eq("generation_id", generation_id),
            retry_on=_IDEMPOTENT_WRITE,
        )
        if not published.data:
            raise StoreConflictError(f"roadmap {roadmap_id} vanished before it was published")

    async def _undo(self, generation_id: str) -> None:
        deletion = asyncio.create_task(self._delete_generation(generation_id))
        # Also keeps the task alive, and lets `close` wait for it, if our caller leaves.
        self._undos.add(deletion)
        deletion.add_done_callback(self._undos.discard)
        await asyncio.shield(deletion)

    async def _delete_generation(self, generation_id: str) -> None:
        try:
            await self._execute(
                self._client.table("roadmaps")
                .delete(returning=ReturnMethod.minimal)
                .eq("generation_id", generation_id),
                retry_on=_IDEMPOTENT_WRITE,
            )
        except StoreError as error:
            # Never in place of the first error; the sweep will find what is left. Without the
            # traceback, whose first cause quotes rows.
            logger.error(  # noqa: TRY400
                "could not undo generation %s: %s: %s", generation_id, type(error).__name__, error
            )

    async def _weeks(
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
        rows: list[dict[str, Any]] = (await self._read(query.order("week_number"))).data
        if not rows and week_number is not None:
            await self.get_roadmap(roadmap_id, user_id)  # raises where the roadmap is missing
        elif not rows:
            raise RoadmapNotFoundError(roadmap_id)
        # A roadmap without tasks is one row without a week.
        return [row for row in rows if row["week_number"] is not None]

    async def _read(self, query: _Query) -> Any:  # noqa: ANN401  the client's answer is untyped
        return await self._execute(query, retry_on=(StoreUnavailableError,))

    async def _execute(
        self,
        query: _Query,
        *,
        retry_on: tuple[type[StoreError], ...] = (),
        expected: type = list,
    ) -> Any:  # noqa: ANN401  the client's answer is untyped
        """Send a query and return the client's answer, its `data` of the expected type.

        `retry_on` is for what may be done twice without harm.
        """
        retries = stamina.retry_context(
            on=retry_on,
            attempts=ATTEMPTS,
            timeout=ATTEMPTS * self._timeout,
            wait_initial=0.1,
            wait_max=2.0,
            wait_jitter=0.2,
        )
        async for attempt in retries:
            with attempt, _translated_errors():
                # httpx bounds each read; this bounds the whole of it.
                async with asyncio.timeout(self._timeout):
                    answer = await query.execute()
                rows = answer.data if isinstance(answer.data, list) else []
                if not isinstance(answer.data, expected) or any(
                    not isinstance(row, dict) for row in rows
                ):
                    raise StoreUnavailableError("the answer is not PostgREST's")
        return answer


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


def _roadmaps(rows: list[dict[str, Any]]) -> list[Roadmap]:
    known = ({name: value for name, value in row.items() if value is not None} for row in rows)
    return _fitting(_ROADMAPS, [NEUTRAL_VALUES | row for row in known])


def _fitting(adapter: TypeAdapter[T], rows: object) -> T:
    try:
        return adapter.validate_python(rows)
    except ValidationError as error:
        # Without the error's text: it quotes what learners wrote.
        raise StoreMisconfiguredError(f"{error.error_count()} values do not fit") from None


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Turn everything that the client raises into a `StoreError`."""
    try:
        yield
    except APIError as error:
        # The code alone: messages and details quote rows.
        raise _kind_of(error)(f"PostgREST answered {error.code}") from error
    except (TimeoutError, httpx.TimeoutException) as error:
        raise StoreTooSlowError(type(error).__name__) from error
    except StoreError:
        raise
    except Exception as error:
        # The transport's own errors, and what an answer that is no answer does to the client.
        raise StoreUnavailableError(type(error).__name__) from error


def _kind_of(error: APIError) -> type[StoreError]:
    """Return what an error's code means: a SQLSTATE, PostgREST's own, or an HTTP status."""
    code = error.code or ""
    if not code and not error.message:
        return StoreMisconfiguredError  # PostgREST says `{}` of a write to an unknown table
    if code in {"57014", "PGRST003", "504"}:
        return StoreTooSlowError
    if code.startswith("23"):  # integrity constraints
        return StoreConflictError
    # Rights (42501), roles (22023), tables, columns; PostgREST's schema cache and its tokens.
    if code.startswith(("42", "PGRST2", "PGRST3")) or code in {"22023", "401", "403", "404"}:
        return StoreMisconfiguredError
    return StoreUnavailableError
