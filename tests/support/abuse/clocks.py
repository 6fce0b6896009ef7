"""Clocks that jump, on the embedded file: PostgreSQL's clock is the project's own."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from tests.support.abuse.acknowledged import Acknowledged
from tests.support.abuse.processes import Machine, running_machine
from tests.support.service import free_port

APPLICATION = "tests.support.abuse.clocked_app:app"
HOUR = 3_600
GENERATIONS = 2
SWING_SECONDS = 6.0

SetClock = Callable[[float], None]


async def _set_back_and_crash(machine: Machine, set_clock: SetClock) -> None:
    set_clock(-HOUR)
    for worker in machine.workers():
        os.kill(worker, signal.SIGKILL)


async def _set_ahead(_: Machine, set_clock: SetClock) -> None:
    set_clock(HOUR)


async def _swing(_: Machine, set_clock: SetClock) -> None:
    """Set the clock ahead and back several times a second."""
    latest = time.monotonic() + SWING_SECONDS
    while time.monotonic() < latest:
        for offset in (40, -40):
            set_clock(offset)
            await asyncio.sleep(0.1)


CLOCKS: dict[str, Callable[[Machine, SetClock], Coroutine[Any, Any, None]]] = {
    "a clock set ahead by an hour": _set_ahead,
    "a clock that swings": _swing,
    "a clock set back by an hour, then a crash": _set_back_and_crash,
}


async def survive_clocks(directory: Path, variables: Mapping[str, str]) -> dict[str, list[str]]:
    """Set the clock while roadmaps are generated, and return what is wrong, by the fault."""
    clock = directory / "clock"
    clock.write_text("0")
    wrong = {}
    variables = {"ABUSE_CLOCK": str(clock), **variables}
    with running_machine(directory, variables, free_port(), APPLICATION) as machine:
        for name, fault in CLOCKS.items():
            acknowledged = Acknowledged(machine.service.url)
            await acknowledged.begin(GENERATIONS)
            began = time.monotonic()
            await fault(machine, lambda seconds: _replace(clock, seconds))
            wrong[name] = await acknowledged.until_answered(began) + await acknowledged.lost(began)
    return wrong


def _replace(clock: Path, seconds: float) -> None:
    """Write the file in one step: a worker may read it at any time."""
    new = clock.with_suffix(".new")
    new.write_text(str(seconds))
    new.replace(clock)
