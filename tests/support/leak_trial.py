"""Drives every endpoint and every failure of a service with canaries, and looks for them.

Whatever is secret or personal carries one: keys, tokens, goals, questions, tasks, users.
"""

import json
import socket
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt

from tests.support.backends import Backend, SqliteBackend
from tests.support.data_plane import DataPlane
from tests.support.fault_proxy import Fault
from tests.support.learners import roadmap_request
from tests.support.service import (
    Server,
    Service,
    free_port,
    model_variables,
    running_process,
    server_command,
)
from tests.support.standin import OpenRouterStandIn, Pace

FAULTY = "tests.support.faulty_api:app"
ANA = "ca4a121e-0000-4000-8000-00000ca4a121"
JWT_SECRET = "jwt-secret-canary-0123456789-0123456789"  # noqa: S105
REQUEST = roadmap_request(
    user_id=ANA, goal="Learn the goal-canary by heart", duration_weeks=1, level="beginner"
)
STREAM = {"Accept": "text/event-stream"}
JUNK = {"Idempotency-Key": "key-canary", "X-Request-ID": "id-canary junk"}
FEW = ("status_403", "cut_output", "silence")
FEW_FAULTS = (Fault.WITHHOLD, Fault.CUT, Fault.HTML)
QUICK = {
    "SUPABASE_JWT_SECRET": JWT_SECRET,
    "WEB_CONCURRENCY": "1",
    "STORE_TIMEOUT_SECONDS": "0.3",
    "MODEL_IDLE_TIMEOUT_SECONDS": "0.2",
    "MODEL_CALL_TIMEOUT_SECONDS": "0.4",
    "MODEL_RETRY_WAIT_SECONDS": "0.01",
    "ANSWER_TIMEOUT_SECONDS": "1.5",
    "GENERATION_TIMEOUT_SECONDS": "1.5",
}


@dataclass
class LeakTrial:
    """A running service and what it stands on, what it must not show, and the errors it answered.

    `canaries` grow while a trial meets more that is secret or personal.
    """

    service: Service
    backend: Backend
    data_plane: DataPlane | None
    standin: OpenRouterStandIn
    client: httpx.Client
    canaries: set[str] = field(default_factory=lambda: {"canary", ANA})
    refusals: list[tuple[int, str]] = field(default_factory=list)

    @property
    def log(self) -> str:
        return self.service.log

    @property
    def found(self) -> list[str]:
        return self._found_in(self.log)

    def look_into(self, answer: httpx.Response) -> None:
        if answer.is_error:
            answer.read()
            self.refusals.append((answer.status_code, answer.text))
            headers = " ".join(f"{name}: {value}" for name, value in answer.headers.items())
            assert self._found_in(f"{answer.text} {headers}") == []

    def _found_in(self, text: str) -> list[str]:
        return [canary for canary in self.canaries if canary.lower() in text.lower()]

    def roadmap(self, **changes: object) -> httpx.Response:
        # A key of its own for each, so that none waits for another or is answered by it.
        key = {"Idempotency-Key": f"key-canary-{time.monotonic_ns()}"}
        return self.client.post("/generate_roadmap", json=REQUEST | changes, headers=key)

    def ask(self, roadmap_id: int, **options: Any) -> httpx.Response:  # noqa: ANN401  of httpx
        body = {"user_id": ANA, "roadmap_id": roadmap_id, "input_data": "Why question-canary?"}
        return self.client.post("/ask-assistant", json=body, **options)


