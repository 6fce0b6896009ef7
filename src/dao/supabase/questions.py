"""The ledger of questions in Supabase."""

from uuid import UUID

from postgrest import ReturnMethod

from src.dao.supabase.client import IDEMPOTENT_WRITE, PostgrestClient
from src.domain.plan import ModelUsage
from src.domain.quotas import Bounds, NewQuestion


class SupabaseQuestions:
    """Keeps the promises of `src.dao.Questions`."""

    def __init__(self, client: PostgrestClient) -> None:
        self._client = client

    async def begin(self, question: NewQuestion, bounds: Bounds) -> None:
        query = self._client.rpc(
            "begin_question",
            {
                "p_question_id": str(question.question_id),
                "p_user_id": str(question.asker.user_id),
                "p_client": question.asker.client,
                "p_reserved_dollars": question.reserved_dollars,
                "p_bounds": bounds.model_dump(mode="json"),
            },
        )
        await self._client.execute_for_client(query, retry_on=IDEMPOTENT_WRITE, expected=bool)

    async def finish(self, question_id: UUID, usage: ModelUsage) -> None:
        query = (
            self._client.table("questions")
            .update({"finished_at": "now", **usage.model_dump()}, returning=ReturnMethod.minimal)
            .eq("question_id", str(question_id))
        )
        await self._client.execute(query, retry_on=IDEMPOTENT_WRITE)
