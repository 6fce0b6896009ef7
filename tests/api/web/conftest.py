"""What HTTP alone decides, so that one store is enough."""

from pathlib import Path

import pytest

from tests.support.backends import SqliteBackend


@pytest.fixture
def backend(tmp_path: Path) -> SqliteBackend:
    return SqliteBackend(tmp_path / "momentum.db")
