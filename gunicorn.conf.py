"""Gunicorn's configuration in production; Procfile and railway.json start Gunicorn."""

import gc

gc.disable()  # until all is imported, which takes a fifth longer with it

import socket
from typing import Any

from src.domain.errors import SettingsError
from src.server.logs import logging_config
from src.startup import check_schema, load_or_keep_settings, log_start

try:
    _settings = load_or_keep_settings()
except SettingsError as error:
    # In the master, because it would restart a worker that cannot start again and again.
    raise SystemExit(f"Momentum-AI cannot start: {error}") from None

wsgi_app = "api:app"
worker_class = "src.server.worker.Worker"
workers = _settings.web_concurrency
# `[::]` serves IPv6 and IPv4 where the machine has both.
bind = f"{'[::]' if socket.has_dualstack_ipv6() else '0.0.0.0'}:{_settings.port}"  # noqa: S104
timeout = 60  # a worker whose event loop is blocked for so long is replaced
graceful_timeout = 25  # below Railway's draining time of 30 s
keepalive = 75  # above the 60 s for which Railway's edge keeps connections open
control_socket_disable = True  # it would be created in the home directory
logconfig_dict: dict[str, Any] = logging_config(
    _settings.log_level, as_json=_settings.in_production
)


def on_starting(_server: Any) -> None:  # noqa: ANN401  Gunicorn ships no types
    """Say what is used, or why the service cannot start, once for all workers."""
    log_start(_settings)
    try:
        check_schema(_settings)
    except SettingsError as error:
        raise SystemExit(f"Momentum-AI cannot start: {error}") from None


def when_ready(_server: Any) -> None:  # noqa: ANN401  Gunicorn ships no types
    """Collect garbage again. What the workers share is exempt, so that they go on sharing it."""
    gc.freeze()
    gc.enable()


def on_reload(_server: Any) -> None:  # noqa: ANN401  Gunicorn ships no types
    """Collect garbage again, after this file was read once more."""
    gc.enable()
