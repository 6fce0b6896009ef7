"""How long servers ask to wait, in all the ways in which they say it."""

import asyncio
from typing import Any

import pytest

from src.domain.errors import ModelUnavailableError
from src.llm.openrouter.server_errors import read_error
from src.llm.openrouter.waits import requested_wait
from tests.support.scripted_server import Answer, error, text_answer
from tests.unit.llm.openrouter.conftest import Serve

NOW = 1_800_000_000.0
"""A time in 2027, in seconds since 1970: Fri, 15 Jan 2027 08:00:00 GMT."""

WAITS: list[tuple[dict[str, str], object, float | None]] = [
    ({"Retry-After": "7"}, {}, 7),
    ({"Retry-After": "1.5"}, {}, 1.5),
    ({"Retry-After": "0"}, {}, 0),
    ({"Retry-After": "-3"}, {}, 0),
    ({"Retry-After": "1e30"}, {}, 3_600),
    ({"Retry-After": "86400"}, {}, 3_600),
    ({"X-RateLimit-Reset": "1800080000000"}, {}, 3_600),
    ({"Retry-After": "inf"}, {}, None),
    ({"Retry-After": "nan"}, {}, None),
    ({"Retry-After": "soon"}, {}, None),
    ({"Retry-After": "Fri, 15 Jan 2027 08:01:30 GMT"}, {}, 90),
    ({"Retry-After": "Fri, 15 Jan 2027 07:00:00 GMT"}, {}, 0),
    ({"retry-after-ms": "2500", "retry-after": "9"}, {}, 2.5),
    ({"X-RateLimit-Reset": "1800000012500"}, {}, 12.5),
    ({"X-RateLimit-Reset": "1800000060"}, {}, 60),
    ({"X-RateLimit-Reset": "30"}, {}, 30),
    ({"X-RateLimit-Reset": "1m30s"}, {}, 90),
    ({"X-RateLimit-Reset": "1700000000000"}, {}, 0),
    # https://github.com/Gitlawb/openclaude/issues/936
    (
        {},
        {
            "message": "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000",
            "code": 429,
            "metadata": {
                "headers": {
                    "X-RateLimit-Limit": "50",
                    "X-RateLimit-Remaining": "0",
                    "X-RateLimit-Reset": "1800003600000",
                }
            },
        },
        3600,
    ),
    ({}, {"message": "Rate limit reached for m. Please try again in 1.5s. Visit"}, 1.5),
    ({}, {"message": "Please try again in 20ms."}, 0.02),
    ({}, {"message": "Please try again in 6m0s."}, 360),
    ({}, {"message": "Please try again in 0h52m3.5s."}, 3123.5),
    ({}, {"message": "Please try again in 1h2m3.5s."}, 3_600),
    ({}, {"message": "Please retry after 26 seconds."}, 26),
    ({}, {"message": "Please retry in 2 minutes."}, 120),
    (
        {},
        [{"error": {"details": [{"@type": "RetryInfo", "retryDelay": "12s"}]}}],
        12,
    ),
    ({}, {"message": "Too many requests"}, None),
    ({}, None, None),
]


@pytest.mark.parametrize(("headers", "body", "seconds"), WAITS)
def test_wait_is_read(headers: dict[str, str], body: object, seconds: float | None) -> None:
    """At most an hour, never negative, and nothing of what is no time."""
    wait = requested_wait(read_error(body, 429, headers), NOW)
    assert wait == (None if seconds is None else pytest.approx(seconds))


def limited(times: int, **headers: str) -> Any:  # noqa: ANN401  a script
    left = [times]

    def script(_: object) -> Answer:
        left[0] -= 1
        body = {"error": {"message": "Slow down", "code": 429}}
        return error(429, body, **headers) if left[0] >= 0 else text_answer("{}")

    return script


async def test_wait_is_kept(serve: Serve) -> None:
    """Not less than the server asked for."""
    async with serve(limited(1, retry_after_ms="300")) as scripted:
        await scripted.ask()
        first, second = scripted.server.requests
        assert second.at - first.at >= 0.3


async def test_wait_beyond_the_deadline_is_passed_on(serve: Serve) -> None:
    """After a few tries, since the next provider may be free; then the server has its peace."""
    async with serve(limited(100, retry_after="3600")) as scripted:
        for _ in range(3):
            with pytest.raises(ModelUnavailableError) as raised:
                await scripted.ask(timeout=100)
            assert raised.value.retry_after == pytest.approx(3600, abs=10)
        assert len(scripted.bodies) == 3


async def test_one_answer_pauses_others_for_an_hour_at_most(serve: Serve) -> None:
    """A server that asks for a day may be mistaken, and everybody else would wait for it."""
    async with serve(limited(100, retry_after="86400")) as scripted:
        for _ in range(4):
            with pytest.raises(ModelUnavailableError) as raised:
                await scripted.ask(timeout=100)
            assert 3_000 < (raised.value.retry_after or 0) <= 3_600


async def test_others_pause_as_well(serve: Serve) -> None:
    """Nobody hammers a server that has asked one call to wait."""
    async with serve(limited(1, retry_after_ms="400")) as scripted:
        first = asyncio.create_task(scripted.ask(shape=None))
        await asyncio.sleep(0.15)
        await asyncio.gather(first, *(scripted.ask() for _ in range(4)))
        refused, *others = (request.at for request in scripted.server.requests)
        assert min(others) - refused >= 0.4
