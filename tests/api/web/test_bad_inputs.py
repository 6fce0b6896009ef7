"""What nobody should send: each gets a problem document that does not repeat it.

A test sends many bad values to one application: nothing that is refused leaves a trace.
"""

import json
from typing import Any

import httpx
import pytest

from tests.api.bad_inputs import CANARY, JSON, ROUTES, assert_invalid, assert_problem
from tests.support.learners import ANA, BEN, REQUEST

PATH = "/generate_roadmap"
FORMS: list[tuple[str, dict[str, str]]] = [
    *((route, {}) for route in ROUTES),
    (PATH, {"Accept": "text/event-stream"}),
    (PATH, {"Prefer": "respond-async"}),
    ("/ask-assistant", {"Accept": "text/event-stream"}),
]
"""Every way to ask with a body."""

MALFORMED_USERS = (
    *("user_id=", f"user_id={CANARY}", f"user_id={ANA}&user_id={ANA}"),
    *("user_id=%00", "user_id=%ed%a0%80"),  # no column holds them
)

OUT_OF_BOUNDS: dict[str, list[dict[str, Any]]] = {
    PATH: [
        {"goal": " \t\n\u2003"},
        {"goal": "\u200b\u200d"},
        {"goal": ""},
        {"goal": CANARY * 200},
        {"goal": None},
        {"level": CANARY},
        {"user_id": CANARY},
        {"user_id": ""},
    ],
    "/ask-assistant": [{"roadmap_id": True}, {"roadmap_id": "1"}, {"week_number": True}],
    "/task/update": [
        {"completed": "yes"},
        {"completed": 1},
        {"completed": None},
        {"task_id": 12345},
        {"task_id": ""},
        {"task_id": CANARY * 100},
        {"user_id": CANARY},
    ],
}

BAD_BODIES = {
    b"": 422,
    b"null": 422,
    b"[]": 422,
    b'"text"': 422,
    b"{": 422,
    b"[" * 60_000: 400,
    b'{"a":' * 10_000: 400,
    b'{"goal": "\xff\xfe canary-5417"}': 400,
    '{"goal": "x"}'.encode("utf-16"): 400,
    b'{"user_id": "a", "user_id": "b"}': 422,
    b"{" + b" " * 70_000 + b"}": 413,
    b"[" * 100_000: 413,
}


@pytest.mark.parametrize(
    ("route", "field"),
    [
        (PATH, "duration_weeks"),
        (PATH, "daily_hours"),
        ("/ask-assistant", "roadmap_id"),
        ("/ask-assistant", "week_number"),
        ("/ask-assistant", "day_number"),
    ],
)
async def test_numbers_that_are_none(client: httpx.AsyncClient, route: str, field: str) -> None:
    """Python's JSON parser takes NaN and infinities; JSON does not know them."""
    for number in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 5000):
        body = json.dumps(ROUTES[route] | {field: "HERE"}).replace('"HERE"', number)
        assert_problem(await client.post(route, content=body, headers=JSON), 400, 422)


@pytest.mark.parametrize("field", ["duration_weeks", "daily_hours"])
async def test_values_that_are_no_such_number(client: httpx.AsyncClient, field: str) -> None:
    """Types are not converted and ranges not clamped; the answer names the field."""
    for value in (True, "2", None, [2], {"n": 2}, 2.25, -1, 0, 10**6, 2**63):
        assert_invalid(await client.post(PATH, json=REQUEST | {field: value}), field)


@pytest.mark.parametrize("route", ROUTES)
async def test_values_out_of_bounds(client: httpx.AsyncClient, route: str) -> None:
    """Each is 422 and names its field, and a missing field is named, too."""
    for changes in OUT_OF_BOUNDS[route]:
        content = json.dumps(ROUTES[route] | changes)
        assert_invalid(await client.post(route, content=content, headers=JSON), *changes)
    for name in list(ROUTES[route])[:2]:
        body = {key: value for key, value in ROUTES[route].items() if key != name}
        assert_invalid(await client.post(route, json=body), name)


@pytest.mark.parametrize("route", ROUTES)
async def test_bodies_that_are_no_such_object(client: httpx.AsyncClient, route: str) -> None:
    """Malformed, deeply nested, wrongly encoded and oversized bodies are refused."""
    for content, status in BAD_BODIES.items():
        assert_problem(await client.post(route, content=content, headers=JSON), status)


