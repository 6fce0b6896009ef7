"""PostgREST through the Supabase client, with bounded waits, retries and translated errors."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, Self, TypeAlias, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
import stamina
from httpx_aiohttp import AiohttpTransport
from postgrest import APIError
from pydantic import TypeAdapter, ValidationError
from supabase import AsyncClient, AsyncClientOptions, acreate_client

from src.dao.bounded_queue import BoundedQueue, Bulkhead
from src.dao.supabase.bounded_transport import BoundedConnector, BoundedTransport
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

_LIMIT_SQLSTATE = "PT429"
"""What our SQL functions raise over a limit; PostgREST answers it with status 429."""

_ERRORS_BY_CODE: dict[str, type[errors.StoreError]] = {
    "PT503": errors.StoreOverloadedError,  # our SQL functions: the ledger was locked for too long
    "PGRST202": errors.StoreOutdatedError,  # no function has this name and these parameters
    **dict.fromkeys(("57014", "PGRST003"), errors.StoreTooSlowError),
    "22023": errors.StoreMisconfiguredError,  # an unknown role
}
"""What SQLSTATEs and PostgREST's own codes mean."""

_ERRORS_BY_STATUS: dict[int, type[errors.StoreError]] = {
    504: errors.StoreTooSlowError,
    # The key, a restricted project (402) and a paused one (540): an operator must act.
    **dict.fromkeys((401, 402, 403, 404, 540), errors.StoreMisconfiguredError),
}
"""What the statuses of Supabase's gateway mean, which stands before PostgREST. All others pass,
such as 429 and 544. https://supabase.com/docs/guides/platform/http-status-codes"""

_ErrorClasses: TypeAlias = tuple[type[errors.StoreError], ...]

T = TypeVar("T")


class _Query(Protocol):
    async def execute(self) -> Any: ...  # noqa: ANN401  the client's builders share no base


class PostgrestClient:
    """Sends this process's requests to its Supabase project."""

    def __init__(
        self, client: AsyncClient, http: httpx.AsyncClient, timeout: float, queue_size: int
    ) -> None:
        self.table = client.table
        self.rpc = client.rpc
        self._http = http
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
        http = httpx.AsyncClient(
            timeout=timeout,
            transport=_open_transport(url),
            event_hooks={"response": [_raise_gateway_error]},
        )
        options = AsyncClientOptions(
            httpx_client=http,
            auto_refresh_token=False,
            persist_session=False,
            postgrest_client_retry=False,  # ours is bounded in time and has jitter
        )
        return cls(await acreate_client(url, service_key, options), http, timeout, queue_size)

    async def read(self, query: _Query) -> Any:  # noqa: ANN401  the client's answer is untyped
        """Execute a read for a client that waits; retry it if the database is unavailable."""
        return await self.execute_for_client(query, retry_on=(errors.StoreUnavailableError,))

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
        retries = stamina.retry_context(
            on=retry_on,
            attempts=ATTEMPTS,
            timeout=ATTEMPTS * self._timeout,
            wait_initial=0.1,
            wait_max=2.0,
            wait_jitter=0.2,
        )
        async for attempt in retries:
            with attempt, spend("database"), _translate_errors():
                # httpx bounds each read; this bounds the whole request.
                async with asyncio.timeout(self._timeout):
                    answer = await query.execute()
                rows = answer.data if isinstance(answer.data, list) else []
                if not isinstance(answer.data, expected) or any(
                    not isinstance(row, dict | list | None) for row in rows
                ):
                    raise errors.StoreUnavailableError("the answer did not come from PostgREST")
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def parse_rows(adapter: TypeAdapter[T], rows: object) -> T:
    """Return rows as values.

    Raises:
        StoreMisconfiguredError: the rows have another shape.
    """
    try:
        return adapter.validate_python(rows)
    except ValidationError as error:
        # Without the error's text, which quotes what learners wrote.
        raise errors.StoreMisconfiguredError(f"{error.error_count()} values are invalid") from None


