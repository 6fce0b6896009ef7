"""A load generator: keep-alive connections that each send a request when the last is answered.

In this process, on plain asyncio protocols, because every microsecond that it takes is missing to
the servers that it measures on the same cores. Its own ceiling shows at `/health`.
"""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import cast
from urllib.parse import urlsplit

CpuReader = Callable[[], dict[str, float]]
"""Returns the seconds of CPU that each program has taken so far."""

CONNECTIONS = 32
LAST_CHUNK = b"\r\n0\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """One HTTP request; `body` is sent as JSON."""

    path: str
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)

    def encode(self, host: str) -> bytes:
        """Return the bytes that are sent."""
        content = b"" if self.body is None else json.dumps(self.body).encode()
        headers = {"Host": host, "Accept": "*/*"} | self.headers
        if content:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        head = f"{'POST' if content else 'GET'} {self.path} HTTP/1.1\r\n{''.join(lines)}\r\n"
        return head.encode() + content


@dataclass
class Load:
    """What came of a load: answers a second, and latencies in seconds."""

    seconds: float
    latencies: list[float]
    failures: int
    cpu: dict[str, float] = field(default_factory=dict)
    """Seconds of CPU that each watched program took."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def quantile(self, share: float) -> float:
        """Return the latency that this share of the requests stayed within."""
        ordered = sorted(self.latencies) or [float("inf")]
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


class _Connection(asyncio.Protocol):
    """Sends requests one after the other until the deadline, beginning with number `start`.

    A failure is an answer other than 2xx, or a connection that the server closes.
    """

    def __init__(self, requests: Sequence[bytes], start: int, load: Load, deadline: float) -> None:
        self._requests = requests
        self._next = start
        self._load = load
        self._deadline = deadline
        self._answer = bytearray()
        self._length: int | None = None
        """Of the whole answer; -1 if it comes in chunks, None before its headers are there."""
        self._sent_at = 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if self._length is None:
            end = self._answer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._answer[:end]).lower()
            _, found, value = head.partition(b"content-length: ")
            self._length = end + 4 + int(value.partition(b"\r\n")[0]) if found else -1
        is_whole = (
            len(self._answer) >= self._length
            if self._length >= 0
            else self._answer.endswith(LAST_CHUNK)
        )
        if is_whole:
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        if not self.done.done():
            self._load.failures += 1
            self.done.set_result(None)

    def _send(self) -> None:
        self._transport.write(self._requests[self._next % len(self._requests)])
        self._next += CONNECTIONS
        self._sent_at = time.perf_counter()

    def _finish(self) -> None:
        now = time.perf_counter()
        if self._answer[9:10] == b"2":
            self._load.latencies.append(now - self._sent_at)
        else:
            self._load.failures += 1
        self._answer.clear()
        self._length = None
        if now < self._deadline:
            self._send()
        else:
            self.done.set_result(None)
            self._transport.close()


async def put_under_load(
    url: str,
    requests: Sequence[Request],
    seconds: float,
    read_cpu: CpuReader = dict,
    connections: int = CONNECTIONS,
) -> Load:
    """Send the requests in turn, over and over, for so many seconds."""
    parts = urlsplit(url)
    encoded = [request.encode(parts.netloc) for request in requests]
    load = Load(seconds, [], 0)
    cpu_before = read_cpu()
    started = time.perf_counter()
    loop = asyncio.get_running_loop()
    opened = []
    for number in range(connections):
        connection = _Connection(encoded, number, load, started + seconds)
        await loop.create_connection(
            partial(_itself, connection), parts.hostname or "", parts.port or 80
        )
        opened.append(connection)
    async with asyncio.timeout(seconds + 60):
        await asyncio.gather(*(connection.done for connection in opened))
    load.seconds = time.perf_counter() - started
    load.cpu = {name: total - cpu_before[name] for name, total in read_cpu().items()}
    return load


def _itself(connection: _Connection) -> _Connection:
    return connection


@dataclass(frozen=True)
class Comparison:
    """Loads on a server and on its control, alternating, so that both meet the same machine."""

    mine: list[Load]
    control: list[Load]

    @property
    def ratios(self) -> list[float]:
        """Return the throughput of each round relative to the control's."""
        pairs = zip(self.mine, self.control, strict=True)
        return [mine.rate / control.rate for mine, control in pairs]

    @property
    def ratio(self) -> float:
        """The median of the rounds."""
        return median(self.ratios)

    @property
    def p99_ratio(self) -> float:
        """The p99 relative to the control's, the median of the rounds."""
        pairs = zip(self.mine, self.control, strict=True)
        return median(mine.quantile(0.99) / control.quantile(0.99) for mine, control in pairs)

    @property
    def cpu_ratio(self) -> float:
        """Return the control's CPU for an answer relative to ours; others' load hardly moves it."""
        return sum(cpu_per_answer(self.control).values()) / sum(cpu_per_answer(self.mine).values())

    @property
    def failures(self) -> int:
        """Of all rounds, of both servers."""
        return sum(load.failures for load in (*self.mine, *self.control))


def cpu_per_answer(loads: Sequence[Load]) -> dict[str, float]:
    """Return the seconds of CPU that each program took for one answer."""
    answers = sum(len(load.latencies) for load in loads) or 1
    return {name: sum(load.cpu[name] for load in loads) / answers for name in loads[0].cpu}


async def compare(
    mine: tuple[str, Sequence[Request]],
    control: tuple[str, Sequence[Request]],
    seconds: float,
    rounds: int,
    read_cpu: CpuReader = dict,
) -> Comparison:
    """Load a server and its control in turn; each is an origin and the requests to it."""
    for url, requests in (control, mine):  # opens the database's connections and fills its caches
        await put_under_load(url, requests, min(seconds, 1.0))
    comparison = Comparison([], [])
    for _ in range(rounds):
        comparison.control.append(await put_under_load(*control, seconds, read_cpu))
        comparison.mine.append(await put_under_load(*mine, seconds, read_cpu))
    return comparison
