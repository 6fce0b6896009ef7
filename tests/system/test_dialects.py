"""The service on servers that speak dialects of OpenAI's protocol."""

import asyncio
from pathlib import Path

import pytest

from tests.support.dialect_trial import seed_database, try_dialect
from tests.support.standin.dialects import DIALECTS, PLAIN, Dialect

PLAIN_CALLS = 4
"""An outline, two halves of a week, and a question."""

REPLAYED = {name: dialect for name, dialect in DIALECTS.items() if dialect.quoted}
"""`make bench-dialects` tries the others, too, with clocks that need a quiet machine."""


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Offer a database with a roadmap to ask about; it is copied, never written."""
    return asyncio.run(seed_database(tmp_path_factory.mktemp("seed")))


async def test_calls_on_an_obedient_server(seed: Path, tmp_path: Path) -> None:
    """The control: nothing is asked for twice."""
    trial = await try_dialect(PLAIN, seed, tmp_path, weeks=1)
    assert (trial.first.calls, trial.second.calls) == (PLAIN_CALLS, PLAIN_CALLS)


@pytest.mark.parametrize("dialect", REPLAYED.values(), ids=REPLAYED.keys())
async def test_dialect_is_found_out_and_remembered(
    dialect: Dialect, seed: Path, tmp_path: Path
) -> None:
    """First contact costs few calls more than a client configured by hand, later ones none.

    Where nothing can work, the right problem says so soon.
    """
    trial = await try_dialect(dialect, seed, tmp_path, weeks=1)
    assert trial.faults(PLAIN_CALLS) == []


def test_most_dialects_replay_quoted_traffic() -> None:
    """They are what servers do, not what we imagine."""
    assert len(DIALECTS) >= 40
    assert len(REPLAYED) * 2 >= len(DIALECTS)
    assert all(dialect.source.startswith("https://") for dialect in DIALECTS.values())
