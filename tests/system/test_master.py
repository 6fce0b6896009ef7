"""What becomes of Gunicorn's workers when something happens to their master."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.support.service import Service, free_port, gunicorn_command, running_process
from tests.support.waiting import wait_until


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    port = free_port()
    variables = {"WEB_CONCURRENCY": "2"}
    with running_process(gunicorn_command(), port, tmp_path, variables) as service:
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
