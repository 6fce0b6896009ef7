"""Log lines: their form, and what none quotes: requests, objects, messages of foreign errors."""

import errno
import json
import logging
import time
from collections.abc import Callable, Iterator

import pytest

from src.domain.errors import StoreUnavailableError
from src.server.logs import configure_logging

CANARY = "canary"

Printed = Callable[[Callable[[], object]], str]


@pytest.fixture(autouse=True)
def restored_root() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(params=[False, True], ids=["text", "json"])
def printed(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Printed:
    """Offer a function that configures the log in either form, acts, and returns the output."""

    def printed(act: Callable[[], object]) -> str:
        configure_logging("DEBUG", as_json=request.param)
        act()
        return capsys.readouterr().out

    return printed


def fail() -> None:
    raise KeyError(CANARY)


def fail_and_translate(*, suppressed: bool = False) -> None:
    """Log an error of ours that an error of a library caused."""
    try:
        try:
            fail()
        except KeyError as error:
            cause = None if suppressed else error
            raise StoreUnavailableError("PostgREST answered 502") from cause
    except StoreUnavailableError:
        logging.getLogger("src.any").exception("unexpected error")


def test_cause_is_logged_without_its_message(printed: Printed) -> None:
    """Only our own errors have messages that are written for a log."""
    out = printed(fail_and_translate)
    assert CANARY not in out
    assert out.index("KeyError") < out.index("which led to") < out.index("StoreUnavailableError")
    assert "PostgREST answered 502" in out


def test_suppressed_cause_is_not_logged(printed: Printed) -> None:
    out = printed(lambda: fail_and_translate(suppressed=True))
    assert "StoreUnavailableError: PostgREST answered 502" in out
    assert "which led to" not in out


def test_group_is_logged_with_its_errors(printed: Printed) -> None:
    """Once, although it is its own cause."""
    group = ExceptionGroup("several", [ValueError(CANARY), StoreUnavailableError("gone")])
    group.__cause__ = group
    out = printed(lambda: logging.getLogger("src.any").error("failed", exc_info=group))
    assert CANARY not in out
    assert out.count("ExceptionGroup") == 1
    assert "ValueError" in out
    assert "StoreUnavailableError: gone" in out


def test_asyncio_quotes_no_object(printed: Printed) -> None:
    """Its lines end with the `repr` of what went wrong."""
    message = "Task exception was never retrieved\nfuture: <%s>"
    out = printed(lambda: logging.getLogger("asyncio").error(message, CANARY))
    assert "Task exception was never retrieved" in out
    assert CANARY not in out


def test_accept_errors_are_logged_once_a_second(
    printed: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a traceback, and without the socket; other errors of asyncio are all logged."""
    error = OSError(errno.EMFILE, CANARY)
    message = f"socket.accept() out of system resource\nsocket: <{CANARY}>"

    def act() -> None:
        for second in (1.0, 1.9, 2.1):
            monkeypatch.setattr(time, "monotonic", lambda at=second: at)
            for _ in range(3):
                logging.getLogger("asyncio").error(message, exc_info=error)
                logging.getLogger("asyncio").error("Task was destroyed")

    out = printed(act)
    assert out.count("cannot accept connections: Too many open files") == 2
    assert out.count("Task was destroyed") == 9
    assert len(out.splitlines()) == 2 + 9
    assert CANARY not in out


def test_refused_websocket_is_not_logged(printed: Printed) -> None:
    """The server would log its whole URL."""

    def act() -> None:
        server = logging.getLogger("uvicorn.error")
        server.info('%s - "WebSocket %s" 403', "127.0.0.1", f"/roadmaps?user_id={CANARY}")
        server.info("Application startup complete.")

    out = printed(act)
    assert CANARY not in out
    assert "Application startup complete." in out


def test_traceback_of_another_handler_is_not_reused(printed: Printed) -> None:
    """A formatter caches it in the record, with the error's message."""
    record = logging.LogRecord("src.any", logging.ERROR, "", 0, "failed", None, None)
    record.exc_text = f"Traceback with {CANARY}"
    out = printed(lambda: logging.getLogger("src.any").handle(record))
    assert "failed" in out
    assert CANARY not in out


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
