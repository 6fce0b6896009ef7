"""Watches a service from outside: its workers, their memory, and what it logs."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

REQUEST_LOGGER = "src.web.request_log"
"""It logs each request, and so as many lines as an attacker sends requests."""

SAMPLE_SECONDS = 0.05


def workers_of(master_pid: int) -> list[Any]:
    """Return the processes of a Gunicorn master's workers."""
    try:
        children: list[Any] = psutil.Process(master_pid).children()  # type: ignore[no-untyped-call]
    except psutil.NoSuchProcess:
        return []
    return children


def worker_behind(port: int, master_pid: int) -> int | None:
    """Return the id of the worker at the other end of our connection from this port."""
    for worker in workers_of(master_pid):
        with suppress(psutil.Error):
            if any(c.raddr and c.raddr.port == port for c in worker.net_connections("tcp")):
                return int(worker.pid)
    return None


class MemoryWatch:
    """Samples how much memory a master's workers use."""

    def __init__(self, master_pid: int) -> None:
        self.most_bytes = 0
        """Of one worker, since `restart`."""
        self._master_pid = master_pid
        self._ending = threading.Event()

    def restart(self) -> None:
        self.most_bytes = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._sample, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ending.set()
            thread.join()

    def _sample(self) -> None:
        while not self._ending.wait(SAMPLE_SECONDS):
            for worker in workers_of(self._master_pid):
                with suppress(psutil.Error):
                    self.most_bytes = max(self.most_bytes, worker.memory_info().rss)


class LogWatch:
    """Reads what a service has logged since the last look, beside one line per request."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0

    def lines(self) -> list[str]:
        with self._path.open(errors="replace") as log:
            log.seek(self._position)
            lines = log.read().splitlines()
            self._position = log.tell()
        return [line for line in lines if not _is_about_request(line)]


def _is_about_request(line: str) -> bool:
    with suppress(ValueError):
        logged = json.loads(line)
        return isinstance(logged, dict) and logged.get("logger") == REQUEST_LOGGER
    return False
