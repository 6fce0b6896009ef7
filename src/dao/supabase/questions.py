"""Questions in Supabase: their entries in the ledger."""

from uuid import UUID

from postgrest import ReturnMethod

from src.dao.supabase.client import TRANSIENT_ERRORS, PostgrestClient
from src.domain.errors import StoreUnavailableError
from src.domain.plan import ModelUsage
from src.domain.quotas import NewQuestion, QuotaPolicies


class SupabaseQuestions:
    """Implements `src.dao.Questions` over PostgREST."""

    def __init__(self, client: PostgrestClient) -> None:
        self._client = client

    async def begin(self, question: NewQuestion, quotas: QuotaPolicies) -> None:
        query = self._client.rpc(
            "begin_question",
            {
                "p_question_id": str(question.question_id),
                "p_user_id": str(question.requester.user_id),
                "p_client": question.requester.client_key,
                "p_reserved_dollars": question.reserved_dollars,
                "p_bounds": quotas.model_dump(mode="json"),
            },
        )
        answer = await self._client.enter_ledger(query, expected=bool)
        if answer.data is not True:
            raise StoreUnavailableError("the question is not on record")

    async def finish(self, question_id: UUID, usage: ModelUsage, *, cost_known: bool) -> None:
        values = {"finished_at": "now", "cost_known": cost_known, **usage.model_dump()}
        query = (
            self._client.table("questions")
            .update(values, returning=ReturnMethod.minimal)
            .eq("question_id", str(question_id))
        )
        await self._client.execute(query, retry_on=TRANSIENT_ERRORS)
