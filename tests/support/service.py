"""The service as people run it: a process of its own, or a server in this process, on a port."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from src.settings import Settings
from tests.support.standin import OpenRouterStandIn
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
STOP_SECONDS = 30.0

UNLIMITED = {
    "GENERATIONS_AT_ONCE": "1000000",
    "GENERATIONS_PER_HOUR": "1000000",
    "GENERATIONS_PER_DAY": "1000000",
    "QUESTIONS_PER_HOUR": "1000000",
    "DAILY_BUDGET_DOLLARS": "1000000",
}
"""For tests that ask for more than learners do, or than their one address may."""


def free_port() -> int:
    """Return a port on loopback that was free a moment ago."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Service:
    url: str
    process: "subprocess.Popen[str]"
    log_path: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def stop(self) -> int:
        """Ask it to stop as the platform does, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


def clean_environment(**variables: str) -> dict[str, str]:
    """Return this process's environment without any of the service's variables."""
    ours = {name.upper() for name in Settings.model_fields}
    return {name: value for name, value in os.environ.items() if name not in ours} | variables


def uvicorn_command(port: int) -> list[str]:
    """Return the development server's command, with the options of `make run`."""
    options = "--no-server-header --no-proxy-headers --no-access-log --ws none"
    protocol = "src.server.bounded_http:BoundedHttpProtocol"
    program = [sys.executable, "-m", "uvicorn", "api:app", "--port", str(port)]
    return [*program, *options.split(), "--http", protocol]


def gunicorn_command() -> list[str]:
    """Return the production server's command, word for word the Procfile's."""
    name, _, command = (ROOT / "Procfile").read_text().strip().partition(": ")
    assert name == "web"
    program, *arguments = command.split()
    return [str(Path(sys.executable).with_name(program)), *arguments]


def model_variables(standin: OpenRouterStandIn) -> dict[str, str]:
    return {"OPENAI_API_KEY": standin.api_key, "OPENAI_BASE_URL": standin.base_url}


Server = Literal["uvicorn", "gunicorn"]


def server_command(server: Server, port: int) -> list[str]:
    """Return the command of developers or of the platform; Gunicorn reads its port from `PORT`."""
    return uvicorn_command(port) if server == "uvicorn" else gunicorn_command()


def running_service(
    server: Server, directory: Path, variables: Mapping[str, str] | None = None
) -> AbstractContextManager[Service]:
    """Start a service on a free port; see `running_process`."""
    port = free_port()
    return running_process(server_command(server, port), port, directory, variables or {})


def failed_start(
    server: Server, directory: Path, variables: Mapping[str, str] | None = None
) -> str:
    """Start a service that refuses to and ends with an error; return all that it printed."""
    with (
        pytest.raises(RuntimeError, match=r"ended at start with status [^0]") as failed,
        running_service(server, directory, variables),
    ):
        pass
    return str(failed.value).partition("\n")[2]


@contextmanager
def running_process(
    command: list[str],
    port: int,
    directory: Path,
    variables: Mapping[str, str],
    cwd: Path = ROOT,
) -> Iterator[Service]:
    """Start a service, wait until it is healthy, and leave nothing of it behind.

    It runs in the project's root, as people run it; its data and its output go to `directory`.
    """
    log_path = directory / "service.log"
    environment = clean_environment(
        **{
            "SQLITE_PATH": str(directory / "momentum.db"),
            "PORT": str(port),
            **UNLIMITED,
            **variables,
        }
    )
    with log_path.open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    service = Service(f"http://127.0.0.1:{port}", process, log_path)
    try:
        if not answers(process, f"{service.url}/health"):
            status = process.poll()
            ended = f"ended at start with status {status}"
            fate = "does not become healthy" if status is None else ended
            raise RuntimeError(f"the service {fate}:\n{service.log}")
        yield service
    finally:
        # The workers, too, if their master has ended before them.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(process: "subprocess.Popen[Any]", url: str) -> bool:
    """Wait until a process answers at an address; return whether it does."""
    deadline = time.monotonic() + START_SECONDS
    # One client alone: to make one takes 20 ms of the CPU that the start needs.
    with httpx.Client() as client:
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                if client.get(url).is_success:
                    return True
            time.sleep(0.02)
    return False


@contextmanager
def running_standin(*options: str) -> Iterator[str]:
    """Run the stand-in for the model in a process of its own, and yield its origin."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.standin", "--port", str(port), *options],
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        if not answers(process, f"{url}/_control/summaries"):
            raise RuntimeError("the stand-in does not start")
        yield url
    finally:
        process.terminate()
        process.wait()


@contextmanager
def running_server(app: FastAPI, **options: Any) -> Iterator[uvicorn.Server]:  # noqa: ANN401  uvicorn's
    """Serve an application on a port of this process, from a thread."""
    config = uvicorn.Config(
        app, port=free_port(), log_config=None, timeout_graceful_shutdown=1, **options
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield server
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS)


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    with running_server(app) as server:
        yield f"http://127.0.0.1:{server.config.port}"
