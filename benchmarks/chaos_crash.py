"""Kills and stops processes under load: no roadmap is half-written, no call is paid for twice.

Whoever follows a generation sees the same events, from 1 to its end.

`make chaos-crash` runs it, over Supabase and then on an SQLite file.
"""

import asyncio
import tempfile
from pathlib import Path

from tests.support.crash import crash
from tests.support.crash_report import CrashPlan
from tests.support.sqlite_crash import crash_on_sqlite
from tests.support.verdict import conclude

PLAN = CrashPlan(
    random_kills=300,
    chosen_kills=100,
    worker_stops=20,
    postgres_stops=20,
    postgrest_kills=20,
    patience=1_200,
)
SQLITE_KILLS = 100
LOG = Path(tempfile.gettempdir()) / "chaos-crash.log"


async def main() -> int:
    """Print the report, then the verdict, which is also the exit status."""
    report = await crash(PLAN, lambda news: print(news, flush=True))
    print(*report.lines(), sep="\n")
    with tempfile.TemporaryDirectory() as directory:
        outcome = await crash_on_sqlite(Path(directory), SQLITE_KILLS)
        faults = [*report.faults(), *(f"on SQLite: {fault}" for fault in outcome.faults())]
    print(f"{'workers killed on one SQLite file':<46}{SQLITE_KILLS}")
    print(f"{'  keyed requests resolved':<46}{outcome.load.resolved}")
    print(f"{'  followers who saw all events':<46}{outcome.followers.complete}")
    print(f"{'  roadmaps deleted at once':<46}{outcome.deletions.done}")
    if faults:
        LOG.write_text(report.log + outcome.log)
        print(f"the service's logs are in {LOG}")
    return conclude(faults)


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
