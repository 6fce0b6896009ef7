"""What nobody should send: each gets a problem document that does not repeat it."""

import json
from typing import Any

import httpx
import pytest

from tests.api.bad_inputs import CANARY, JSON, ROUTES, assert_problem
from tests.support.learners import ANA, BEN, REQUEST

FORMS: list[tuple[str, dict[str, str]]] = [
    *((route, {}) for route in ROUTES),
    ("/generate_roadmap", {"Accept": "text/event-stream"}),
    ("/generate_roadmap", {"Prefer": "respond-async"}),
    ("/ask-assistant", {"Accept": "text/event-stream"}),
]
"""Every way to ask with a body."""


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 5000])
@pytest.mark.parametrize(
    ("route", "field"),
    [
        ("/generate_roadmap", "duration_weeks"),
        ("/generate_roadmap", "daily_hours"),
        ("/ask-assistant", "roadmap_id"),
        ("/ask-assistant", "week_number"),
        ("/ask-assistant", "day_number"),
    ],
)
async def test_numbers_that_are_none(
    client: httpx.AsyncClient, route: str, field: str, number: str
) -> None:
    """Python's JSON parser takes NaN and infinities; JSON does not know them."""
    body = json.dumps(ROUTES[route] | {field: "HERE"}).replace('"HERE"', number)
    assert_problem(await client.post(route, content=body, headers=JSON), 400, 422)


@pytest.mark.parametrize("value", [True, "2", None, [2], {"n": 2}, 2.25, -1, 0, 10**6, 2**63])
@pytest.mark.parametrize("field", ["duration_weeks", "daily_hours"])
async def test_values_that_are_no_such_number(
    client: httpx.AsyncClient, field: str, value: object
) -> None:
    """Types are not converted and ranges not clamped; the answer names the field."""
    answer = await client.post("/generate_roadmap", json=REQUEST | {field: value})
    assert_problem(answer, 422)
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("route", "changes"),
    [
        ("/generate_roadmap", {"goal": " \t\n\u2003"}),
        ("/generate_roadmap", {"goal": "\u200b\u200d"}),
        ("/generate_roadmap", {"goal": ""}),
        ("/generate_roadmap", {"goal": CANARY * 200}),
        ("/generate_roadmap", {"goal": None}),
        ("/generate_roadmap", {"level": CANARY}),
        ("/generate_roadmap", {"user_id": CANARY}),
        ("/generate_roadmap", {"user_id": ""}),
        ("/ask-assistant", {"roadmap_id": True}),
        ("/ask-assistant", {"roadmap_id": "1"}),
        ("/ask-assistant", {"week_number": True}),
        ("/task/update", {"completed": "yes"}),
        ("/task/update", {"completed": 1}),
        ("/task/update", {"completed": None}),
        ("/task/update", {"task_id": 12345}),
        ("/task/update", {"task_id": ""}),
        ("/task/update", {"task_id": CANARY * 100}),
        ("/task/update", {"user_id": CANARY}),
    ],
)
async def test_values_out_of_bounds(
    client: httpx.AsyncClient, route: str, changes: dict[str, Any]
) -> None:
    """Each is 422 and names its field."""
    answer = await client.post(route, content=json.dumps(ROUTES[route] | changes), headers=JSON)
    assert_problem(answer, 422)
    assert [error["field"] for error in answer.json()["errors"]] == list(changes)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("field", [0, 1])
async def test_missing_fields(client: httpx.AsyncClient, route: str, field: int) -> None:
    """A missing field is named."""
    name = list(ROUTES[route])[field]
    body = {key: value for key, value in ROUTES[route].items() if key != name}
    answer = await client.post(route, json=body)
    assert_problem(answer, 422)
    assert name in [error["field"] for error in answer.json()["errors"]]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("content", "statuses"),
    [
        (b"", (422,)),
        (b"null", (422,)),
        (b"[]", (422,)),
        (b'"text"', (422,)),
        (b"{", (422,)),
        (b"[" * 60_000, (400,)),
        (b'{"a":' * 10_000, (400,)),
        (b'{"goal": "\xff\xfe canary-5417"}', (400,)),
        ('{"goal": "x"}'.encode("utf-16"), (400,)),
        (b'{"user_id": "a", "user_id": "b"}', (422,)),
        (b"{" + b" " * 70_000 + b"}", (413,)),
        (b"[" * 100_000, (413,)),
    ],
    ids=lambda value: value[:12].decode("latin-1") if isinstance(value, bytes) else "",
)
async def test_bodies_that_are_no_such_object(
    client: httpx.AsyncClient, route: str, content: bytes, statuses: tuple[int, ...]
) -> None:
    """Malformed, deeply nested, wrongly encoded and oversized bodies are refused."""
    assert_problem(await client.post(route, content=content, headers=JSON), *statuses)


