"""The production worker."""

import asyncio
import gc
import logging
import math
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import Any

from fastapi import FastAPI
from gunicorn.arbiter import Arbiter
from uvicorn import Config, Server
from uvicorn_worker import UvicornWorker

from src.app_state import state_of
from src.server.bounded_http import BoundedHttpProtocol
from src.server.listening import take_over

logger = logging.getLogger(__name__)

LAME_DUCK_SECONDS = 2.0
"""The shortest time to accept connections after SIGTERM: the edge may still send some."""

FLUSH_SECONDS = 1.2
"""The least time to finish responses once no more connections are accepted."""

MAX_DRAIN_SECONDS = 20.0
"""How long after SIGTERM responses may take. Gunicorn kills a worker after its `graceful_timeout`
(25 s, see gunicorn.conf.py), and the lifespan needs a part of that."""

ACCEPTED_AT_ONCE = 16
"""Connections that are accepted in one turn of the event loop: before they are counted, and before
the connections that are there already get their turn."""

OBJECTS_PER_COLLECTION = 10_000
"""New objects that start Python's garbage collection. 32 reads at once have about 3,000."""

QUIT_SECONDS = 2
"""How long responses may take after SIGQUIT, which Gunicorn sends at Ctrl+C."""


class DrainingServer(Server):
    """Shuts down without dropping a request.

    After SIGTERM the application starts nothing new, and every response closes its connection. The
    server accepts (and maybe refuses) requests for as long as a roadmap is being generated or a
    question answered. Then it waits for the responses that are still being sent.
    """

    def __init__(self, config: Config, app: FastAPI, master: int, queue_length: int) -> None:
        """`master` is the id of the process that replaces this one if it ends.

        `queue_length` is how many connections may wait in the system until they are accepted.
        """
        super().__init__(config)
        self._app = app
        self._master = master
        self._queue_length = queue_length
        self._is_draining = False
        self._exiting = asyncio.Event()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start the drain at the first SIGTERM; other signals end the server as usual."""
        if sig != signal.SIGTERM or not self.started:
            self._end(sig, frame)
        elif not self._is_draining:
            # If the platform signals the whole process group, the master sends a second one.
            self._is_draining = True
            # Not in this signal handler, which may interrupt any code.
            asyncio.get_running_loop().call_soon_threadsafe(self._start_drain)

    def quit(self) -> None:
        """End soon: for a person who waits at a terminal, not for a platform that deploys."""
        self.config.timeout_graceful_shutdown = QUIT_SECONDS
        self._end(signal.SIGQUIT, None)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept connections, a few at a time, from a queue that is as long as before.

        asyncio calls both numbers `backlog`. If thousands of connections wait, all of them together
        would need more file descriptors than the process has.
        """
        await super().startup(sockets)
        for each in sockets or ():
            each.listen(self._queue_length)
        _collect_garbage_rarely()

    async def main_loop(self) -> None:
        """Tick once a second, and at the end: uvicorn's ten times cost an idle worker 0.3 %."""
        while not await self.on_tick(counter=0):  # uvicorn does something at multiples of 10
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._exiting.wait()

    async def on_tick(self, counter: int) -> bool:
        """Drain if the master is gone: nobody would replace this worker, and it holds the port."""
        if os.getppid() != self._master and not self._is_draining:
            logger.error("the master process has ended: this worker drains and stops")
            self.handle_exit(signal.SIGTERM, None)
        return await super().on_tick(counter)

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
                await asyncio.sleep(0.1)
                if time.monotonic() > latest - FLUSH_SECONDS:
                    break
        except Exception:
            logger.exception("could not drain")
        finally:
            remaining = math.floor(latest - time.monotonic())
            self.config.timeout_graceful_shutdown = max(1, remaining)
            self._end(signal.SIGTERM, None)

    def _end(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        asyncio.get_running_loop().call_soon_threadsafe(self._exiting.set)


def _collect_garbage_rarely() -> None:
    """Exempt what has been built by now from garbage collection, and start it less often.

    By default every 700 new objects start it, that is every few requests, and now and then it looks
    at all modules and routes: a third of the CPU of a read among 32, and pauses of 50 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    gc.enable()


class Worker(UvicornWorker):
    """Runs a `DrainingServer` with the options of production."""

    CONFIG_KWARGS: dict[str, Any] = {  # noqa: RUF012  as the base class declares it
        **UvicornWorker.CONFIG_KWARGS,
        "timeout_graceful_shutdown": math.ceil(MAX_DRAIN_SECONDS),
        "server_header": False,
        "proxy_headers": False,  # src.web.client_address reads the trusted one
        "http": BoundedHttpProtocol,
        "ws": "none",  # no route accepts them, and the refusal would have a banner
        "backlog": ACCEPTED_AT_ONCE,
        "access_log": False,  # src.web.request_log logs each request
    }

    def init_process(self) -> None:
        """Import the application and serve it."""
        # Nearly everything that is built now stays: to collect garbage takes a fifth of the start.
        gc.disable()
        super().init_process()  # type: ignore[no-untyped-call]  # Gunicorn ships no types

    async def _serve(self) -> None:
        # As in the base class, but with our server.
        self.config.app = self.wsgi
        server = DrainingServer(self.config, self.wsgi, self.ppid, self.cfg.backlog)
        # The base class only notes the signal, and the server would run on until it is killed.
        asyncio.get_running_loop().add_signal_handler(signal.SIGQUIT, server.quit)
        await server.serve(sockets=[take_over(listening) for listening in self.sockets])
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
