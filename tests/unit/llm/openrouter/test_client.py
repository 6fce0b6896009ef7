"""What the OpenRouter client makes of headers that no server should send, and what it counts."""

import httpx2
import pytest
from openai.types.chat import ChatCompletionChunk

from src.domain.errors import ModelUnavailableError
from src.domain.plan import ModelUsage
from src.llm.openrouter.errors import error_for_status, parse_retry_after
from src.llm.openrouter.usage import UsageMeter


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 0.0), ("-3", 0.0), ("1e30", 3600.0), ("inf", None), ("nan", None)],
)
def test_retry_after_is_taken_with_caution(header: str, seconds: float | None) -> None:
    """Nonsense is ignored and an age is cut to an hour: clients are told this number."""
    assert parse_retry_after(httpx2.Headers({"Retry-After": header})) == seconds


def test_date_as_retry_after_is_ignored() -> None:
    headers = httpx2.Headers({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})
    error = error_for_status(503, headers)
    assert isinstance(error, ModelUnavailableError)
    assert error.retry_after is None


def usage_chunk(**told: object) -> ChatCompletionChunk:
    """Return the chunk with which a call's stream tells what it took."""
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, **told}
    envelope = {
        "id": "one for all",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "m",
    }
    return ChatCompletionChunk.model_validate({**envelope, "choices": [], "usage": usage})


def test_calls_that_told_their_cost_are_counted() -> None:
    """Each once, by its last word; one that told no cost, or was cut off, is not."""
    meter = UsageMeter("m", retries_left=0, calls=5)
    for call, chunk in (
        (1, usage_chunk(cost=0.25)),
        (2, usage_chunk(cost=0)),
        (2, usage_chunk(cost=0.125)),
        (2, usage_chunk(cost=0.5)),
        (2, usage_chunk()),
        (3, usage_chunk()),
        (3, usage_chunk(cost=None)),
        (4, usage_chunk(cost=-1)),
    ):
        meter.record_chunk(call, chunk)
    usage = meter.usage()
    assert (usage.calls, usage.priced_calls, usage.cost_dollars) == (5, 2, 0.75)
    assert (usage.prompt_tokens, usage.completion_tokens) == (4 * 3, 4 * 4)
    both = usage.plus(ModelUsage(model="m", calls=3, priced_calls=1))
    assert (both.calls, both.priced_calls) == (8, 3)
