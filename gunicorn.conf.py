"""How Gunicorn runs the service in production; Procfile and railway.json start it with this."""

import socket
from typing import Any

from src.domain.errors import SettingsError
from src.server.logs import logging_config
from src.settings import load_settings

try:
    _settings = load_settings()
except SettingsError as error:
    # Here, in the master: a worker that cannot start would be started again without end.
    raise SystemExit(f"Momentum-AI cannot start: {error}") from None

wsgi_app = "api:app"
worker_class = "src.server.worker.Worker"
workers = _settings.web_concurrency
# `[::]` serves IPv6 and IPv4 where the machine has both.
bind = f"{'[::]' if socket.has_dualstack_ipv6() else '0.0.0.0'}:{_settings.port}"  # noqa: S104
timeout = 60  # a worker whose event loop stands still for so long is replaced
graceful_timeout = 25  # below Railway's draining time of 30 s
keepalive = 75  # above the 60 s for which the platform's edge keeps connections
control_socket_disable = True  # it would be made in the home directory
logconfig_dict: dict[str, Any] = logging_config(
    _settings.log_level, as_json=_settings.in_production
)


def on_starting(server: Any) -> None:  # noqa: ANN401  Gunicorn ships no types
    """Tell the operator once, for all workers, what is open."""
    if _settings.open_access_warning:
        server.log.warning(_settings.open_access_warning)
