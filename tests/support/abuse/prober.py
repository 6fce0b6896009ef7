"""Measures `/health` from a process of its own, which no attacker slows down.

    python -m tests.support.abuse.prober PORT MASTER_PID > FILE

A line per probe: the series, when the probe was due, and how many seconds after that the answer
was there. Probes are due every 0.1 s, however long the one before took: what a blocked worker does
to clients who arrive meanwhile counts, too. Those that are due while another one waits are not
sent, and count as answered together with it: what held it up would have held them up.
"""

import asyncio
import contextlib
import math
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from tests.support.abuse.watch import worker_behind
from tests.support.waiting import until_true

ROOT = Path(__file__).parents[3]
INTERVAL_SECONDS = 0.1
PATIENCE_SECONDS = 20.0
KEPT = ("first worker", "second worker")
"""Series over one connection that is kept, each to a worker of its own."""
FRESH = "new connections"
REQUEST = b"GET /health HTTP/1.1\r\nHost: api\r\n\r\n"
TRIES = 200

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Prober:
    """What the prober has measured so far."""

    path: Path
    _read: int = 0
    _probes: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    async def p99(self, began: float, ended: float) -> float:
        """Return the worst series' 99th percentile, in seconds, of the probes due in this time."""
        await until_true(lambda: all(due > ended for due in self._latest()))
        return max(
            _p99([s for due, s in probes if began <= due <= ended])
            for probes in self._probes.values()
        )

    def _latest(self) -> list[float]:
        with self.path.open() as file:
            file.seek(self._read)
            *lines, rest = file.read().split("\n")
            self._read = file.tell() - len(rest)
        for line in lines:
            series, due, seconds = line.split(",")
            self._probes[series].append((float(due), float(seconds)))
        return [
            self._probes[series][-1][0] if self._probes[series] else 0.0
            for series in (*KEPT, FRESH)
        ]


def _p99(seconds: list[float]) -> float:
    return sorted(seconds)[math.ceil(0.99 * len(seconds)) - 1] if seconds else 0.0


@contextlib.contextmanager
def probing(port: int, master_pid: int, path: Path) -> Iterator[Prober]:
    """Run a prober, which writes to `path`, for as long as the context lasts."""
    command = [sys.executable, "-m", "tests.support.abuse.prober", str(port), str(master_pid)]
    with path.open("w") as file, subprocess.Popen(command, cwd=ROOT, stdout=file) as process:
        try:
            yield Prober(path)
        finally:
            process.terminate()


async def _probe(port: int, series: str, streams: _Streams | None) -> NoReturn:
    due = time.monotonic()
    while True:
        await asyncio.sleep(due - time.monotonic())
        streams = await _ask(port, streams)
        answered = time.monotonic()
        while due < answered:
            sys.stdout.write(f"{series},{due},{answered - due}\n")
            due += INTERVAL_SECONDS
        sys.stdout.flush()
        if series == FRESH and streams is not None:
            streams[1].close()
            streams = None


async def _ask(port: int, streams: _Streams | None) -> _Streams | None:
    """Ask until there is an answer or patience ends; return the connection to go on with."""
    latest = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < latest:
        try:
            async with asyncio.timeout(latest - time.monotonic()):
                reader, writer = streams or await asyncio.open_connection("127.0.0.1", port)
                writer.write(REQUEST)
                answer = await reader.readuntil(b'{"status":"ok"}')
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            streams = None  # Closed to make room: a client asks again over another one.
            await asyncio.sleep(0.01)
        else:
            if answer.startswith(b"HTTP/1.1 200"):
                return reader, writer
    return None


async def _connect_to_each(port: int, master_pid: int) -> list[_Streams]:
    """Return a connection to each of two workers."""
    found: dict[int, _Streams] = {}
    for _ in range(TRIES):
        streams = await asyncio.open_connection("127.0.0.1", port)
        await _ask(port, streams)
        worker = worker_behind(streams[1].get_extra_info("sockname")[1], master_pid)
        if worker is None or worker in found:
            streams[1].close()
        else:
            found[worker] = streams
        if len(found) == len(KEPT):
            return list(found.values())
    raise RuntimeError("all connections reach the same worker")


async def _main(port: int, master_pid: int) -> None:
    kept = await _connect_to_each(port, master_pid)
    series = [*zip(KEPT, kept, strict=True), (FRESH, None)]
    await asyncio.gather(*(_probe(port, name, streams) for name, streams in series))


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2])))