@pytest.mark.parametrize("route", ROUTES)
async def test_20_megabytes_are_not_read(client: httpx.AsyncClient, route: str) -> None:
    sent = 0

    async def body() -> Any:  # noqa: ANN401  an async generator
        nonlocal sent
        for _ in range(20_000_000 // 65_536):
            sent += 65_536
            yield b"x" * 65_536

    assert_problem(await client.post(route, content=body(), headers=JSON), 413)
    assert sent <= 2 * 65_536


@pytest.mark.parametrize("route", ROUTES)
async def test_other_media_types(client: httpx.AsyncClient, route: str) -> None:
    content = json.dumps(ROUTES[route]).encode()
    for media_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        headers = {"Content-Type": media_type} if media_type else {}
        assert_problem(await client.post(route, content=content, headers=headers), 415)


@pytest.mark.parametrize(("method", "path"), [("GET", "/roadmaps"), ("DELETE", "/roadmap/1")])
async def test_queries_without_one_user(client: httpx.AsyncClient, method: str, path: str) -> None:
    """A user id that is missing, empty, malformed or given twice is 422."""
    for query in ("", "user_id=%ff%fe", *MALFORMED_USERS):
        assert_invalid(await client.request(method, f"{path}?{query}"), "user_id")


@pytest.mark.parametrize("suffix", ["", "/weeks", "/week/1"])
async def test_ids_in_paths(client: httpx.AsyncClient, suffix: str) -> None:
    """An id that no roadmap can have is 422, before the database is asked."""
    for identifier in ("-1", "0", "1.5", "nan", CANARY, "%ff", "9" * 5000):
        assert_problem(await client.get(f"/roadmap/{identifier}{suffix}"), 422)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", f"/{CANARY}", 404), ("PUT", "/roadmaps", 405), ("GET", PATH, 405)],
)
async def test_addresses_and_methods_that_do_not_exist(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    assert_problem(await client.request(method, path), status)


@pytest.mark.parametrize(("method", "suffix"), [("GET", ""), ("DELETE", ""), ("GET", "/events")])
async def test_ids_of_generations(client: httpx.AsyncClient, method: str, suffix: str) -> None:
    """An id that no generation can have is 422, before the database is asked."""
    bad = ("1", "nan", CANARY, "%00", "%ff", f"{ANA}0", "9" * 5000, f"%20{ANA}%00")
    for identifier in bad:
        answer = await client.request(method, f"/generations/{identifier}{suffix}")
        assert_invalid(answer, "generation_id")


@pytest.mark.parametrize("query", MALFORMED_USERS)
async def test_owners_that_are_none(client: httpx.AsyncClient, query: str) -> None:
    """Where an owner is optional, a malformed one is 422 and does not count as absent."""
    for path in ("/roadmap/1", "/roadmap/1/weeks", "/roadmap/1/week/1"):
        assert_invalid(await client.get(f"{path}?{query}"), "user_id")
    for method, suffix in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
        answer = await client.request(method, f"/generations/{ANA}{suffix}?{query}")
        assert_invalid(answer, "user_id")


@pytest.mark.parametrize(("route", "headers"), FORMS)
async def test_users_beside_a_body(
    client: httpx.AsyncClient, route: str, headers: dict[str, str]
) -> None:
    """One that is malformed, given twice, or another than the body's is 422."""
    body = ROUTES[route] | {"user_id": ANA}
    for query in (*MALFORMED_USERS, f"user_id={ANA}&user_id={BEN}", f"user_id={BEN}"):
        answer = await client.post(f"{route}?{query}", json=body, headers=headers)
        assert_invalid(answer, "user_id")
    assert (await client.get("/roadmaps", params={"user_id": ANA})).json() == []


async def test_idempotency_keys(client: httpx.AsyncClient) -> None:
    """A key is 1 to 255 visible ASCII characters and blanks between them."""
    bad = (b"", b" ", b"k" * 256, b"a\tb", "sch\u00f6n".encode(), b"\xff\xfe", b"caf\xe9")
    for key in (*bad, CANARY.encode() * 30):
        headers = {b"Idempotency-Key": key, b"Content-Type": b"application/json"}
        answer = await client.post(PATH, content=json.dumps(REQUEST), headers=headers)
        assert_invalid(answer, "idempotency-key")
    assert (await client.get("/roadmaps", params={"user_id": ANA})).json() == []


async def test_last_event_ids(client: httpx.AsyncClient) -> None:
    """An event's number is one that a generation can have."""
    for number in (b"", b"-1", b"419", b"1.5", b"nan", b"9" * 5000, CANARY.encode()):
        headers = {b"Last-Event-ID": number}
        answer = await client.get(f"/generations/{ANA}/events", headers=headers)
        assert_invalid(answer, "last-event-id")


async def test_preferences_that_mean_nothing(client: httpx.AsyncClient) -> None:
    """Preferences that are not understood are ignored (RFC 7240)."""
    unknown = (b"", b";;,,=", b"respond-async-not", b"wait=-1", b"\xff\xfe", b"x" * 5000)
    for preference in unknown:
        headers = {b"Prefer": preference, b"Content-Type": b"application/json"}
        answer = await client.post(PATH, content=json.dumps(REQUEST), headers=headers)
        assert answer.status_code == 200
        assert "preference-applied" not in answer.headers


async def test_allow_names_every_method_of_an_address(client: httpx.AsyncClient) -> None:
    """A refused method is answered with all that the address takes (RFC 9110)."""
    for path in ("/roadmap/1", f"/generations/{ANA}"):
        answer = await client.put(path)
        assert_problem(answer, 405)
        assert answer.headers["allow"] == "DELETE, GET, HEAD"
