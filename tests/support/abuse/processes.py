"""Signals to the processes of the service, and what has to be there afterwards."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.abuse.acknowledged import RECOVERY_SECONDS, Acknowledged
from tests.support.abuse.target import PRODUCTION, WORKERS
from tests.support.abuse.traffic import Learner
from tests.support.abuse.watch import workers_of
from tests.support.service import ROOT, Service, free_port, gunicorn_command, running_process
from tests.support.waiting import PATIENCE_SECONDS, until_true

PAUSE_SECONDS = 2.0
GENERATIONS = 2
"""How many are under way at each fault."""


@dataclass
class Machine:
    """A service whose processes get signals, and which a platform would start again."""

    service: Service
    settings: Path
    """Its `.env`."""

    def workers(self) -> list[int]:
        return [worker.pid for worker in workers_of(self.service.process.pid)]

    def signal_worker(self, number: int) -> None:
        os.kill(self.workers()[0], number)

    def signal_master(self, number: int) -> None:
        self.service.process.send_signal(number)

    async def until_two_workers(self) -> None:
        await until_true(lambda: len(self.workers()) == WORKERS)


Fault = Callable[[Machine], Awaitable[None]]


async def _kill_all_workers(machine: Machine) -> None:
    for worker in machine.workers():
        os.kill(worker, signal.SIGKILL)


async def _stop_and_continue(machine: Machine) -> None:
    worker = machine.workers()[0]
    os.kill(worker, signal.SIGSTOP)
    await asyncio.sleep(PAUSE_SECONDS)
    os.kill(worker, signal.SIGCONT)


async def _stop_both_in_turn(machine: Machine) -> None:
    for worker in machine.workers():
        os.kill(worker, signal.SIGSTOP)
        await asyncio.sleep(PAUSE_SECONDS)
        os.kill(worker, signal.SIGCONT)


async def _reload(machine: Machine, settings: str) -> None:
    machine.settings.write_text(settings)
    before = set(machine.workers())
    machine.signal_master(signal.SIGHUP)
    await until_true(lambda: not before & set(machine.workers()))
    await machine.until_two_workers()


async def _change_workers(machine: Machine) -> None:
    """Let the master start a third worker, and stop one."""
    machine.signal_master(signal.SIGTTIN)
    await until_true(lambda: len(machine.workers()) == WORKERS + 1)
    machine.signal_master(signal.SIGTTOU)
    await machine.until_two_workers()


async def _storm_of_hangups(machine: Machine) -> None:
    for _ in range(5):
        machine.signal_master(signal.SIGHUP)
        await asyncio.sleep(0.2)
    await machine.until_two_workers()


def _to_worker(number: int) -> Fault:
    async def send(machine: Machine) -> None:
        machine.signal_worker(number)

    return send


async def _reopen_logs(machine: Machine) -> None:
    machine.signal_master(signal.SIGUSR1)
    machine.signal_worker(signal.SIGUSR1)


FAULTS = {
    "SIGKILL to a worker": _to_worker(signal.SIGKILL),
    "SIGKILL to all workers": _kill_all_workers,
    "SIGTERM to a worker": _to_worker(signal.SIGTERM),
    "SIGABRT to a worker": _to_worker(signal.SIGABRT),
    "SIGSTOP and SIGCONT": _stop_and_continue,
    "SIGSTOP of each in turn": _stop_both_in_turn,
    "SIGUSR1": _reopen_logs,
    "SIGTTIN and SIGTTOU": _change_workers,
    "SIGHUP with bad settings": lambda machine: _reload(machine, "LOG_LEVEL=LOUD\n"),
    "SIGHUP with good settings": lambda machine: _reload(machine, "LOG_LEVEL=INFO\n"),
    "five SIGHUP at once": _storm_of_hangups,
}


@contextmanager
def running_machine(
    directory: Path, variables: Mapping[str, str], port: int, application: str = ""
) -> Iterator[Machine]:
    """Start the service in a directory with a `.env` of its own."""
    settings = directory / ".env"
    settings.write_text("LOG_LEVEL=INFO\n")
    program, *_ = gunicorn_command()
    command = [program, "-c", str(ROOT / "gunicorn.conf.py"), *filter(None, [application])]
    variables = {"PYTHONPATH": str(ROOT), **variables}
    with running_process(command, port, directory, variables, cwd=directory) as service:
        try:
            yield Machine(service, settings)
        finally:
            with suppress(ProcessLookupError):  # The workers of a master that is gone.
                os.killpg(service.process.pid, signal.SIGKILL)


async def survive_signals(directory: Path, variables: Mapping[str, str]) -> dict[str, list[str]]:
    """Send every signal in turn, and return what is wrong, by the fault."""
    port = free_port()
    wrong: dict[str, list[str]] = {}
    variables = PRODUCTION | dict(variables)
    checks = []
    with running_machine(directory, variables, port) as machine:
        learner = await Learner.enrol(machine.service.url)
        for name, fault in FAULTS.items():
            acknowledged = Acknowledged(machine.service.url)
            await machine.until_two_workers()
            began = await _strike(machine, acknowledged, learner, fault)
            wrong[name] = await acknowledged.until_answered(began)
            checks.append((name, acknowledged, began))
        for name, acknowledged, began in checks:
            wrong[name] += await acknowledged.lost(began)
        last = Acknowledged(machine.service.url)
        await last.begin(GENERATIONS)
        await last.tick(learner.roadmap_id)
        machine.signal_master(signal.SIGKILL)
        began = time.monotonic()
        machine.service.process.wait()
        await until_true(lambda: machine.service.log.count("has ended: this worker") == WORKERS)
        again = directory / "again"
        again.mkdir()
        # As the platform starts it again: at the same port, as soon as the workers have left it.
        wrong["SIGKILL to the master"] = await _restart(again, variables, port, last, began)
    return wrong


async def _strike(
    machine: Machine, acknowledged: Acknowledged, learner: Learner, fault: Fault
) -> float:
    """Let a fault happen while roadmaps are generated; return when it did."""
    await acknowledged.begin(GENERATIONS)
    await acknowledged.tick(learner.roadmap_id)
    began = time.monotonic()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await fault(machine)
    return began


async def _restart(
    directory: Path, variables: Mapping[str, str], port: int, last: Acknowledged, began: float
) -> list[str]:
    while time.monotonic() < began + RECOVERY_SECONDS:
        try:
            with running_machine(directory, variables, port):
                return await last.until_answered(began) + await last.lost(began)
        except RuntimeError:  # The old workers still have the port.
            await asyncio.sleep(1)
    return ["the service does not start again"]


async def survive_a_stop(directory: Path, variables: Mapping[str, str]) -> dict[str, list[str]]:
    """Stop a worker for good: Gunicorn replaces it once it has not been heard of for a minute."""
    with running_machine(directory, variables, free_port()) as machine:
        learner = await Learner.enrol(machine.service.url)
        acknowledged = Acknowledged(machine.service.url)
        stopped = machine.workers()[0]

        async def stop(_: Machine) -> None:
            os.kill(stopped, signal.SIGSTOP)

        began = await _strike(machine, acknowledged, learner, stop)
        wrong = await acknowledged.until_answered(began) + await acknowledged.lost(began)
        with suppress(TimeoutError):
            async with asyncio.timeout(began + RECOVERY_SECONDS - time.monotonic()):
                await until_true(lambda: stopped not in machine.workers())
        wrong += ["the worker is not replaced"] * (stopped in machine.workers())
        return {"SIGSTOP for good": wrong}
