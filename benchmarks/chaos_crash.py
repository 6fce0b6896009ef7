"""Kills processes under load: no roadmap is seen half-written, and no call is paid for twice.

`make chaos-crash` runs it.
"""

import asyncio
import tempfile
from pathlib import Path

from tests.support.crash import crash
from tests.support.crash_report import CrashPlan
from tests.support.verdict import conclude

PLAN = CrashPlan(
    random_kills=300, chosen_kills=100, postgres_stops=20, postgrest_kills=20, patience=1_200
)
LOG = Path(tempfile.gettempdir()) / "chaos-crash.log"


async def main() -> int:
    """Print the report, then the verdict, which is also the exit status."""
    report = await crash(PLAN, lambda news: print(news, flush=True))
    print(*report.lines(), sep="\n")
    faults = list(report.faults())
    if faults:
        LOG.write_text(report.log)
        print(f"the service's log is in {LOG}")
    return conclude(faults)


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
