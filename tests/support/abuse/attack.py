"""One attack, and what became of the service under it."""

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass

from tests.support.abuse.target import Target
from tests.support.abuse.traffic import Traffic

MAX_HEALTH_SECONDS = 1.0
MAX_MEMORY_BYTES = 250 * 1024 * 1024
MAX_LINES_PER_SECOND = 50

Run = Callable[[Target], Awaitable[Iterable[str]]]


@dataclass(frozen=True)
class Attack:
    """What an attacker does; `run` returns what was answered wrongly, a sentence each."""

    name: str
    run: Run


@dataclass(frozen=True)
class Outcome:
    """What became of the service under one attack."""

    name: str
    wrong: tuple[str, ...]
    health_p99: float
    """Seconds, of the worst worker."""
    workers_lost: int
    traffic: Traffic
    memory_bytes: int
    """The most of one worker."""
    lines_per_second: float
    """Of the log, beside those about requests."""
    seconds: float
    """How long it took, with the traffic that it held up."""

    def faults(self, *, timed: bool = True) -> Iterator[str]:
        """Yield what did not hold; without `timed`, leave out what a busy machine can cause."""
        found = list(self.wrong)
        if timed and self.health_p99 >= MAX_HEALTH_SECONDS:
            found.append(f"/health p99 {self.health_p99:.1f} s")
        if self.workers_lost:
            found.append(f"{self.workers_lost} workers lost")
        found += [f"dropped {n} x {what}" for what, n in self.traffic.dropped.items()]
        if not self.traffic.served:
            found.append("no learner was served")
        if self.memory_bytes > MAX_MEMORY_BYTES:
            found.append(f"{self.memory_bytes // 2**20} MB")
        if self.lines_per_second > MAX_LINES_PER_SECOND:
            found.append(f"{self.lines_per_second:.0f} log lines/s")
        yield from (f"{self.name}: {fault}" for fault in found)


async def suffer(target: Target, attack: Attack, traffic: Traffic) -> Outcome:
    """Run an attack beside a learner's traffic, and return what became of the service."""
    workers = target.worker_ids()
    target.log.lines()
    target.memory.restart()
    began = time.monotonic()
    async with traffic.flowing():
        wrong = tuple(await attack.run(target))
    ended = time.monotonic()
    return Outcome(
        attack.name,
        wrong,
        health_p99=await target.prober.p99(began, ended),
        workers_lost=len(workers - target.worker_ids()),
        traffic=traffic,
        memory_bytes=target.memory.most_bytes,
        lines_per_second=len(target.log.lines()) / max(1.0, ended - began),
        seconds=ended - began,
    )
