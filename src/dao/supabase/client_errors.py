"""What errors of the Supabase client, PostgREST and Supabase's gateway mean."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import httpx
from postgrest import APIError

from src.domain import errors

_LIMIT_SQLSTATE = "PT429"
"""What our SQL functions raise over a limit; PostgREST answers it with status 429."""

_ERRORS_BY_CODE: dict[str, type[errors.StoreError]] = {
    "PT423": errors.StoreOverloadedError,  # our SQL functions: the ledger was locked for too long
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


async def check_response(response: httpx.Response) -> None:
    """Raise the error of the gateway, if it answered one; for every response of the client."""
    if not response.is_success:
        raise_gateway_error(response.status_code, await response.aread())


def raise_gateway_error(status: int, body: bytes) -> None:
    """Raise what an error means unless it came from PostgREST, whose errors have a code.

    The client's `APIError` has no status, and the gateway's errors have nothing else that counts.
    """
    if not _has_code(body):
        raise _class_of_status(status)(f"the gateway answered {status}")


def _has_code(body: bytes) -> bool:
    try:
        error = json.loads(body)
    except ValueError:  # a page, or bytes in no encoding
        return False
    return isinstance(error, dict) and isinstance(error.get("code"), str)


def _class_of_status(status: int) -> type[errors.StoreError]:
    return _ERRORS_BY_STATUS.get(status, errors.StoreUnavailableError)


@contextmanager
def translate_errors() -> Iterator[None]:
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
