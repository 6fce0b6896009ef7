"""What the OpenRouter client makes of headers that no server should send."""

import httpx2
import pytest

from src.errors import ModelUnavailableError
from src.llm.openrouter import _retry_after, _status_error


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 0.0), ("-3", 0.0), ("1e30", 3600.0), ("inf", None), ("nan", None)],
)
def test_retry_after_is_taken_with_caution(header: str, seconds: float | None) -> None:
    """Nonsense is ignored and an age is cut to an hour: clients are told this number."""
    assert _retry_after(httpx2.Headers({"Retry-After": header})) == seconds


def test_date_as_retry_after_is_ignored() -> None:
    headers = httpx2.Headers({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})
    error = _status_error(503, headers)
    assert isinstance(error, ModelUnavailableError)
    assert error.retry_after is None
