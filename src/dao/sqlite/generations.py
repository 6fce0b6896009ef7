"""Generations in the embedded file: one transaction per step."""

import json
import sqlite3
from collections.abc import Mapping
from uuid import UUID, uuid4

from src.dao.sqlite.events import NUMBER_END, insert_parts, select_last_number, select_parts
from src.dao.sqlite.file import SqliteFile, now
from src.dao.sqlite.ledger import refuse_over_limits
from src.dao.sqlite.retention import delete_expired
from src.dao.sqlite.upgrades import transaction
from src.domain.errors import GenerationNotFoundError, LeaseLostError, ModelUnavailableError
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
)
from src.domain.quotas import DAY_SECONDS, QuotaPolicies
from src.domain.roadmap import Roadmap

_FINISH = f"finished_at = :now, problem = :problem, cost_known = :cost_known, {NUMBER_END}"

# With a key, a request repeats the generation of that key, unless that has failed or has ended and
# began more than a day ago; without a key, it repeats an identical unfinished one.
_FIND_REPEATED = (
    "select * from generations where user_id = :user_id and case when :key is null"
    " then fingerprint = :fingerprint and finished_at is null"
    " else idempotency_key = :key and problem is null"
    " and (finished_at is null or started_at > :a_day_ago) end order by started_at limit 1"
)

_INSERT = (
    "insert into generations (generation_id, user_id, client, reserved_dollars, fingerprint,"
    " idempotency_key, request, weeks_total, started_at, lease_id, lease_until)"
    " values (:generation_id, :user_id, :client, :reserved_dollars, :fingerprint,"
    " :key, :request, :weeks_total, :now, :lease_id, :lease_until) returning *"
)

_CLAIM = (
    "update generations set lease_id = :lease_id, lease_until = :lease_until,"
    # The end of a wait is no resumption: the run before it had not died.
    " resumptions = resumptions + (resume_at is null), resume_at = null, changed_hands = 1"
    " where generation_id = (select generation_id from generations"
    " where finished_at is null and lease_until < :now"
    " and (resumptions < :most_resumptions or resume_at is not null)"
    " and (:generation_id is null or generation_id = :generation_id)"
    " order by lease_until limit 1) returning *"
)

# After the clock was set back, a lease would seem to last longer than it can. The holder renews it.
_CAP_LEASES = (
    "update generations set lease_until = :lease_until"
    " where finished_at is null and resume_at is null and lease_until > :lease_until"
)

_COUNTS = ("weeks_done", "calls", "priced_calls", "retries", "prompt_tokens", "completion_tokens")
_MONOTONIC_COUNTS = ", ".join(f"{count} = max({count}, :{count})" for count in _COUNTS)
"""A delayed report may arrive after later ones and must not lower what they counted."""


