"""A new generation does not read from the store what it already knows."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import httpx
import pytest

from src.dao import Generations, Store
from src.settings import Settings
from tests.api.replicas import replica
from tests.support.backends import Backend
from tests.support.learners import REQUEST
from tests.support.settings import isolated_settings

Calls = list[tuple[str, Any]]

BACKGROUND = {"sweep", "claim"}
"""The calls of every process at its start."""


class Recorded:
    """Passes every call on to a store or its records, and keeps its name and arguments."""

    def __init__(self, target: Store | Generations, calls: Calls) -> None:
        self._target = target
        self._calls = calls

    @property
    def generations(self) -> Generations:
        return cast("Generations", Recorded(cast("Store", self._target).generations, self._calls))

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method: Callable[..., Awaitable[Any]] = getattr(self._target, name)

        async def call(*arguments: object, **named: object) -> object:
            self._calls.append((name, arguments))
            return await method(*arguments, **named)

        return call


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Offer settings that keep sweeps and renewals of leases out of the calls."""
    return isolated_settings(
        monkeypatch, sweep_interval_seconds=86_400, generation_lease_seconds=600
    )


async def test_new_generation_makes_no_needless_call(settings: Settings, backend: Backend) -> None:
    """It reads no parts, and each of its reports brings some, the first one included."""
    calls: Calls = []
    store = Recorded(await backend.open(), calls)
    async with replica(settings, cast("Store", store)) as on:
        calls.clear()
        answer = await on.client.post("/generate_roadmap", json=REQUEST)
        assert answer.status_code == httpx.codes.OK
        names = [name for name, _ in calls if name not in BACKGROUND]
    reports = [arguments[1] for name, arguments in calls if name == "record_progress"]
    assert "list_parts" not in names
    assert names[:2] == ["begin", "record_progress"]
    assert names[-1] == "add_roadmap"
    assert reports[0].parts
    assert sum(len(report.parts) for report in reports) == 1 + REQUEST["duration_weeks"] * 8
