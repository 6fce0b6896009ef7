"""Measures what the service takes beside requests: to start, in memory, and while it is idle.

`make bench-scale` runs it.
"""

import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import httpx
import psutil

from benchmarks.load import CpuReader
from benchmarks.servers import Plane, cpu_reader, running_workers
from tests.support.learners import roadmap_request
from tests.support.service import ROOT, free_port, running_process, uvicorn_command

MAX_START_SECONDS = 2.0
"""From the command to the first answer; of so many starts, the median counts."""
STARTS = 5
MAX_WORKER_MEGABYTES = 110
"""Of a worker that has served everything but progress, which takes pandas."""
MAX_IDLE_SHARE = 0.005
"""Of one core: that is 0 %. With `--reload`, beyond what the server takes for an empty application:
its ten ticks a second and its look at the files are not ours."""
EMPTY_APPLICATION = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})
"""
IDLE_SECONDS = 10.0
ROUNDS = 20
"""So many that each worker gets some."""


def measure_footprint(plane: Plane) -> list[str]:
    """Print the figures of workers on PostgREST and of a server that reloads; return faults."""
    starts = sorted(_start_seconds(plane) for _ in range(STARTS))
    faults = _judge("start", starts[STARTS // 2], MAX_START_SECONDS, "{:.2f} s")
    print(f"  from {starts[0]:.2f} to {starts[-1]:.2f} s")
    with running_workers(plane.variables) as service:
        read_cpu = cpu_reader({"service": service.process.pid})
        print(f"  which takes {read_cpu()['service']:.2f} s of CPU, of all workers")
        for _ in range(ROUNDS):
            serve_everything(service.url)
        workers = psutil.Process(service.process.pid).children()  # type: ignore[no-untyped-call]
        megabytes = max(worker.memory_info().rss for worker in workers) / 1e6
        faults += _judge("worker", megabytes, MAX_WORKER_MEGABYTES, "{:.0f} MB")
        faults += _judge("idle", idle_share(read_cpu), MAX_IDLE_SHARE, "{:.2%}")
    port = free_port()
    ours = _reloading_share(ROOT, uvicorn_command(port), port)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "api.py").write_text(EMPTY_APPLICATION)
        bare = [sys.executable, "-m", "uvicorn", "api:app", "--port", str(port)]
        control = _reloading_share(Path(folder), bare, port)
    print(f"with --reload: {ours:.2%}, and {control:.2%} for an empty application")
    faults += _judge("idle with --reload", ours - control, MAX_IDLE_SHARE, "{:.2%}")
    return faults


def _start_seconds(plane: Plane) -> float:
    started = time.perf_counter()
    with running_workers(plane.variables):
        return time.perf_counter() - started


def serve_everything(url: str) -> None:
    """Plan a roadmap, read it in every way, tick a task, ask about it and delete it."""
    user = str(uuid4())
    hooks = {"response": [httpx.Response.raise_for_status]}
    with httpx.Client(base_url=url, timeout=60, event_hooks=hooks) as client:
        body = roadmap_request(user_id=user, duration_weeks=12)
        key = client.post("/generate_roadmap", json=body).json()["roadmap_id"]
        tasks = client.get(f"/roadmap/{key}").json()["tasks"]
        client.get("/roadmaps", params={"user_id": user})
        client.get(f"/roadmap/{key}/weeks")
        client.get(f"/roadmap/{key}/week/1")
        client.post("/task/update", json={"task_id": tasks[0]["id"], "completed": True})
        question = {"user_id": user, "roadmap_id": key, "input_data": "What is next?"}
        client.post("/ask-assistant", json=question)
        client.delete(f"/roadmap/{key}", params={"user_id": user})


def _reloading_share(folder: Path, command: list[str], port: int) -> float:
    with (
        tempfile.TemporaryDirectory() as data,
        running_process([*command, "--reload"], port, Path(data), {}, folder) as service,
    ):
        return idle_share(cpu_reader({"service": service.process.pid}))


def idle_share(read_cpu: CpuReader) -> float:
    """Return the share of a core that a service takes while nobody asks it for anything."""
    time.sleep(2)  # what it has just been asked for may still be cleared away
    before, started = read_cpu()["service"], time.perf_counter()
    time.sleep(IDLE_SECONDS)
    return (read_cpu()["service"] - before) / (time.perf_counter() - started)


def _judge(name: str, value: float, most: float, form: str) -> list[str]:
    print(f"{name}: {form.format(value)}, at most {form.format(most)}", flush=True)
    return [f"{name}: {form.format(value)}"] if value > most else []