def run_leak_trial(
    server: Server,
    level: str,
    directory: Path,
    data_plane: DataPlane | None,
    misbehaviours: Iterable[str],
    *,
    database_faults: Iterable[Fault] = Fault,
) -> LeakTrial:
    """Drive a service at a log level, on SQLite without a data plane; return it when it has ended.

    It fails when an error's body or headers hold a canary.
    """
    port = free_port()
    command = [FAULTY if part == "api:app" else part for part in server_command(server, port)]
    if server == "gunicorn":
        command.append(FAULTY)
    variables = QUICK | {"LOG_LEVEL": level}
    if data_plane is not None:
        variables |= data_plane.variables | {"RAILWAY_ENVIRONMENT": "production"}
    pace = Pace(drip=0.05, slow_first_token=0.3)
    with OpenRouterStandIn(api_key="model-key-canary", pace=pace) as standin:
        variables |= model_variables(standin)
        with (
            running_process(command, port, directory, variables) as service,
            httpx.Client(base_url=service.url, timeout=30, headers=JUNK) as client,
        ):
            backend = data_plane or SqliteBackend(directory / "momentum.db")
            it = LeakTrial(service, backend, data_plane, standin, client)
            if data_plane is not None:
                it.canaries.add(data_plane.service_key)
            client.event_hooks = {"response": [it.look_into]}
            use_every_endpoint(it)
            for misuse in (send_what_nobody_should, claim_to_be_somebody, leave_early, meet_bugs):
                misuse(it)
            roadmap_id = it.roadmap().raise_for_status().json()["roadmap_id"]
            fail_at_the_model(it, roadmap_id, misbehaviours)
            fail_at_the_database(it, roadmap_id, database_faults)
            time.sleep(0.2)  # what was left running ends
            service.stop()
    return it


def use_every_endpoint(it: LeakTrial) -> None:
    """Let everything succeed once, and remember what the tasks are."""
    roadmap = it.roadmap().raise_for_status().json()
    path = f"/roadmap/{roadmap['roadmap_id']}"
    tasks = it.client.get(path).raise_for_status().json()["tasks"]
    it.canaries |= {task[name] for task in tasks for name in ("task_text", "id", "weekly_goal")}
    answer = it.ask(roadmap["roadmap_id"]).raise_for_status().json()
    it.canaries.add(answer["response"])
    for url in (
        *("/health", "/docs", "/redoc", "/openapi.json", "/static-offline-docs/swagger-ui.css"),
        *(f"/roadmaps?user_id={ANA}", f"{path}/weeks", f"{path}/week/1?user_id={ANA}"),
    ):
        it.client.get(url, headers={"X-Request-ID": "a-sane.id_1"}).raise_for_status()
    done = {"task_id": tasks[0]["id"], "completed": True, "user_id": ANA}
    it.client.post("/task/update", json=done).raise_for_status()
    use_progress(it, path, tasks[1]["id"])
    accepted = it.client.post(
        "/generate_roadmap",
        json=REQUEST | {"goal": "Begin the goal-canary"},
        headers={"Prefer": "respond-async", "Idempotency-Key": "key-canary of its own"},
    ).raise_for_status()
    generation = accepted.headers["location"]
    assert "event: saved" in it.client.get(f"{generation}/events").text
    assert it.client.get(generation).json()["state"] == "succeeded"
    assert it.client.delete(generation).status_code == 409
    for body in (REQUEST | {"goal": "Stream the goal-canary"}, REQUEST):
        headers = STREAM | {"Idempotency-Key": f"key-canary-{time.monotonic_ns()}"}
        with it.client.stream("POST", "/generate_roadmap", json=body, headers=headers) as streamed:
            assert "event: saved" in streamed.read().decode()
    assert "event: answer" in it.ask(roadmap["roadmap_id"], headers=STREAM).text
    it.client.delete(path, params={"user_id": ANA}).raise_for_status()


def use_progress(it: LeakTrial, path: str, task_id: str) -> None:
    """Read, schedule and take along; the secret of the calendar is one more canary."""
    user = {"user_id": ANA}
    for url in ("/progress", "/progress.svg", f"{path}/progress", f"{path}/progress.svg"):
        it.client.get(url, params=user | {"tz": "Asia/Tokyo"}).raise_for_status()
    for name in ("ics", "csv", "md"):
        it.client.get(f"{path}/export", params=user | {"format": name}).raise_for_status()
    move = user | {"task_id": task_id, "due_date": f"{datetime.now(UTC) + timedelta(days=9):%F}"}
    it.client.post("/task/move", json=move).raise_for_status()
    body = user | {"strategy": "shift", "dry_run": False}
    assert it.client.post(f"{path}/schedule", json=body).status_code == 428
    for version in ("canary", "*"):
        it.client.post(f"{path}/schedule", json=body, headers={"If-Match": version})
    assert it.client.post(f"{path}/schedule/undo", json=user).is_success
    calendar = it.client.post(f"{path}/calendar-feed", json=user).raise_for_status().json()["path"]
    it.canaries.add(calendar.removeprefix("/calendar/").removesuffix(".ics"))
    while (answer := it.client.get(calendar)).status_code != httpx.codes.TOO_MANY_REQUESTS:
        # A busy machine exceeds the short timeout now and then.
        assert "BEGIN:VEVENT" in answer.text or answer.is_server_error
    it.client.delete(f"{path}/calendar-feed", params=user).raise_for_status()
    assert it.client.get(calendar).status_code == 404


