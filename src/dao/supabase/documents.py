"""Answers of the API that schema.sql's functions write as JSON."""

import re
from uuid import UUID

from src.dao.supabase.batches import FunctionBatches
from src.dao.supabase.client import PostgrestClient
from src.domain.errors import RoadmapNotFoundError, StoreUnavailableError, WeekNotFoundError


def _answer_with(document: bytes) -> re.Pattern[bytes]:
    """Return the form of an answer of one document, which is its first group, or of none.

    Only how a document begins and ends is looked at: that tells it from a page of a gateway, from
    the answer of another function, and from one that was cut off.
    """
    return re.compile(rb"\s*\[\s*(" + document + rb")?\s*\]\s*", re.DOTALL)


_ROADMAPS = _answer_with(rb'\[\s*(?:\{\s*"roadmap_id".*\})?\s*\]')
_ROADMAP_WITH_TASKS = _answer_with(rb'\{\s*"roadmap".*\}')
_TASKS = _answer_with(rb'\{\s*"tasks".*\}')
_WEEKS = _answer_with(rb'\[\s*(?:\{\s*"week_number".*\})?\s*\]')
_WEEK = _answer_with(rb'null|\{\s*"week_number".*\}')


class SupabaseDocuments:
    """Implements `src.dao.Documents`, each with one call, of which small ones share requests.

    A document is one row, so the project's "Max rows" cannot truncate it.
    """

    def __init__(self, client: PostgrestClient) -> None:
        self._client = client
        self._small_reads = client.batches("read_documents")

    async def list_roadmaps(self, user_id: UUID) -> bytes:
        document = await self._client.read_document(
            "list_roadmaps", {"p_user_id": str(user_id)}, _ROADMAPS, self._small_reads
        )
        if document is None:
            raise StoreUnavailableError("no row in place of one")
        return document

    async def get_roadmap_with_tasks(self, roadmap_id: int, user_id: UUID | None = None) -> bytes:
        """Return a `RoadmapWithTasks`."""
        return await self._read("read_roadmap_with_tasks", _ROADMAP_WITH_TASKS, roadmap_id, user_id)

    async def list_tasks(self, roadmap_id: int, user_id: UUID | None = None) -> bytes:
        return await self._read("read_tasks", _TASKS, roadmap_id, user_id)

    async def list_weeks(self, roadmap_id: int, user_id: UUID | None = None) -> bytes:
        return await self._read("read_weeks", _WEEKS, roadmap_id, user_id, self._small_reads)

    async def get_week(
        self, roadmap_id: int, week_number: int, user_id: UUID | None = None
    ) -> bytes:
        week = await self._read(
            "read_week", _WEEK, roadmap_id, user_id, self._small_reads, p_week_number=week_number
        )
        if week == b"null":
            raise WeekNotFoundError(roadmap_id, week_number)
        return week

    async def _read(
        self,
        function: str,
        form: re.Pattern[bytes],
        roadmap_id: int,
        user_id: UUID | None,
        batches: FunctionBatches | None = None,
        **parameters: int,
    ) -> bytes:
        document = await self._client.read_document(
            function,
            {"p_roadmap_id": roadmap_id, "p_user_id": user_id and str(user_id), **parameters},
            form,
            batches,
        )
        if document is None:
            raise RoadmapNotFoundError(roadmap_id)
        return document
