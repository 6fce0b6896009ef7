"""The ledger in the embedded file: checks quotas and budgets, and records questions."""

import sqlite3
from datetime import UTC, datetime
from uuid import UUID

from src.dao.sqlite.file import SqliteFile, now
from src.domain.errors import LimitReachedError
from src.domain.plan import ModelUsage
from src.domain.quotas import (
    ADDRESS_BUDGET_POLICY,
    BUDGET_POLICY,
    DAY_SECONDS,
    EntryKind,
    NewQuestion,
    QuotaPolicies,
    QuotaPolicy,
    Requester,
)


class SqliteQuestions:
    """Implements `src.dao.Questions` with transactions."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def begin(self, question: NewQuestion, quotas: QuotaPolicies) -> None:
        def insert(connection: sqlite3.Connection) -> None:
            refuse_over_limits(
                connection, "question", question.requester, question.reserved_dollars, quotas
            )
            connection.execute(
                "insert into questions (question_id, user_id, client, reserved_dollars, started_at)"
                " values (?, ?, ?, ?, ?)",
                (
                    str(question.question_id),
                    str(question.requester.user_id),
                    question.requester.client_key,
                    question.reserved_dollars,
                    now(),
                ),
            )

        await self._file.write_for_client(insert)

    async def finish(self, question_id: UUID, usage: ModelUsage, *, cost_known: bool) -> None:
        await self._file.write(
            lambda connection: connection.execute(
                "update questions set finished_at = :now, model = :model, calls = :calls,"
                " priced_calls = :priced_calls, retries = :retries, prompt_tokens = :prompt_tokens,"
                " completion_tokens = :completion_tokens, cost_dollars = :cost_dollars,"
                " cost_known = :cost_known where question_id = :id",
                {
                    "now": now(),
                    "id": str(question_id),
                    "cost_known": cost_known,
                    **usage.model_dump(),
                },
            )
        )


def refuse_over_limits(
    connection: sqlite3.Connection,
    entry: EntryKind,
    requester: Requester,
    reserved_dollars: float,
    quotas: QuotaPolicies,
) -> None:
    """Check that one more entry fits, in the transaction that writes it.

    Raises:
        LimitReachedError: it would exceed a quota or a budget.
    """
    for quota in quotas.limits:
        _refuse_over_quota(connection, entry, requester, quota)
    if reserved_dollars > 0:
        for policy, most, client in (
            (BUDGET_POLICY, quotas.budget_dollars, None),
            (ADDRESS_BUDGET_POLICY, quotas.address_budget_dollars, requester.client_key),
        ):
            spent, first = connection.execute(
                "select total(dollars), min(started_at) filter (where dollars > 0) from ledger"
                " where started_at > ? and client = coalesce(?, client)",
                (now(-DAY_SECONDS), client),
            ).fetchone()
            if spent + reserved_dollars > most:
                raise LimitReachedError(
                    policy,
                    window_seconds=DAY_SECONDS,
                    retry_after=DAY_SECONDS - (_seconds_since(first) if first else 0),
                )


def _refuse_over_quota(
    connection: sqlite3.Connection, entry: EntryKind, requester: Requester, quota: QuotaPolicy
) -> None:
    window = quota.window_seconds
    who = "user_id" if quota.scope == "user" else "client"
    counted = "finished_at is null" if window is None else "started_at > :earliest"
    # Looks for the entry that fills the quota.
    row = connection.execute(
        f"select started_at from ledger where {who} = :who and {counted}"  # noqa: S608  ours
        " and entry = :entry order by started_at desc limit 1 offset :most - 1",
        {
            "entry": entry,
            "who": str(requester.user_id) if quota.scope == "user" else requester.client_key,
            "earliest": now(-(window or 0)),
            "most": quota.most,
        },
    ).fetchone()
    if row is not None:
        raise LimitReachedError(
            quota.policy,
            most=quota.most,
            window_seconds=window,
            retry_after=window and window - _seconds_since(row["started_at"]),
        )


def _seconds_since(time: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()
