"""What becomes of Gunicorn's workers when something happens to their master."""

import gc
import os
import runpy
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.support.service import (
    ROOT,
    STOP_SECONDS,
    Service,
    free_port,
    gunicorn_command,
    running_process,
)
from tests.support.waiting import wait_until


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Offer a service of two workers that reads the `.env` of its directory."""
    (tmp_path / ".env").write_text("LOG_LEVEL=INFO\n")
    program, *_ = gunicorn_command()
    command = [program, "-c", str(ROOT / "gunicorn.conf.py")]
    port = free_port()
    variables = {"WEB_CONCURRENCY": "2", "PYTHONPATH": str(ROOT)}
    with running_process(command, port, tmp_path, variables, cwd=tmp_path) as service:
        yield service
        with suppress(ProcessLookupError):  # The workers of a master that is gone.
            os.killpg(service.process.pid, signal.SIGKILL)


def is_up(service: Service) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{service.url}/health").is_success
    return False


def test_workers_leave_when_their_master_is_killed(service: Service) -> None:
    """Nobody would replace them, and a new master could not have their port."""
    service.process.kill()
    service.process.wait()
    wait_until(lambda: not is_up(service))
    assert service.log.count("the master process has ended") == 2


def test_reload_with_invalid_settings_keeps_the_old_ones(service: Service, tmp_path: Path) -> None:
    """The master and its new workers say so, and go on."""
    wait_until(lambda: service.log.count("Application startup complete") == 2)
    (tmp_path / ".env").write_text("LOG_LEVEL=LOUD\n")
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: service.log.count("those of before are kept") == 3)
    wait_until(lambda: service.log.count("Application startup complete") == 4)
    assert is_up(service)
    assert_that_signal_stops(service, signal.SIGINT, workers=4)


@pytest.mark.parametrize("hook", ["when_ready", "on_reload"])
def test_master_collects_garbage_once_it_runs(hook: str) -> None:
    """Gunicorn reads its configuration at a start and at a reload, and then calls one of these."""
    try:
        configuration = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
        assert not gc.isenabled()
        configuration[hook](None)
        assert gc.isenabled()
    finally:
        gc.unfreeze()
        gc.enable()


def test_interrupted_master_stops_its_workers(service: Service) -> None:
    """They close what is open and end by themselves: none is killed at the end of a timeout."""
    wait_until(lambda: service.log.count("Application startup complete") == 2)
    assert_that_signal_stops(service, signal.SIGQUIT, workers=2)


def assert_that_signal_stops(service: Service, signal_number: int, workers: int) -> None:
    """Send a signal to the master; afterwards so many workers have ended by themselves."""
    service.process.send_signal(signal_number)
    assert service.process.wait(STOP_SECONDS) == 0
    assert service.log.count("Application shutdown complete") == workers