def send_what_nobody_should(it: LeakTrial) -> None:
    """Send bad bodies, ids, paths and methods, all of which hold canaries."""
    as_json = {"Content-Type": "application/json"}
    for route in (
        *("/generate_roadmap", "/ask-assistant", "/task/update", "/task/move"),
        *("/roadmap/1/schedule", "/roadmap/1/schedule/undo", "/roadmap/1/calendar-feed"),
    ):
        for body in (
            *(b'{"user_id": "canary', b'"canary"', b"\xffcanary", b'{"canary": 1, "canary": 2}'),
            *(b"canary" * 20_000, b'{"user_id": "canary", "goal": ["canary"], "level": "canary"}'),
            b'{"canary": {"canary": "canary"}, "task_id": {"canary": 1}, "completed": "canary"}',
            json.dumps(REQUEST | {"goal": "canary" * 999, "duration_weeks": "canary"}).encode(),
            json.dumps(REQUEST | {"roadmap_id": "canary", "input_data": "\0canary"}).encode(),
        ):
            it.client.post(route, content=body, headers=as_json)
        it.client.post(route, content=b"canary", headers={"Content-Type": "text/canary"})
    for path in (
        *("/canary", "/roadmap/canary", "/roadmap/1/week/canary", "/roadmap/canary/weeks"),
        *("/roadmaps", "/roadmaps?user_id=canary", f"/roadmaps?user_id={ANA}&user_id={ANA}"),
        *(f"/roadmap/4711?user_id={ANA}", f"/roadmap/4711/week/3?user_id={ANA}", "/docs/canary"),
        *("/static-offline-docs/canary", f"/health?user_id={ANA}", f"/generations/{ANA}"),
        *(f"/progress?user_id={ANA}&tz=canary", "/calendar/canary.ics", "/progress?user_id=canary"),
        *(f"/roadmap/1/export?user_id={ANA}&format=canary", "/calendar/canary"),
        *(f"/roadmap/1/progress.svg?user_id={ANA}&view=canary&theme=canary&rollover=canary",),
        *(f"/roadmap/1/week/99?user_id={ANA}", "/roadmap/99999999999999999999?x=canary"),
    ):
        it.client.get(path, headers={"Host": "host.canary", "Cookie": "canary=1"})
    for method in ("PUT", "CANARY"):
        it.client.request(method, f"/roadmaps?user_id={ANA}")
    it.client.request("CANARY", "/canary")
    it.client.post("/task/update", json={"task_id": "canary", "completed": True})
    it.ask(4711)
    it.client.delete("/roadmap/4711", params={"user_id": ANA})
    upgrade = b"GET /roadmap/4711?user_id=%s HTTP/1.1\r\nHost: api\r\n" % ANA.encode()
    upgrade += b"Authorization: Bearer canary\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    upgrade += b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    for wire in (b"canary\r\n\r\n", b"GET /canary HTTP/9\r\n\r\n", upgrade):
        assert b"canary" not in exchange(it, wire)