def _open_transport(url: str) -> httpx.AsyncBaseTransport:
    """Return a transport with a pool of connections, for which nothing is configured yet.

    httpx's own pool is scanned on every request: with 20 connections that takes several times as
    long as the request itself (httpx issue 3215).
    """
    proxy = _environment_proxy(url)
    if proxy and proxy.url.scheme in {"socks5", "socks5h"}:  # aiohttp knows no SOCKS
        limits = httpx.Limits(max_connections=POOL_SIZE, max_keepalive_connections=POOL_SIZE)
        return BoundedTransport(httpx.AsyncHTTPTransport(proxy=proxy, limits=limits))

    def open_session() -> aiohttp.ClientSession:
        connector = BoundedConnector(limit=POOL_SIZE, ssl=transport.ssl_context)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    transport = AiohttpTransport(proxy=proxy, client=open_session)
    return BoundedTransport(transport)


def _environment_proxy(url: str) -> httpx.Proxy | None:
    """Return the proxy that the environment names for a URL, as `HTTPS_PROXY` and the like."""
    target, proxies = urlsplit(url), getproxies()
    proxy = proxies.get(target.scheme) or proxies.get("all")
    return httpx.Proxy(proxy) if proxy and not proxy_bypass(target.netloc) else None


async def _raise_gateway_error(response: httpx.Response) -> None:
    """Raise what an answer means that did not come from PostgREST, whose errors have a code.

    The client's `APIError` has no status, and the gateway's errors have nothing else that counts.
    """
    if response.is_success:
        return
    await response.aread()
    if not _has_code(response):
        status = response.status_code
        raise _class_of_status(status)(f"the gateway answered {status}")


def _has_code(response: httpx.Response) -> bool:
    try:
        body = response.json()
    except ValueError:  # a page, or bytes in no encoding
        return False
    return isinstance(body, dict) and isinstance(body.get("code"), str)


def _class_of_status(status: int) -> type[errors.StoreError]:
    return _ERRORS_BY_STATUS.get(status, errors.StoreUnavailableError)


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Turn everything that the client raises into a `StoreError`."""
    try:
        yield
    except APIError as error:
        if error.code == _LIMIT_SQLSTATE:
            raise _limit_error(error) from None
        # Only the code, since messages and details quote rows.
        raise _error_class(error)(f"PostgREST answered {error.code}") from error
    except errors.MomentumError:
        raise
    except Exception as error:
        # Errors of the transport, and whatever the client raises on an answer it cannot parse.
        cls = errors.StoreTooSlowError if _is_timeout(error) else errors.StoreUnavailableError
        raise cls(type(error.__cause__ or error).__name__) from error


def _limit_error(error: APIError) -> errors.MomentumError:
    try:
        return errors.LimitReachedError(**json.loads(error.details or "{}"))
    except (TypeError, ValueError):
        return errors.StoreUnavailableError("a limit without its facts")


def _is_timeout(error: Exception) -> bool:
    # The transport reports refused and closed connections as timeouts, too; their cause tells.
    if isinstance(error.__cause__, aiohttp.ClientError):
        return isinstance(error.__cause__, TimeoutError)
    return isinstance(error, TimeoutError | httpx.TimeoutException)


def _error_class(error: APIError) -> type[errors.StoreError]:
    """Return what an error's code means: a SQLSTATE or a code of PostgREST."""
    code = error.code or ""
    if re.fullmatch(r"\d{3}", code):  # an HTTP status, which the client puts where a code lacks
        return _class_of_status(int(code))
    if error.code is None and error.message is None:  # `{}`: a write to an unknown table
        return errors.StoreMisconfiguredError
    if code in _ERRORS_BY_CODE:
        return _ERRORS_BY_CODE[code]
    if code.startswith("23"):  # integrity constraints
        return errors.StoreConflictError
    # Grants (42501), tables, columns; PostgREST's schema cache and tokens.
    if code.startswith(("42", "PGRST2", "PGRST3")):
        return errors.StoreMisconfiguredError
    return errors.StoreUnavailableError