class SqliteGenerations:
    """Implements `src.dao.Generations` with transactions."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def begin(
        self, generation: NewGeneration, lease: Lease, quotas: QuotaPolicies
    ) -> GenerationRecord:
        return await self._file.write_for_client(
            lambda connection: _begin(connection, generation, lease, quotas)
        )

    async def get(self, generation_id: UUID, user_id: UUID | None = None) -> GenerationRecord:
        return await self._file.read_for_client(
            lambda connection: _select_record(connection, generation_id, user_id)
        )

    async def read(
        self, generation_id: UUID, after: int = 0, user_id: UUID | None = None
    ) -> GenerationSnapshot:
        def read(connection: sqlite3.Connection) -> GenerationSnapshot:
            with transaction(connection, "deferred"):
                record = _select_record(connection, generation_id, user_id)
                return GenerationSnapshot(
                    record=record,
                    parts=tuple(select_parts(connection, generation_id, after)),
                    last_number=select_last_number(connection, generation_id),
                )

        return await self._file.read_for_client(read)

    async def list_parts(self, generation_id: UUID) -> list[StoredPart]:
        # Not in the clients' queue: a process that takes a generation over needs its parts.
        return await self._file.read(lambda connection: select_parts(connection, generation_id))

    async def claim(self, lease: Lease) -> GenerationRecord | None:
        row = await self._file.write(lambda connection: _claim(connection, _lease_values(lease)))
        return _parse_record(row) if row else None

    async def record_progress(self, lease: Lease, progress: ProgressReport) -> int:
        return await self._file.write(
            lambda connection: _record_progress(connection, lease, progress)
        )

    async def release(self, lease_id: UUID) -> None:
        # The new id invalidates the lease, so that a late report cannot renew it.
        values = "lease_until = :now, lease_id = :new_id"
        await self._update_unfinished(
            values, "lease_id = :id", id=str(lease_id), new_id=str(uuid4())
        )

    async def postpone(self, lease_id: UUID, seconds: float, failure: Failure) -> GenerationRecord:
        return await self._file.write(
            lambda connection: _postpone(connection, lease_id, seconds, failure)
        )

    async def fail(self, lease_id: UUID, failure: Failure) -> None:
        await self._update_unfinished(
            _FINISH, "lease_id = :id", id=str(lease_id), **failure.model_dump()
        )

    async def cancel(
        self, generation_id: UUID, failure: Failure, user_id: UUID | None = None
    ) -> GenerationRecord:
        await self._update_unfinished(
            _FINISH,
            "generation_id = :id and (:user_id is null or user_id = :user_id)",
            id=str(generation_id),
            user_id=user_id and str(user_id),
            **failure.model_dump(),
        )
        return await self.get(generation_id, user_id)

    async def sweep(self, failure: Failure) -> SweepResult:
        abandoned = await self._update_unfinished(
            _FINISH,
            "lease_until < :now and resumptions >= :most_resumptions and resume_at is null",
            most_resumptions=MAX_RESUMPTIONS,
            **failure.model_dump(),
        )
        expired = await self._update_unfinished(
            _FINISH,
            "lease_until < :now and resume_at is not null and started_at < :earliest",
            earliest=now(-MAX_WAITING_SECONDS),
            **Failure(problem=ModelUnavailableError.code).model_dump(),
        )
        await self._file.write(delete_expired)
        # Dead processes leave no roadmaps here: their transactions were rolled back.
        return SweepResult(roadmaps=0, generations=abandoned + expired)

    async def _update_unfinished(self, values: str, where: str, **parameters: object) -> int:
        """Update unfinished generations, and return how many."""

        def update(connection: sqlite3.Connection) -> int:
            return connection.execute(
                f"update generations set {values} where finished_at is null and {where}",  # noqa: S608  ours
                parameters | {"now": now()},
            ).rowcount

        return await self._file.write(update)


def finish_generation(
    connection: sqlite3.Connection,
    lease_id: UUID,
    roadmap: Roadmap,
    cost_known: bool,  # noqa: FBT001  named as in the record
) -> GenerationRecord:
    """Finish the generation of a lease with its roadmap.

    Raises:
        LeaseLostError: the lease is no longer valid.
    """
    row = connection.execute(
        "update generations set finished_at = ?, roadmap_id = ?, roadmap = ?, cost_known = ?,"  # noqa: S608  ours
        f" {NUMBER_END} where lease_id = ? and finished_at is null returning *",
        (now(), roadmap.roadmap_id, roadmap.model_dump_json(), cost_known, str(lease_id)),
    ).fetchone()
    if row is None:
        raise LeaseLostError
    return _parse_record(row)


def _begin(
    connection: sqlite3.Connection, generation: NewGeneration, lease: Lease, quotas: QuotaPolicies
) -> GenerationRecord:
    values: Mapping[str, object] = _lease_values(lease) | {
        "generation_id": str(generation.generation_id),
        "user_id": str(generation.requester.user_id),
        "client": generation.requester.client_key,
        "reserved_dollars": generation.reserved_dollars,
        "fingerprint": generation.fingerprint,
        "key": generation.idempotency_key,
        "request": generation.request.model_dump_json(),
        "weeks_total": generation.request.duration_weeks,
        "a_day_ago": now(-DAY_SECONDS),
    }
    row = connection.execute(_FIND_REPEATED, values).fetchone()
    if row is None:
        refuse_over_limits(
            connection, "generation", generation.requester, generation.reserved_dollars, quotas
        )
        row = connection.execute(_INSERT, values).fetchone()
    elif row["finished_at"] is None and row["fingerprint"] == generation.fingerprint:
        row = _claim(connection, {**values, "generation_id": row["generation_id"]}) or row
    return _parse_record(row)


def _claim(connection: sqlite3.Connection, values: Mapping[str, object]) -> sqlite3.Row | None:
    connection.execute(_CAP_LEASES, values)
    row: sqlite3.Row | None = connection.execute(_CLAIM, values).fetchone()
    return row


def _postpone(
    connection: sqlite3.Connection, lease_id: UUID, seconds: float, failure: Failure
) -> GenerationRecord:
    values = {"id": str(lease_id), "now": now(), "due": now(seconds), "new_id": str(uuid4())}
    row = connection.execute("select * from generations where lease_id = :id", values).fetchone()
    if row is None:
        raise LeaseLostError
    if row["finished_at"] is not None:
        return _parse_record(row)
    if row["started_at"] < now(seconds - MAX_WAITING_SECONDS):
        changes = _FINISH
    else:
        # The new id invalidates the lease, so that a late report cannot renew it.
        changes = "lease_id = :new_id, lease_until = :due, resume_at = :due"
    row = connection.execute(
        f"update generations set {changes} where lease_id = :id returning *",  # noqa: S608  ours
        values | failure.model_dump(),
    ).fetchone()
    return _parse_record(row)


def _select_record(
    connection: sqlite3.Connection, generation_id: UUID, user_id: UUID | None
) -> GenerationRecord:
    row = connection.execute(
        "select * from generations where generation_id = :id"
        " and (:user_id is null or user_id = :user_id)",
        {"id": str(generation_id), "user_id": user_id and str(user_id)},
    ).fetchone()
    if row is None:
        raise GenerationNotFoundError
    return _parse_record(row)


def _record_progress(connection: sqlite3.Connection, lease: Lease, progress: ProgressReport) -> int:
    row = connection.execute(
        "update generations set lease_until = :lease_until,"  # noqa: S608  ours
        " resumptions = case when :parts > 0 then 0 else resumptions end,"
        " first_day_seconds = coalesce(first_day_seconds, :first_day_seconds),"
        " model = case when :calls < calls then model else :model end,"
        f" {_MONOTONIC_COUNTS},"
        " cost_dollars = coalesce(max(cost_dollars, :cost_dollars), cost_dollars, :cost_dollars)"
        " where lease_id = :lease_id and finished_at is null returning generation_id",
        {
            **_lease_values(lease),
            **progress.usage.model_dump(),
            "parts": len(progress.parts),
            "weeks_done": progress.weeks_done,
            "first_day_seconds": progress.first_day_seconds,
        },
    ).fetchone()
    if row is None:
        raise LeaseLostError
    generation_id = UUID(row["generation_id"])
    insert_parts(connection, generation_id, progress.parts, progress.first_number)
    return select_last_number(connection, generation_id)


def _lease_values(lease: Lease) -> dict[str, object]:
    return {
        "lease_id": str(lease.lease_id),
        "lease_until": now(lease.seconds),
        "now": now(),
        "most_resumptions": MAX_RESUMPTIONS,
        "generation_id": None,
    }


def _parse_record(row: sqlite3.Row) -> GenerationRecord:
    values = dict(row)
    for column in ("request", "roadmap"):
        values[column] = values[column] and json.loads(values[column])
    return GenerationRecord.model_validate(values)
