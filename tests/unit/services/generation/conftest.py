"""A store for the tests of generations."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from src.dao.sqlite.store import SqliteStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(tmp_path / "momentum.db")
    yield store
    await store.close()
