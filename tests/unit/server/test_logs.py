"""What a log line looks like."""

import json
import logging
from collections.abc import Iterator

import pytest

from src.server.logs import configure_logging


@pytest.fixture(autouse=True)
def restored_root() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_json_line_is_what_railway_reads(capsys: pytest.CaptureFixture[str]) -> None:
    """One object a line on standard output, with `message` and `level`, errors included."""
    configure_logging("INFO", as_json=True)
    try:
        int("none")
    except ValueError:
        logging.getLogger("src.any").exception("what\nhappened")
    captured = capsys.readouterr()
    assert captured.err == ""
    (line,) = captured.out.splitlines()
    fields = json.loads(line)
    assert (fields["message"], fields["level"]) == ("what\nhappened", "error")
    assert fields["exception"].endswith("ValueError")
    assert "invalid literal" not in fields["exception"]


@pytest.mark.parametrize("name", ["httpx", "httpx2", "uvicorn.access", "openai"])
def test_chatty_libraries_stay_silent(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """They would log whole URLs, with the user ids in them."""
    configure_logging("DEBUG", as_json=False)
    logging.getLogger(name).info("GET /roadmaps?user_id=canary")
    assert capsys.readouterr().out == ""
