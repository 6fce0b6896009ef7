"""The service under attack, as production starts it."""

import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from src.domain.quotas import QuotaSettings
from tests.support.abuse.prober import Prober, probing
from tests.support.abuse.watch import LogWatch, MemoryWatch, workers_of
from tests.support.service import (
    UNLIMITED,
    Service,
    free_port,
    gunicorn_command,
    running_process,
)
from tests.support.waiting import wait_until

WORKERS = 2

OPEN_FILES = 1_024
"""Of each process of the service: the default of many systems, and the least that we meet."""

PRODUCTION = {
    "RAILWAY_ENVIRONMENT": "production",
    "WEB_CONCURRENCY": str(WORKERS),
    # The quotas that production has by default, in place of the tests' own.
    **{name: str(QuotaSettings.model_fields[name.lower()].default) for name in UNLIMITED},
}


@dataclass(frozen=True)
class Target:
    """A service under attack, and those who watch it."""

    service: Service
    prober: Prober
    memory: MemoryWatch
    log: LogWatch

    @property
    def port(self) -> int:
        return self.service.port

    @property
    def master_pid(self) -> int:
        return self.service.process.pid

    def worker_ids(self) -> set[int]:
        return {worker.pid for worker in workers_of(self.master_pid)}


@contextmanager
def running_target(
    directory: Path, variables: Mapping[str, str], *, application: str = ""
) -> Iterator[Target]:
    """Start the service with few open files, and watch it until the context ends.

    `application` names another one than production's.
    """
    _open_as_many_files_as_possible()
    port = free_port()
    service_command = [*gunicorn_command(), *filter(None, [application])]
    command = ["prlimit", f"--nofile={OPEN_FILES}", *service_command]
    with running_process(command, port, directory, PRODUCTION | dict(variables)) as service:
        master_pid = service.process.pid
        wait_until(lambda: service.log.count("Application startup complete") == WORKERS)
        memory = MemoryWatch(master_pid)
        with probing(port, master_pid, directory / "probes.csv") as prober, memory.running():
            yield Target(service, prober, memory, LogWatch(service.log_path))


def _open_as_many_files_as_possible() -> None:
    """Let this process, the attacker, have more connections than the service."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
