"""The Supabase client: each of its errors becomes one of ours."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import postgrest
import pytest
from postgrest import APIError

from src.dao.supabase.client import PostgrestClient
from src.domain.errors import (
    LimitReachedError,
    StoreConflictError,
    StoreError,
    StoreMisconfiguredError,
    StoreOutdatedError,
    StoreOverloadedError,
    StoreTooSlowError,
    StoreUnavailableError,
)
from tests.support.vendor_errors import build_errors, error_classes

REQUEST = httpx.Request("GET", "http://project.test/rest/v1/roadmaps")
SECRET = "what a learner wrote"  # noqa: S105  no password
VALUES = {
    "message": SECRET,
    "request": REQUEST,
    "response": httpx.Response(500, request=REQUEST, text=SECRET),
}
POSTGREST_ERRORS = {"APIError": lambda: APIError({"code": "XX000", "message": SECRET})}
ERRORS = [*build_errors(postgrest, {}, POSTGREST_ERRORS), *build_errors(httpx, VALUES, {})]

CODES: dict[str | None, type[StoreError]] = {
    "57014": StoreTooSlowError,  # the statement's time was up
    "PGRST003": StoreTooSlowError,  # the time to wait for a connection was up
    "504": StoreTooSlowError,
    "PT423": StoreOverloadedError,  # the ledger's lock was held for too long
    "55P03": StoreUnavailableError,  # another lock was
    "23505": StoreConflictError,
    "23503": StoreConflictError,
    "PGRST202": StoreOutdatedError,  # no such function
    "42501": StoreMisconfiguredError,  # a grant is missing
    "42P01": StoreMisconfiguredError,
    "42703": StoreMisconfiguredError,
    "22023": StoreMisconfiguredError,  # no such role
    "PGRST204": StoreMisconfiguredError,
    "PGRST205": StoreMisconfiguredError,
    "PGRST301": StoreMisconfiguredError,  # the key is not accepted
    "401": StoreMisconfiguredError,
    "402": StoreMisconfiguredError,
    "403": StoreMisconfiguredError,
    "404": StoreMisconfiguredError,
    "PGRST000": StoreUnavailableError,  # no connection to the database
    "PGRST001": StoreUnavailableError,
    "PGRST002": StoreUnavailableError,
    "53300": StoreUnavailableError,  # too many connections
    "57P01": StoreUnavailableError,  # the database is shutting down
    "40001": StoreUnavailableError,
    "429": StoreUnavailableError,
    "500": StoreUnavailableError,
    "544": StoreUnavailableError,
    "502": StoreUnavailableError,
    "a code of the future": StoreUnavailableError,
    None: StoreUnavailableError,
}


class FailingQuery:
    """A query whose execution raises."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def execute(self) -> Any:  # noqa: ANN401  as the client's
        raise self._error


@pytest.fixture
async def client() -> AsyncIterator[PostgrestClient]:
    client = await PostgrestClient.open("http://127.0.0.1:9", "a.b.c", timeout=1, queue_size=1)
    yield client
    await client.close()


def test_walk_finds_the_errors_of_both_libraries() -> None:
    """A walk that finds nothing would prove nothing."""
    assert error_classes(postgrest) == {APIError}
    assert error_classes(httpx) >= {httpx.ReadTimeout, httpx.InvalidURL, httpx.StreamClosed}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_every_error_becomes_a_store_error(client: PostgrestClient, error: Exception) -> None:
    """Timeouts say so. No message quotes the database's, which may quote rows."""
    with pytest.raises(StoreError) as raised:
        await client.execute(FailingQuery(error))
    is_timeout = isinstance(error, httpx.TimeoutException)
    assert type(raised.value) is (StoreTooSlowError if is_timeout else StoreUnavailableError)
    assert raised.value.__cause__ is error
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(("code", "cls"), CODES.items())
async def test_codes_of_postgrest(
    client: PostgrestClient, code: str | None, cls: type[StoreError]
) -> None:
    with pytest.raises(StoreError) as raised:
        await client.execute(FailingQuery(APIError({"code": code, "message": SECRET})))
    assert type(raised.value) is cls
    assert SECRET not in str(raised.value)


async def test_empty_error_means_a_wrong_schema(client: PostgrestClient) -> None:
    """PostgREST answers `{}` to a write to a table that it does not know."""
    with pytest.raises(StoreMisconfiguredError):
        await client.execute(FailingQuery(APIError({})))


async def test_refusal_of_the_ledger_keeps_its_facts(client: PostgrestClient) -> None:
    details = '{"policy": "budget-per-day", "window_seconds": 86400, "retry_after": 60.5}'
    error = APIError({"code": "PT429", "message": "over the budget", "details": details})
    with pytest.raises(LimitReachedError) as raised:
        await client.execute(FailingQuery(error))
    limit = raised.value
    facts = (limit.policy, limit.most, limit.window_seconds, limit.retry_after)
    assert facts == ("budget-per-day", None, 86_400, 60.5)


@pytest.mark.parametrize(
    "details", [None, "", "text", "[]", "7", '{"most": 1}', '{"policy": "a", "b": 1}']
)
async def test_limit_without_its_facts_is_none(
    client: PostgrestClient, details: str | None
) -> None:
    error = APIError({"code": "PT429", "message": SECRET, "details": details})
    with pytest.raises(StoreUnavailableError):
        await client.execute(FailingQuery(error))