def claim_to_be_somebody(it: LeakTrial) -> None:
    issuer = f"{it.data_plane.url}/auth/v1" if it.data_plane else "canary"
    claims: dict[str, Any] = {
        "sub": ANA,
        "aud": "authenticated",
        "iss": issuer,
        "exp": time.time() + 600,
    }
    other = claims | {"sub": "ca4a121e-0000-4000-8000-0000000ca4a1"}
    tokens = [jwt.encode(claims, JWT_SECRET), jwt.encode(other, JWT_SECRET)]
    tokens += [jwt.encode(claims | {"exp": 1}, JWT_SECRET), jwt.encode(claims, "x" * 32)]
    tokens += [jwt.encode(claims, "", algorithm="none"), "canary", "canary.canary.canary"]
    it.canaries |= {*tokens, other["sub"]}
    for scheme in ("Bearer", "Canary"):
        for token in tokens:
            headers = {"Authorization": f"{scheme} {token}"}
            it.client.get("/roadmaps", params={"user_id": ANA}, headers=headers)
            it.client.post("/task/update", json={"task_id": "canary"}, headers=headers)


def leave_early(it: LeakTrial) -> None:
    """Leave in mid-body, in mid-answer and in mid-stream."""
    head = b"POST /generate_roadmap HTTP/1.1\r\nHost: api\r\nContent-Type: application/json\r\n"
    exchange(it, head + b'Content-Length: 999\r\n\r\n{"goal": "canary', wait=False)
    exchange(it, head + b"Transfer-Encoding: chunked\r\n\r\n6\r\ncanary\r\nzz\r\n")
    with suppress(httpx.ReadTimeout):
        it.client.post("/generate_roadmap", json=REQUEST | {"goal": "canary"}, timeout=0.05)
    body = REQUEST | {"goal": "Leave the goal-canary", "duration_weeks": 4}
    with it.client.stream("POST", "/generate_roadmap", json=body, headers=STREAM) as streamed:
        next(streamed.iter_lines())


def meet_bugs(it: LeakTrial) -> None:
    for kind in ("raise", "answer", "warn", "task", "stream", "libraries"):
        with suppress(httpx.TransportError):
            it.client.post(f"/faulty/{kind}", content=b"canary")


def fail_at_the_model(it: LeakTrial, roadmap_id: int, misbehaviours: Iterable[str]) -> None:
    # Once the server has said to come back in an hour, no model is called any more.
    for name in sorted(misbehaviours, key="status_429_forever".__eq__):
        it.standin.reset()
        it.standin.script.fail_always(name)
        answer = it.ask(roadmap_id)
        if answer.is_success:
            it.canaries.add(answer.json()["response"])
        it.roadmap(goal=f"Learn {name}-canary")
    it.standin.reset()


def fail_at_the_database(it: LeakTrial, roadmap_id: int, faults: Iterable[Fault]) -> None:
    """Let the database fail in every way it knows; what it says quotes rows."""
    done = {"task_id": ANA, "completed": True, "user_id": ANA}

    def touch() -> None:
        it.client.get("/roadmaps", params={"user_id": ANA})
        it.client.get(f"/roadmap/{roadmap_id}")
        it.client.get("/progress", params={"user_id": ANA})
        it.client.get(f"/roadmap/{roadmap_id}/export", params={"user_id": ANA, "format": "md"})
        it.client.get("/calendar/canary.ics")
        it.client.post("/task/update", json=done)
        it.roadmap()

    if it.data_plane is not None:
        for fault in faults:
            it.data_plane.proxy.inject(fault, lambda _: True)
            touch()
            it.data_plane.proxy.reset()
        it.backend.execute(
            "create function refuse() returns trigger language plpgsql as $$ begin"
            " raise exception 'canary %', new using detail = 'canary', hint = 'canary'; end $$;"
            "create trigger refuse before insert or update on roadmap_tasks"
            " for each row execute function refuse()"
        )
        touch()
        it.backend.execute("drop function refuse cascade")
        return
    it.backend.execute("update roadmap_tasks set created_at = 'canary'")
    it.backend.execute("update roadmaps set created_at = 'canary'")
    touch()
    it.backend.execute("alter table roadmaps rename to roadmaps_canary")
    touch()


def exchange(it: LeakTrial, wire: bytes, *, wait: bool = True) -> bytes:
    """Send bytes over a connection of their own, and return what comes back within a moment."""
    url = urlsplit(it.service.url)
    with closing(socket.create_connection((url.hostname, url.port))) as connection:
        connection.settimeout(0.3)
        connection.sendall(wire)
        with suppress(TimeoutError, ConnectionError):
            return connection.recv(65_536) if wait else b""
    return b""
