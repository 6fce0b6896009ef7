"""PostgREST through the Supabase client, with bounded waits, retries and translated errors."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, Self, TypeAlias, TypeVar

import httpx
import stamina
from pydantic import TypeAdapter, ValidationError
from supabase import AsyncClient, AsyncClientOptions, acreate_client

from src.dao.bounded_queue import BoundedQueue, Bulkhead
from src.dao.supabase.batches import FunctionBatches
from src.dao.supabase.client_errors import translate_errors
from src.dao.supabase.connections import open_connections
from src.dao.supabase.functions import SqlFunctions
from src.domain import errors
from src.telemetry import spend

POOL_SIZE = 20
"""Connections per process; PostgREST's own pool on a small project is about as large."""

LEDGER_CONNECTIONS = 3
"""How many of them may wait for the ledger's lock at once. Two processes, which is the default,
leave the others 4 of the 10 connections that PostgREST has to the database by default."""

ATTEMPTS = 3
"""How many times a repeatable request is sent at most."""

TRANSIENT_ERRORS = (errors.StoreUnavailableError, errors.StoreTooSlowError)
"""Errors after which an idempotent write is retried, since its answer may have been lost."""

_ErrorClasses: TypeAlias = tuple[type[errors.StoreError], ...]

T = TypeVar("T")


class _Query(Protocol):
    async def execute(self) -> Any: ...  # noqa: ANN401  the client's builders share no base


class PostgrestClient:
    """Sends this process's requests to its Supabase project."""

    def __init__(
        self,
        client: AsyncClient,
        http: httpx.AsyncClient,
        functions: SqlFunctions,
        timeout: float,
        queue_size: int,
    ) -> None:
        self.table = client.table
        self.rpc = client.rpc
        self._http = http
        self._functions = functions
        self._timeout = timeout
        self._queue = BoundedQueue(POOL_SIZE + queue_size)
        self._ledger = Bulkhead(LEDGER_CONNECTIONS, self._queue.half(), timeout / 2)

    @classmethod
    async def open(
        cls,
        url: str,
        service_key: str,
        timeout: float,  # noqa: ASYNC109  bounds later requests, not this call
        queue_size: int,
    ) -> Self:
        """Build the client without sending anything.

        `timeout` is in seconds per request. At most `queue_size` of the requests that clients wait
        for may wait for a connection.
        """
        http, sender = open_connections(url, POOL_SIZE, timeout)
        options = AsyncClientOptions(
            httpx_client=http,
            auto_refresh_token=False,
            persist_session=False,
            postgrest_client_retry=False,  # ours is bounded in time and has jitter
        )
        client = await acreate_client(url, service_key, options)
        return cls(client, http, SqlFunctions(client, sender), timeout, queue_size)

    async def read(self, query: _Query) -> Any:  # noqa: ANN401  the client's answer is untyped
        """Execute a read for a client that waits; retry it if the database is unavailable."""
        return await self.execute_for_client(query, retry_on=(errors.StoreUnavailableError,))

    def batches(self, function: str) -> FunctionBatches:
        """Return the calls that an SQL function can make together; give it to `call`."""
        return FunctionBatches(self._functions, function, self._timeout)

    async def read_document(
        self,
        function: str,
        parameters: Mapping[str, object],
        form: re.Pattern[bytes],
        batches: FunctionBatches | None = None,
    ) -> bytes | None:
        """Call a function that changes nothing; see `call`."""
        retry_on = (errors.StoreUnavailableError,)
        return await self.call(function, parameters, form, retry_on=retry_on, batches=batches)

    async def call(
        self,
        function: str,
        parameters: Mapping[str, object],
        form: re.Pattern[bytes],
        *,
        retry_on: _ErrorClasses,
        batches: FunctionBatches | None = None,
    ) -> bytes | None:
        """Call a function that may be repeated, for a client that waits.

        Return what the first group of `form` matches in the answer, unparsed; None if it matches
        nothing there. With `batches`, the call may travel with others.

        Raises:
            StoreError: the call failed, or the whole answer has another form.
        """
        functions = batches or self._functions

        async def send() -> bytes | None:
            async with asyncio.timeout(self._timeout):
                answer = form.fullmatch(await functions.call(function, parameters))
            if answer is None:
                raise errors.StoreUnavailableError("the answer did not come from PostgREST")
            return answer[1]

        with self._queue.slot():
            return await self._send_repeatedly(send, retry_on)

    async def execute_for_client(
        self, query: _Query, *, retry_on: _ErrorClasses = (), expected: type = list
    ) -> Any:  # noqa: ANN401  the client's answer is untyped
        """Execute for a client that waits, unless too many wait already (StoreOverloadedError)."""
        with self._queue.slot():
            return await self.execute(query, retry_on=retry_on, expected=expected)

    async def enter_ledger(self, query: _Query, *, expected: type = list) -> Any:  # noqa: ANN401  the client's answer is untyped
        """Execute an idempotent write that takes the ledger's lock, for a client that waits.

        While something holds the lock, these writes leave reads most connections and half of the
        queue.

        Raises:
            StoreOverloadedError: too many wait already, or the lock was held for too long.
        """
        async with self._ledger.place():
            return await self.execute(query, retry_on=TRANSIENT_ERRORS, expected=expected)

    async def execute(
        self, query: _Query, *, retry_on: _ErrorClasses = (), expected: type = list
    ) -> Any:  # noqa: ANN401  the client's answer is untyped
        """Send a query and return its answer, whose `data` has the expected type.

        Set `retry_on` only for queries that may be repeated.

        Raises:
            StoreError: the query failed; which subclass says why.
            LimitReachedError: an SQL function refused the query.
        """

        async def send() -> Any:  # noqa: ANN401  the client's answer is untyped
            # httpx bounds each read; this bounds the whole request.
            async with asyncio.timeout(self._timeout):
                answer = await query.execute()
            rows = answer.data if isinstance(answer.data, list) else []
            if not isinstance(answer.data, expected) or any(
                not isinstance(row, dict | list | None) for row in rows
            ):
                raise errors.StoreUnavailableError("the answer did not come from PostgREST")
            return answer

        return await self._send_repeatedly(send, retry_on)

    async def _send_repeatedly(
        self, send: Callable[[], Awaitable[T]], retry_on: _ErrorClasses
    ) -> T:
        try:
            return await _send_once(send)
        except retry_on as error:
            first_error = error
        # Only now, since a context for retries takes a good part of a read's time.
        retries = stamina.retry_context(
            on=retry_on,
            attempts=ATTEMPTS,
            timeout=(ATTEMPTS - 1) * self._timeout,
            wait_initial=0.1,
            wait_max=2.0,
            wait_jitter=0.2,
        )
        async for attempt in retries:
            with attempt:
                if attempt.num == 1:
                    raise first_error
                answer = await _send_once(send)
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


async def _send_once(send: Callable[[], Awaitable[T]]) -> T:
    with spend("database"), translate_errors():
        return await send()


def parse_document(adapter: TypeAdapter[T], document: bytes) -> T:
    """Return a document of JSON as a value; see `parse_rows`."""
    return _parse(adapter.validate_json, document)


def parse_rows(adapter: TypeAdapter[T], rows: object) -> T:
    """Return rows as values.

    Raises:
        StoreMisconfiguredError: the rows have another shape.
    """
    return _parse(adapter.validate_python, rows)


def _parse(validate: Callable[[Any], T], answer: object) -> T:
    try:
        return validate(answer)
    except ValidationError as error:
        # Without the error's text, which quotes what learners wrote.
        raise errors.StoreMisconfiguredError(f"{error.error_count()} values are invalid") from None
