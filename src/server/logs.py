"""Logs in lines of text for people, or in lines of JSON for Railway.

No line quotes a request, the database or the model. Our own code logs at the configured level,
libraries log warnings only, and an error is logged by its class and traceback, not its message.
"""

import json
import logging
import math
import os
import re
import time
import traceback
from collections.abc import Iterator
from logging.config import dictConfig
from types import TracebackType
from typing import Any

from src.domain.errors import MomentumError
from src.web.request_context import request_id

_SERVER_LOGGERS = ("uvicorn", "uvicorn.error", "gunicorn.error", "gunicorn.access")
"""They log startup and shutdown at INFO; at DEBUG they would also log what clients send."""

_MUTED_LOGGERS = {
    "uvicorn.access": "WARNING",  # logs URLs with user ids; src.web.request_log replaces it
    "stamina": "ERROR",  # logs retries without what is retried, or why
    "py.warnings": "ERROR",  # a warning quotes the value that caused it
}

_ACCEPT_ERROR = "socket.accept() out of system resource"
"""How asyncio's message begins."""

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _Formatter(logging.Formatter):
    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802  as the base class calls it
        return "\n".join(_format_error(ei[1], set())) if ei[1] else ""

    def format(self, record: logging.LogRecord) -> str:
        # Another handler's formatter may have cached a traceback with the message here.
        record.exc_text = None
        record.request_id = request_id()
        return super().format(record)


_TEXT_FORMATTER = {
    "()": _Formatter,
    "fmt": "%(asctime)s %(levelname)-7s [%(request_id)s] %(name)s: %(message)s",
}


class _JsonFormatter(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "message": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "request_id": request_id(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _format_error(error: BaseException, seen: set[int]) -> Iterator[str]:
    """Yield the traceback and class of an error's cause, then of the error itself.

    Only our own errors are logged with their message, which is written for the operator.
    """
    seen.add(id(error))
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and id(cause) not in seen:
        yield from _format_error(cause, seen)
        yield "which led to"
    yield "Traceback (most recent call last):"
    yield "".join(traceback.format_tb(error.__traceback__)).rstrip()
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    yield f"{kind}: {error}" if isinstance(error, MomentumError) else kind
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _format_error(inner, seen)


class _AcceptErrorFilter(logging.Filter):
    """Lets one line a second through that says why connections cannot be accepted.

    When file descriptors run out, asyncio logs thousands of them at once, with a traceback each.
    """

    def __init__(self) -> None:
        super().__init__()
        self._logged_at = -math.inf

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name != "asyncio" or not str(record.msg).startswith(_ACCEPT_ERROR):
            return True
        if time.monotonic() - self._logged_at < 1:
            return False
        self._logged_at = time.monotonic()
        error = record.exc_info[1] if record.exc_info else None
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "?"
        record.msg, record.exc_info = f"cannot accept connections: {reason}", None
        return True


class _RedactingFilter(logging.Filter):
    """Removes what servers and asyncio quote from requests and objects."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "asyncio":
            # The arguments and the lines below contain the `repr` of objects.
            record.msg, record.args = re.split(r"[(<\n]", record.getMessage())[0], None
        # uvicorn logs a refused WebSocket with its whole URL.
        return not (record.name == "uvicorn.error" and "WebSocket" in str(record.msg))


def logging_config(level: str, *, as_json: bool) -> dict[str, Any]:
    """Return a configuration for `logging.config.dictConfig`.

    Everything goes to standard output, because Railway shows standard error as errors.
    """
    quiet = max(level, "WARNING", key=logging.getLevelNamesMapping().__getitem__)
    servers = max(level, "INFO", key=logging.getLevelNamesMapping().__getitem__)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": _JsonFormatter} if as_json else _TEXT_FORMATTER},
        "filters": {
            "accept errors": {"()": _AcceptErrorFilter},
            "redaction": {"()": _RedactingFilter},
        },
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": "line",
                "filters": ["accept errors", "redaction"],
            }
        },
        "root": {"level": quiet, "handlers": ["stdout"]},
        "loggers": {"src": {"level": level}}
        | {name: {"level": servers, "handlers": [], "propagate": True} for name in _SERVER_LOGGERS}
        | {name: {"level": least} for name, least in _MUTED_LOGGERS.items()},
    }


def configure_logging(level: str, *, as_json: bool) -> None:
    """Set up logging for this process."""
    dictConfig(logging_config(level, as_json=as_json))
    logging.captureWarnings(capture=True)
