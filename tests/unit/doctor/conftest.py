"""What all tests of the doctor share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.doctor import Doctor, answer_as_database, stub_project
from tests.support.stub_http import StubServer


@pytest.fixture
def doctor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Doctor:
    return Doctor(monkeypatch, tmp_path, capsys)


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with stub_project() as server:
        yield server


@pytest.fixture
def project(stub: StubServer) -> StubServer:
    """Offer a good project."""
    answer_as_database(stub)
    return stub
