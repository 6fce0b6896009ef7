"""Admits new generations within the quotas, and cancels them."""

from uuid import UUID

from src.dao import Generations
from src.domain import errors
from src.domain.generation import Failure, GenerationRecord, NewGeneration
from src.domain.plan import PlanRequest
from src.domain.quotas import QuotaSettings, Requester, quota_policies
from src.services.generation.registry import RunRegistry
from src.services.generation.run import RELEASE_SECONDS


class GenerationAdmission:
    """Decides whether a request begins a generation, joins one, or is refused."""

    def __init__(self, generations: Generations, runs: RunRegistry, quotas: QuotaSettings) -> None:
        self._generations = generations
        self._runs = runs
        self._quotas = quota_policies(quotas, "generation")
        self._reserved_dollars_per_week = quotas.reserved_dollars_per_week

    async def begin(
        self, requester: Requester, request: PlanRequest, idempotency_key: str | None = None
    ) -> GenerationRecord:
        """Begin a generation in the background and return its record.

        A repeated request gets the record of the first one: with the same idempotency key, also
        when it has finished; without a key, while an identical request of the same user runs. If
        the process that worked on it has died, or it has waited long enough, this one continues it.

        Raises:
            IdempotencyKeyReusedError: the key belongs to another request.
            GenerationRunningError: the generation of this key is still running.
            GenerationWaitingError: the first request's generation waits for the model's provider.
            LimitReachedError: the user, their address or the service has used up a quota.
            OverloadedError: this process runs as many generations as it can.
            ShuttingDownError: this process is shutting down.
        """
        new = NewGeneration(
            requester=requester,
            request=request,
            idempotency_key=idempotency_key,
            reserved_dollars=self._reserved_dollars_per_week * request.duration_weeks,
        )
        with self._runs.reserve() as lease:
            # It may have begun all the same: its lease expires, and another process continues it.
            given_up = errors.StoreTooSlowError("no answer before the process has to end")
            async with self._runs.drain.raise_when_over(given_up, RELEASE_SECONDS):
                record = await self._generations.begin(new, lease, self._quotas)
            if record.lease_id == lease.lease_id:
                is_new = record.generation_id == new.generation_id
                await self._runs.start(record, lease, is_new=is_new)
                return record
        if record.fingerprint != new.fingerprint:
            raise errors.IdempotencyKeyReusedError(record.generation_id)
        if record.waiting_error:
            raise record.waiting_error
        if idempotency_key is not None and record.finished_at is None:
            raise errors.GenerationRunningError(record.generation_id)
        return record

    async def cancel(self, generation_id: UUID, user_id: UUID | None = None) -> None:
        """Cancel a generation, whichever process works on it; its cost stays on record.

        Raises:
            GenerationNotFoundError: there is no such generation.
            GenerationSucceededError: its roadmap is already stored.
        """
        record = await self._generations.cancel(
            generation_id, Failure(problem=errors.GenerationCancelledError.code), user_id
        )
        if record.problem is None:
            raise errors.GenerationSucceededError(generation_id)
        if run := self._runs.get(generation_id):
            await run.stop()
