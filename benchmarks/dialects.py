"""Tries the service on every dialect that the stand-in speaks, and counts the calls.

`make bench-dialects` runs it. For each dialect a service that has not met the server plans a
roadmap of two weeks and answers a question, twice. The calls stand beside those of a client that
was configured by hand: as many as on an obedient server, and one more for each error that passes
by itself. A dialect under which nothing can work has to end in the right problem, soon.
"""

import asyncio
import logging
import tempfile
import time
from pathlib import Path

from tests.support.dialect_trial import Trial, seed_database, try_dialect
from tests.support.standin.dialects import DIALECTS, PLAIN, Dialect
from tests.support.verdict import conclude

WEEKS = 2
AT_ONCE = 3
"""Most trials wait for something half of the time."""


async def try_all(directory: Path) -> tuple[int, list[Trial]]:
    """Return the calls of a contact with an obedient server, and a trial of every dialect."""
    seed = await seed_database(directory)
    plain = await try_dialect(PLAIN, seed, directory, WEEKS)
    slots = asyncio.Semaphore(AT_ONCE)

    async def try_next(dialect: Dialect) -> Trial:
        async with slots:
            return await try_dialect(dialect, seed, directory, WEEKS)

    trials = await asyncio.gather(*map(try_next, DIALECTS.values()))
    return plain.first.calls, trials


def show(trial: Trial, plain_calls: int, faults: list[str]) -> None:
    """Print a dialect's line, and what is wrong with it."""
    dialect = trial.dialect
    by_hand = trial.calls_by_hand(plain_calls)
    further = "" if dialect.problem else f"{trial.further_calls(plain_calls):+d}"
    expected, _ = dialect.expected
    print(
        f"{dialect.name:<30}{expected:<21}{trial.first.calls:>6}{trial.last.calls:>7}"
        f"{'' if dialect.problem else by_hand:>8}{further:>5}  {dialect.by_hand:<50}"
        f"{'replayed' if dialect.quoted else 'described':<11}{dialect.source}"
    )
    for fault in faults:
        print(f"    FAULT: {fault}")


def main() -> int:
    """Print the table, then the verdict, which is also the exit status."""
    logging.disable(logging.CRITICAL)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        plain_calls, trials = asyncio.run(try_all(Path(directory)))
    print(
        f"{'dialect':<30}{'expected':<21}{'first':>6}{'later':>7}{'by hand':>8}{'':>5}"
        f"  {'what is configured by hand':<50}{'source':<11}"
    )
    failed = []
    for trial in trials:
        faults = trial.faults(plain_calls)
        show(trial, plain_calls, faults)
        failed += [trial.dialect.name] if faults else []
    working = [trial for trial in trials if trial.dialect.problem is None]
    replayed = sum(trial.dialect.quoted for trial in trials)
    print(
        f"{len(trials)} dialects in {time.monotonic() - started:.0f} s, {len(working)} of which can"
        f" work; {replayed} replay traffic that their source quotes"
    )
    shortfalls = [f"{len(failed)} of {len(trials)}: {', '.join(failed)}"] if failed else []
    if len(trials) < 40 or 2 * replayed < len(trials):
        shortfalls.append(f"{len(trials)} dialects, {replayed} of them replayed")
    return conclude(shortfalls)


if __name__ == "__main__":
    raise SystemExit(main())
