"""Whatever dies, nobody sees half a roadmap and nobody pays twice; `make chaos-crash` does more."""

import pytest

from tests.support.crash import crash
from tests.support.crash_report import CrashPlan


@pytest.mark.alone
@pytest.mark.timeout(240)
async def test_kills_and_stops_under_load() -> None:
    """Kills of workers, PostgreSQL and PostgREST leave one whole roadmap per key, bought once."""
    plan = CrashPlan(
        random_kills=12, chosen_kills=8, postgres_stops=2, postgrest_kills=2, patience=90
    )
    report = await crash(plan, lambda _: None)
    assert not list(report.faults()), "\n".join((*report.lines(), report.troubles[-5_000:]))
