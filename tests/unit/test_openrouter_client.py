"""What the OpenRouter client makes of answers that no server should give."""

import asyncio
import time

import httpx2
import pytest

from src.errors import ModelUnavailableError
from src.llm.openrouter import _retry_after, _status_error
from src.llm.planner import _parse, _UnreadableError, _WeekAnswer


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


@pytest.mark.parametrize("text", ["[" * 5_000 + "]" * 5_000, "[" * 3_000, '{"a":' * 5_000])
async def test_deep_nesting_is_unreadable(text: str) -> None:
    """It is a bad answer to be asked for again, not an accident."""
    with pytest.raises(_UnreadableError):
        await _parse(text, _WeekAnswer)


async def test_repair_does_not_block_the_loop() -> None:
    """A text that takes long to repair is repaired beside the loop, which goes on turning."""
    text = '{"weeks":[{"week_number":1,"goal":"a\\"' * 500
    repair = asyncio.create_task(_parse(text, _WeekAnswer))
    longest = 0.0
    while not repair.done():
        began = time.monotonic()
        await asyncio.sleep(0.005)
        longest = max(longest, time.monotonic() - began)
    with pytest.raises(_UnreadableError):
        repair.result()
    assert longest < 0.5
