"""Whatever dies, nobody sees half a roadmap and nobody pays twice; `make chaos-crash` does more."""

from pathlib import Path

import pytest

from tests.support.crash import crash
from tests.support.crash_report import CrashPlan
from tests.support.sqlite_crash import crash_on_sqlite

PLAN = CrashPlan(
    random_kills=3,
    chosen_kills=8,
    worker_stops=1,
    postgres_stops=1,
    postgrest_kills=1,
    learners=4,
    pause=0.6,
    patience=240,
)
"""The chosen kills are one before and one after each of the four requests that store a roadmap."""

SQLITE_KILLS = 8


@pytest.mark.long(60)
@pytest.mark.timeout(900)
async def test_kills_and_stops_under_load() -> None:
    """Kills and stops of workers, PostgreSQL and PostgREST: one whole roadmap per key, bought once.

    Whoever follows a generation sees its events from 1 to the end, each once and the same.
    """
    report = await crash(PLAN, lambda _: None)
    assert not list(report.faults()), "\n".join((*report.lines(), report.troubles[-5_000:]))


@pytest.mark.long(30)
@pytest.mark.timeout(300)
async def test_four_writers_are_killed_on_one_file(tmp_path: Path) -> None:
    """The kills leave a sound file with one whole roadmap per key, and no client meets a lock."""
    outcome = await crash_on_sqlite(tmp_path, SQLITE_KILLS)
    assert not list(outcome.faults()), outcome.log[-5_000:]
