"""The workers of a running Gunicorn, and how they are killed."""

import json
import random
import threading
import time
from collections import Counter
from contextlib import suppress
from enum import StrEnum
from typing import Any

import psutil

from tests.support.bought import Interruption
from tests.support.fault_proxy import PREFIX, Exchange, Moment


class Workers:
    """The children of a Gunicorn master, which it starts again when they die."""

    def __init__(self, master_pid: int, port: int, model_port: int = 0) -> None:
        self.deaths: list[Interruption] = []
        self.stops: list[Interruption] = []
        """The times for which one was stopped, as a machine that sleeps."""
        self._master: Any = psutil.Process(master_pid)  # type: ignore[no-untyped-call]
        self._port = port
        self._model_port = model_port
        self._lock = threading.Lock()

    def serving(self) -> list[Any]:
        """Return those that have accepted a client's connection, so that they have started."""
        return [
            worker
            for worker in self._master.children()
            if any(connection.laddr.port == self._port for connection in _connections(worker))
        ]

    def kill_any(self, chance: random.Random) -> bool:
        """Kill one that serves; return whether there is one."""
        serving = self.serving()
        return bool(serving) and self._kill(chance.choice(serving))

    def stop_any(self, chance: random.Random, seconds: float) -> bool:
        """Stop one that serves for so many seconds, then let it go on; return whether one did."""
        serving = self.serving()
        if not serving:
            return False
        worker = chance.choice(serving)
        with suppress(psutil.NoSuchProcess):
            began = time.time()
            worker.suspend()
            ports = self._model_ports(worker)
            try:
                time.sleep(seconds)
            finally:
                worker.resume()
            self.stops.append(Interruption(began, time.time(), worker.create_time(), ports))
            return True
        return False

    def kill_behind(self, port: int) -> bool:
        """Kill the one whose connection has this port; return whether it was there."""
        for worker in self._master.children():
            if any(connection.laddr.port == port for connection in _connections(worker)):
                return self._kill(worker)
        return False

    def _kill(self, worker: Any) -> bool:  # noqa: ANN401  psutil has no types
        with self._lock, suppress(psutil.NoSuchProcess):
            # Held still first, so that what it has under way is known when it dies.
            worker.suspend()
            ports = self._model_ports(worker)
            now = time.time()
            death = Interruption(now, now, worker.create_time(), ports)
            worker.kill()
            self.deaths.append(death)
            return True
        return False

    def _model_ports(self, worker: Any) -> frozenset[int]:  # noqa: ANN401  psutil has no types
        return frozenset(
            connection.laddr.port
            for connection in _connections(worker)
            if connection.raddr.port == self._model_port
        )


def _connections(process: Any) -> list[Any]:  # noqa: ANN401  psutil has no types
    try:
        return [each for each in process.net_connections("tcp") if each.raddr]
    except psutil.Error:
        return []


class Point(StrEnum):
    """A store request of `add_roadmap`."""

    ROADMAP = "roadmap row"
    FIRST_TASKS = "first tasks"
    LATER_TASKS = "later tasks"
    PUBLISH = "publication"


class ChosenKills:
    """Kills the worker that sent a request of `add_roadmap`, before or after it gets the answer.

    Spread evenly over the requests and the two moments. It watches a `FaultProxy`.
    """

    def __init__(self, workers: Workers, kills: int, pause: float) -> None:
        """Kill so many times, at least `pause` seconds apart."""
        self.done: Counter[tuple[Point, Moment]] = Counter()
        cells = [(point, moment) for point in Point for moment in Moment]
        self._left = Counter({cell: kills // len(cells) for cell in cells})
        self._left.update(cells[: kills % len(cells)])
        self._workers = workers
        self._pause = pause
        self._last = 0.0

    @property
    def left(self) -> int:
        return self._left.total()

    def wants(self, point: Point) -> bool:
        """Whether a kill at this request is still to come."""
        return any(self._left[point, moment] for moment in Moment)

    def __call__(self, exchange: Exchange, body: bytes, moment: Moment) -> None:
        """Kill if this request and moment are wanted."""
        if exchange.status is None or exchange.status >= 300:
            return
        if time.monotonic() - self._last < self._pause:
            return
        point = _point(exchange, body)
        if point is None or not self._left[point, moment]:
            return
        if self._workers.kill_behind(exchange.peer_port):
            self._last = time.monotonic()
            self._left[point, moment] -= 1
            self.done[point, moment] += 1


def _point(exchange: Exchange, body: bytes) -> Point | None:
    match exchange.method, exchange.path.removeprefix(PREFIX):
        case "POST", "/roadmaps":
            return Point.ROADMAP
        case "POST", "/roadmap_tasks":
            first = json.loads(body)[0]["week_number"] == 1
            return Point.FIRST_TASKS if first else Point.LATER_TASKS
        case "POST", "/rpc/publish_roadmap":
            return Point.PUBLISH
        case _:
            return None
