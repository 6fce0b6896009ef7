"""The production worker."""

import asyncio
import logging
import math
import signal
import sys
import time
from types import FrameType
from typing import Any

from fastapi import FastAPI
from gunicorn.arbiter import Arbiter
from uvicorn import Config, Server
from uvicorn_worker import UvicornWorker

from src.app_state import state_of
from src.server.slow_clients import BoundedH11Protocol

logger = logging.getLogger(__name__)

LAME_DUCK_SECONDS = 2.0
"""How long after SIGTERM connections are accepted at least: the edge may not know of it yet."""

DRAIN_POLL_SECONDS = 0.1
"""How often a server that leaves looks whether anything is still being made."""

FLUSH_SECONDS = 1.2
"""How long answers may take at least once no more connections are accepted."""

MAX_DRAIN_SECONDS = 20.0
"""How long after SIGTERM answers may take: Gunicorn kills a worker after its `graceful_timeout`
(25 s, see gunicorn.conf.py), and the lifespan needs some of them."""


class DrainingServer(Server):
    """Leaves without dropping a request.

    At SIGTERM the application begins nothing new, and every answer closes its connection. The
    server accepts requests, be it to refuse them, for as long as a roadmap is being made or a
    question answered. Then it waits for the answers that are still being sent.
    """

    def __init__(self, config: Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app
        self._is_draining = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to leave at the first SIGTERM; anything else ends the server as usual."""
        if sig != signal.SIGTERM or not self.started:
            super().handle_exit(sig, frame)
        elif not self._is_draining:
            # A second one comes where the platform signals a whole process group: from the master.
            self._is_draining = True
            # Not here, in a signal's handler, which may interrupt anything.
            asyncio.get_running_loop().call_soon_threadsafe(self._start_drain)

    def _start_drain(self) -> None:
        self._drain_task = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        earliest = time.monotonic() + LAME_DUCK_SECONDS
        latest = time.monotonic() + MAX_DRAIN_SECONDS
        self.config.encoded_headers.append((b"connection", b"close"))
        try:
            state = state_of(self._app)
            state.begin_drain()
            while time.monotonic() < earliest or state.is_busy:
                await asyncio.sleep(DRAIN_POLL_SECONDS)
                if time.monotonic() > latest - FLUSH_SECONDS:
                    break
        except Exception:
            logger.exception("cannot leave in order")
        finally:
            left = math.floor(latest - time.monotonic())
            self.config.timeout_graceful_shutdown = max(1, left)
            super().handle_exit(signal.SIGTERM, None)


class Worker(UvicornWorker):
    """Serves as production does, and leaves as `DrainingServer` does."""

    CONFIG_KWARGS: dict[str, Any] = {  # noqa: RUF012  as the base class declares it
        **UvicornWorker.CONFIG_KWARGS,
        "timeout_graceful_shutdown": math.ceil(MAX_DRAIN_SECONDS),
        "server_header": False,
        "proxy_headers": False,  # src.web.client_address reads the one that is trusted
        "http": BoundedH11Protocol,
        "ws": "none",  # no route takes one, and its answers have a banner
        "access_log": False,  # src.web.request_context logs each request
    }

    async def _serve(self) -> None:
        # As the base class does, with another server.
        self.config.app = self.wsgi
        server = DrainingServer(self.config, self.wsgi)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
