"""How the service logs: a line of text for people, a JSON object a line for Railway."""

import json
import logging
from logging.config import dictConfig
from typing import Any

from src.request_context import request_id

_CHATTY = ("httpx", "httpx2", "httpcore", "httpcore2", "openai", "uvicorn.access")
"""They log whole URLs, with the user ids in them."""

_SERVERS = ("uvicorn", "uvicorn.error", "gunicorn.error", "gunicorn.access")


class _TextFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s [%(request_id)s] %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        record.request_id = request_id()
        return super().format(record)


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "message": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "request_id": request_id(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def logging_config(level: str, *, as_json: bool) -> dict[str, Any]:
    """Return a configuration for `logging.config.dictConfig`.

    Everything goes to standard output: Railway takes standard error for errors.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": _JsonFormatter if as_json else _TextFormatter}},
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": "line",
            }
        },
        "root": {"level": level, "handlers": ["stdout"]},
        "loggers": {name: {"handlers": [], "propagate": True} for name in _SERVERS}
        | {name: {"level": "WARNING"} for name in _CHATTY}
        # Its lines say that something is retried, but neither what nor why.
        | {"stamina": {"level": "ERROR"}},
    }


def configure_logging(level: str, *, as_json: bool) -> None:
    """Set up logging for this process."""
    dictConfig(logging_config(level, as_json=as_json))
