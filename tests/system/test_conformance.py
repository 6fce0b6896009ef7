"""The service does what its OpenAPI document says: it accepts what is valid and nothing else."""

from pathlib import Path

import pytest

from tests.support.conformance.exploration import explore_all, figures, shortfalls
from tests.support.data_plane import DataPlane

EXAMPLES = 3
"""Per operation; `make audit` tries ten times as many."""

LEAST_CASES = 500
"""On both stores together."""


@pytest.mark.long(60)
@pytest.mark.timeout(600)
def test_service_keeps_its_description(
    data_plane: DataPlane, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Schemathesis, with all its checks, finds no failure on either store or behind a token."""
    found = explore_all(data_plane, tmp_path, EXAMPLES)
    with capsys.disabled():
        print("", *figures(found), sep="\n")  # noqa: T201  how much was tried
    assert not shortfalls(found, least_cases=LEAST_CASES), "\n".join(
        each.output for each in found.values() if each.failures
    )