@pytest.mark.parametrize("route", ROUTES)
async def test_20_megabytes_are_not_read(client: httpx.AsyncClient, route: str) -> None:
    """The body is refused as soon as it is too large, not when it has arrived."""
    sent = 0

    async def body() -> Any:  # noqa: ANN401  an async generator
        nonlocal sent
        for _ in range(20_000_000 // 65_536):
            sent += 65_536
            yield b"x" * 65_536

    assert_problem(await client.post(route, content=body(), headers=JSON), 413)
    assert sent <= 2 * 65_536


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_other_media_types(client: httpx.AsyncClient, route: str, media_type: str) -> None:
    """A body that does not say that it is JSON is 415."""
    content = json.dumps(ROUTES[route]).encode()
    headers = {"Content-Type": media_type} if media_type else {}
    assert_problem(await client.post(route, content=content, headers=headers), 415)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "user_id=",
        f"user_id={CANARY}",
        f"user_id={ANA}&user_id={ANA}",
        "user_id=%ff%fe",
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/roadmaps"), ("DELETE", "/roadmap/1")])
async def test_queries_without_one_user(
    client: httpx.AsyncClient, method: str, path: str, query: str
) -> None:
    """A user id that is missing, empty, malformed or given twice is 422."""
    answer = await client.request(method, f"{path}?{query}")
    assert_problem(answer, 422)
    assert [error["field"] for error in answer.json()["errors"]] == ["user_id"]


@pytest.mark.parametrize("suffix", ["", "/weeks", "/week/1"])
@pytest.mark.parametrize(
    "identifier",
    ["-1", "0", "1.5", "nan", CANARY, "%ff", "9" * 5000],
)
async def test_ids_in_paths(client: httpx.AsyncClient, identifier: str, suffix: str) -> None:
    """An id that no roadmap can have is 422, before the database is asked."""
    assert_problem(await client.get(f"/roadmap/{identifier}{suffix}"), 422)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", f"/{CANARY}", 404), ("PUT", "/roadmaps", 405), ("GET", "/generate_roadmap", 405)],
)
async def test_addresses_and_methods_that_do_not_exist(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    """They are problem documents too."""
    assert_problem(await client.request(method, path), status)


@pytest.mark.parametrize(("method", "suffix"), [("GET", ""), ("DELETE", ""), ("GET", "/events")])
@pytest.mark.parametrize(
    "identifier", ["1", "nan", CANARY, "%00", "%ff", f"{ANA}0", "9" * 5000, f"%20{ANA}%00"]
)
async def test_ids_of_generations(
    client: httpx.AsyncClient, method: str, suffix: str, identifier: str
) -> None:
    """An id that no generation can have is 422, before the database is asked."""
    answer = await client.request(method, f"/generations/{identifier}{suffix}")
    assert_problem(answer, 422)
    assert [error["field"] for error in answer.json()["errors"]] == ["generation_id"]


@pytest.mark.parametrize("query", ["user_id=", f"user_id={CANARY}", f"user_id={ANA}&user_id={ANA}"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/roadmap/1"),
        ("GET", "/roadmap/1/weeks"),
        ("GET", "/roadmap/1/week/1"),
        ("GET", f"/generations/{ANA}"),
        ("DELETE", f"/generations/{ANA}"),
        ("GET", f"/generations/{ANA}/events"),
    ],
)
async def test_owners_that_are_none(
    client: httpx.AsyncClient, method: str, path: str, query: str
) -> None:
    """Where an owner may be named, a malformed one is 422 and not taken for none."""
    answer = await client.request(method, f"{path}?{query}")
    assert_problem(answer, 422)
    assert [error["field"] for error in answer.json()["errors"]] == ["user_id"]


@pytest.mark.parametrize(
    "query",
    [
        "user_id=",
        f"user_id={CANARY}",
        f"user_id={ANA}&user_id={ANA}",
        f"user_id={ANA}&user_id={BEN}",
        f"user_id={BEN}",
    ],
)
@pytest.mark.parametrize(("route", "headers"), FORMS)
async def test_users_beside_a_body(
    client: httpx.AsyncClient, route: str, headers: dict[str, str], query: str
) -> None:
    """One that is malformed, given twice, or another than the body's is 422."""
    body = ROUTES[route] | {"user_id": ANA}
    answer = await client.post(f"{route}?{query}", json=body, headers=headers)
    assert_problem(answer, 422)
    assert [error["field"] for error in answer.json()["errors"]] == ["user_id"]
    assert (await client.get("/roadmaps", params={"user_id": ANA})).json() == []


@pytest.mark.parametrize(
    "key",
    [b"", b" ", b"k" * 256, b"a\tb", "sch\u00f6n".encode(), b"\xff\xfe", CANARY.encode() * 30],
)
async def test_idempotency_keys(client: httpx.AsyncClient, key: bytes) -> None:
    """A key is 1 to 255 visible ASCII characters and blanks between them."""
    headers = {b"Idempotency-Key": key, b"Content-Type": b"application/json"}
    answer = await client.post("/generate_roadmap", content=json.dumps(REQUEST), headers=headers)
    assert_problem(answer, 422)
    assert [error["field"] for error in answer.json()["errors"]] == ["idempotency-key"]


@pytest.mark.parametrize("number", [b"-1", b"419", b"1.5", b"nan", b"9" * 5000, CANARY.encode()])
async def test_last_event_ids(client: httpx.AsyncClient, number: bytes) -> None:
    """An event's number is one that a generation can have."""
    headers = {b"Last-Event-ID": number}
    answer = await client.get(f"/generations/{ANA}/events", headers=headers)
    assert_problem(answer, 422)
    assert [error["field"] for error in answer.json()["errors"]] == ["last-event-id"]


@pytest.mark.parametrize(
    "preference", [b"", b";;,,=", b"respond-async-not", b"wait=-1", b"\xff\xfe", b"x" * 5000]
)
async def test_preferences_that_mean_nothing(client: httpx.AsyncClient, preference: bytes) -> None:
    """Preferences that are not understood are ignored (RFC 7240)."""
    headers = {b"Prefer": preference, b"Content-Type": b"application/json"}
    answer = await client.post("/generate_roadmap", content=json.dumps(REQUEST), headers=headers)
    assert answer.status_code == 200
    assert "preference-applied" not in answer.headers


async def test_allow_names_every_method_of_an_address(client: httpx.AsyncClient) -> None:
    """A refused method is answered with all that the address takes (RFC 9110)."""
    for path in ("/roadmap/1", f"/generations/{ANA}"):
        answer = await client.put(path)
        assert_problem(answer, 405)
        assert answer.headers["allow"] == "DELETE, GET"
