"""What is measured: PostgREST on a PostgreSQL of its own, and Gunicorn's workers."""

import secrets
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import psutil
import psycopg

from benchmarks.load import CpuReader
from tests.support.data_plane import SCHEMA, Database, Postgrest, running_postgres
from tests.support.service import Service, free_port, gunicorn_command, running_process

WORKERS = 2


@dataclass(frozen=True)
class Plane:
    """A Supabase project without its gateway, with the schema and no row."""

    database: Database
    url: str
    """PostgREST's own address."""
    key: str
    """The service role's."""
    postgrest_pid: int

    @property
    def variables(self) -> dict[str, str]:
        """Return the service's, and `POSTGREST_URL` for `without_gateway`."""
        return {
            "SUPABASE_URL": self.url,
            "SUPABASE_SERVICE_ROLE_KEY": self.key,
            "POSTGREST_URL": self.url,
        }

    def programs(self) -> dict[str, int]:
        """Return the process of each program; PostgreSQL's is the parent of every session."""
        with psycopg.connect(self.database.uri()) as connection:
            server = psutil.Process(connection.info.backend_pid).ppid()  # type: ignore[no-untyped-call]
        return {"PostgREST": self.postgrest_pid, "PostgreSQL": server}


def cpu_reader(programs: Mapping[str, int]) -> CpuReader:
    """Return what reads the CPU time of these processes with their children, and of this one.

    The search for the children takes longer than hundreds of requests, and does not count.
    """
    roots = {name: psutil.Process(pid) for name, pid in programs.items()}  # type: ignore[no-untyped-call]
    searching = 0.0

    def read() -> dict[str, float]:
        nonlocal searching
        before = time.process_time()
        spent = {name: _cpu_seconds(root) for name, root in roots.items()}
        load = before - searching
        searching += time.process_time() - before
        return spent | {"load": load}

    return read


def _cpu_seconds(root: Any) -> float:  # noqa: ANN401  psutil has no types
    seconds = 0.0
    for process in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            seconds += times.user + times.system
    return seconds


@contextmanager
def running_plane() -> Iterator[Plane]:
    """Run PostgreSQL and PostgREST; afterwards nothing of them remains."""
    secret = secrets.token_hex(32)
    with running_postgres() as postgres, postgres.database() as database:
        database.run_file(SCHEMA)
        postgrest = Postgrest(database, secret)
        try:
            postgrest.start()
            key = jwt.encode({"role": "service_role"}, secret, algorithm="HS256")
            yield Plane(database, postgrest.url, key, postgrest.pid)
        finally:
            postgrest.kill()


@contextmanager
def running_workers(variables: Mapping[str, str], workers: int = WORKERS) -> Iterator[Service]:
    """Run the service as in production; with a `POSTGREST_URL`, without Supabase's gateway."""
    port = free_port()
    command = gunicorn_command()
    if "POSTGREST_URL" in variables:
        command.append("benchmarks.without_gateway:app")
    settings = {"WEB_CONCURRENCY": str(workers), "LOG_LEVEL": "WARNING", **variables}
    with (
        tempfile.TemporaryDirectory() as directory,
        running_process(command, port, Path(directory), settings) as service,
    ):
        yield service
