"""Nothing that is secret or personal is printed or sent back, whatever is asked or goes wrong.

Every such thing carries a canary. Each endpoint and each failure is driven through processes as
people and the platform start them, and everything that they print, and every error's body, is
searched.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.leak_trial import FEW, FEW_FAULTS, run_leak_trial
from tests.support.service import Server, failed_start


@pytest.mark.long(20)
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("server", "level", "data_plane_name", "misbehaviours"),
    [
        # `make audit` runs both servers on both stores, and with every misbehaviour and fault.
        ("uvicorn", "DEBUG", None, FEW),
        ("gunicorn", "INFO", "data_plane", FEW),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_nothing_secret_is_printed_or_sent_back(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    *,
    server: Server,
    level: str,
    data_plane_name: str | None,
    misbehaviours: Iterable[str],
) -> None:
    """Keys, tokens, goals, questions, tasks and users are in no line and in no error."""
    plane = request.getfixturevalue(data_plane_name) if data_plane_name else None
    trial = run_leak_trial(
        server, level, tmp_path, plane, misbehaviours, database_faults=FEW_FAULTS
    )
    assert trial.found == []
    assert_log_is_of_use(trial.log, as_json=plane is not None)
    statuses = {status for status, _ in trial.refusals}
    assert statuses >= {400, 404, 405, 413, 415, 422, 500, 502, 503, 504}


def test_failed_start_says_why_and_quotes_nothing(tmp_path: Path) -> None:
    """The log has our error's message, and of its cause only the class and the place."""
    (tmp_path / "momentum.db").write_text("no database, but a canary" * 99)
    message = failed_start("uvicorn", tmp_path)
    assert "src.domain.errors.StoreUnavailableError: file is not a database" in message
    assert "sqlite3.DatabaseError\n" in message
    assert message.count("StoreUnavailableError: ") == 1
    assert "canary" not in message


def assert_log_is_of_use(log: str, *, as_json: bool) -> None:
    """Check that it has routes by template, with status and duration, and the place of a bug."""
    lines = [json.loads(line) for line in log.splitlines()] if as_json else None
    for route in (
        "POST /generate_roadmap 200",
        "GET /roadmap/{roadmap_id}/week/{week_number} 404",
        "DELETE /roadmap/{roadmap_id} 200",
        "GET /openapi.json 200",
        "GET /docs 200",
        "GET /static-offline-docs 200",
        "GET /calendar/{token}.ics 429",
        "GET unmatched 404",
    ):
        assert re.search(re.escape(route) + r" in \d+ ms", log), route
    assert "a-sane.id_1" in log
    assert "in raise_with_causes" in log
    for kind in ("ValueError", "ExceptionGroup", "KeyError", "ResponseValidationError"):
        assert kind in log
    assert "Task exception was never retrieved" in log
    if lines is not None:
        assert all(line["message"] and line["level"] and line["request_id"] for line in lines)
