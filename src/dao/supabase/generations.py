"""Generations in Supabase: one SQL function, or one filtered update, per step."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

from pydantic import TypeAdapter

from src.dao.rows import parse_stored_part
from src.dao.supabase.client import TRANSIENT_ERRORS, PostgrestClient, parse_rows
from src.dao.supabase.rows import only_row
from src.domain.errors import GenerationNotFoundError, LeaseLostError, StoreUnavailableError
from src.domain.generation import (
    MAX_RESUMPTIONS,
    MAX_WAITING_SECONDS,
    Failure,
    GenerationRecord,
    GenerationSnapshot,
    Lease,
    NewGeneration,
    ProgressReport,
    StoredPart,
    SweepResult,
    part_kind,
)
from src.domain.quotas import QuotaPolicies
from src.domain.vocabulary import Value

PARTS_PER_REQUEST = 100
"""A day takes about 1 KB and a week 7 KB; a plan of 52 weeks has 417 parts."""


class _EventRow(Value):
    number: int
    kind: str
    part: dict[str, Any]


class _Read(Value):
    """What `read_generation` returns."""

    record: GenerationRecord | None
    last_number: int
    events: list[_EventRow]

    def parse_parts(self) -> Iterator[StoredPart]:
        return (parse_stored_part(row.number, row.kind, row.part) for row in self.events)


class _EventNumber(Value):
    """What `record_events` returns, unless the lease is no longer valid."""

    last_number: int


_READ = TypeAdapter(_Read)
_EVENT_NUMBERS = TypeAdapter(list[_EventNumber])
_RECORDS = TypeAdapter(list[GenerationRecord])
_SWEEP_RESULTS = TypeAdapter(list[SweepResult])


class SupabaseGenerations:
    """Implements `src.dao.Generations` over PostgREST.

    The steps are idempotent, so a step is repeated if its answer is lost.
    """

    def __init__(self, client: PostgrestClient) -> None:
        self._client = client

    async def begin(
        self, generation: NewGeneration, lease: Lease, quotas: QuotaPolicies
    ) -> GenerationRecord:
        query = self._client.rpc(
            "begin_generation",
            {
                "p_generation_id": str(generation.generation_id),
                "p_user_id": str(generation.requester.user_id),
                "p_client": generation.requester.client_key,
                "p_fingerprint": generation.fingerprint,
                "p_idempotency_key": generation.idempotency_key,
                "p_request": generation.request.model_dump(mode="json"),
                "p_lease_id": str(lease.lease_id),
                "p_lease_seconds": lease.seconds,
                "p_most_resumptions": MAX_RESUMPTIONS,
                "p_reserved_dollars": generation.reserved_dollars,
                "p_bounds": quotas.model_dump(mode="json"),
            },
        )
        answer = await self._client.enter_ledger(query)
        return only_row(parse_rows(_RECORDS, answer.data))

    async def get(self, generation_id: UUID, user_id: UUID | None = None) -> GenerationRecord:
        query = self._client.table("generations").select("*")
        query = query.eq("generation_id", str(generation_id))
        if user_id is not None:
            query = query.eq("user_id", str(user_id))
        records = parse_rows(_RECORDS, (await self._client.read(query)).data)
        if not records:
            raise GenerationNotFoundError
        return records[0]

    async def read(
        self, generation_id: UUID, after: int = 0, user_id: UUID | None = None
    ) -> GenerationSnapshot:
        answer = await self._client.execute_for_client(
            self._read(generation_id, after, user_id),
            retry_on=(StoreUnavailableError,),
            expected=dict,
        )
        read = parse_rows(_READ, answer.data)
        if read.record is None:
            raise GenerationNotFoundError
        return GenerationSnapshot(
            record=read.record, parts=tuple(read.parse_parts()), last_number=read.last_number
        )

    async def list_parts(self, generation_id: UUID) -> list[StoredPart]:
        # Not in the clients' queue: a process that takes a generation over needs its parts.
        answer = await self._client.execute(
            self._read(generation_id), retry_on=(StoreUnavailableError,), expected=dict
        )
        return list(parse_rows(_READ, answer.data).parse_parts())

    async def claim(self, lease: Lease) -> GenerationRecord | None:
        # Not retried: what a first try claimed would then wait until its lease expires.
        answer = await self._client.execute(
            self._client.rpc(
                "claim_generation",
                {
                    "p_lease_id": str(lease.lease_id),
                    "p_lease_seconds": lease.seconds,
                    "p_most_resumptions": MAX_RESUMPTIONS,
                },
            )
        )
        records = parse_rows(_RECORDS, answer.data)
        return records[0] if records else None

    async def record_progress(self, lease: Lease, progress: ProgressReport) -> int:
        numbered = [
            {"number": number, "kind": part_kind(part), "part": part.model_dump(mode="json")}
            for number, part in enumerate(progress.parts, start=progress.first_number)
        ]
        for start in range(0, len(numbered) or 1, PARTS_PER_REQUEST):
            query = self._client.rpc(
                "record_events",
                {
                    "p_lease_id": str(lease.lease_id),
                    "p_lease_seconds": lease.seconds,
                    "p_parts": numbered[start : start + PARTS_PER_REQUEST],
                    "p_weeks_done": progress.weeks_done,
                    "p_usage": progress.usage.model_dump(mode="json"),
                    "p_first_day_seconds": progress.first_day_seconds,
                },
            )
            answer = await self._client.execute(query, retry_on=TRANSIENT_ERRORS)
            numbers = parse_rows(_EVENT_NUMBERS, answer.data)
            if not numbers:
                raise LeaseLostError
            last_number = only_row(numbers).last_number
        return last_number

    async def release(self, lease_id: UUID) -> None:
        # The new id invalidates the lease, so that a late report cannot renew it.
        await self._update_unfinished(
            {"lease_until": "now", "lease_id": str(uuid4())}, "lease_id", lease_id
        )

    async def postpone(self, lease_id: UUID, seconds: float, failure: Failure) -> GenerationRecord:
        query = self._client.rpc(
            "postpone_generation",
            {
                "p_lease_id": str(lease_id),
                "p_new_lease_id": str(uuid4()),
                "p_seconds": seconds,
                "p_most_seconds": MAX_WAITING_SECONDS,
                "p_problem": failure.problem,
                "p_cost_known": failure.cost_known,
            },
        )
        answer = await self._client.execute(query, retry_on=TRANSIENT_ERRORS)
        records = parse_rows(_RECORDS, answer.data)
        if not records:
            raise LeaseLostError
        return records[0]

    async def fail(self, lease_id: UUID, failure: Failure) -> None:
        await self._update_unfinished(_finish_values(failure), "lease_id", lease_id)

    async def cancel(
        self, generation_id: UUID, failure: Failure, user_id: UUID | None = None
    ) -> GenerationRecord:
        records = await self._update_unfinished(
            _finish_values(failure), "generation_id", generation_id, user_id
        )
        return records[0] if records else await self.get(generation_id, user_id)

    async def publish(
        self, lease_id: UUID, roadmap_id: int, *, cost_known: bool
    ) -> GenerationRecord:
        """Publish a roadmap that was written under a lease, and finish its generation.

        Raises:
            LeaseLostError: the lease is no longer valid, or a sweep has deleted the roadmap.
        """
        query = self._client.rpc(
            "publish_roadmap",
            {"p_lease_id": str(lease_id), "p_roadmap_id": roadmap_id, "p_cost_known": cost_known},
        )
        answer = await self._client.execute(query, retry_on=TRANSIENT_ERRORS)
        records = parse_rows(_RECORDS, answer.data)
        if not records:
            raise LeaseLostError
        return records[0]

    async def sweep(self, failure: Failure) -> SweepResult:
        query = self._client.rpc(
            "sweep_generations",
            {
                "p_most_resumptions": MAX_RESUMPTIONS,
                "p_problem": failure.problem,
                "p_cost_known": failure.cost_known,
            },
        )
        return only_row(parse_rows(_SWEEP_RESULTS, (await self._client.execute(query)).data))

    def _read(self, generation_id: UUID, after: int = 0, user_id: UUID | None = None) -> Any:  # noqa: ANN401  the client's builders share no base
        return self._client.rpc(
            "read_generation",
            {
                "p_generation_id": str(generation_id),
                "p_after": after,
                "p_user_id": user_id and str(user_id),
            },
        )

    async def _update_unfinished(
        self, values: dict[str, Any], column: str, value: UUID, user_id: UUID | None = None
    ) -> list[GenerationRecord]:
        """Update the unfinished generation of this id or lease; return it, or nothing."""
        query = self._client.table("generations").update(values).eq(column, str(value))
        query = query.is_("finished_at", "null")
        if user_id is not None:
            query = query.eq("user_id", str(user_id))
        answer = await self._client.execute(query, retry_on=TRANSIENT_ERRORS)
        return parse_rows(_RECORDS, answer.data)


def _finish_values(failure: Failure) -> dict[str, Any]:
    return {"finished_at": "now", **failure.model_dump()}
