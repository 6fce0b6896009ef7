"""What HTTP's own rules say about methods, negotiation and repeated headers."""

import httpx
import pytest

from tests.support.learners import ANA, REQUEST

STREAM = "text/event-stream"


@pytest.mark.parametrize("path", ["/health", f"/roadmaps?user_id={ANA}", "/roadmap/9", "/docs"])
async def test_head_is_get_without_a_body(client: httpx.AsyncClient, path: str) -> None:
    get = await client.get(path)
    head = await client.head(path)
    assert head.status_code == get.status_code
    assert head.headers["content-length"] == get.headers["content-length"]
    assert head.content == b""


async def test_head_of_an_event_stream_ends(client: httpx.AsyncClient) -> None:
    """Its headers are all that there is to send, however long the stream would last."""
    begun = await client.post(
        "/generate_roadmap", json=REQUEST, headers={"Prefer": "respond-async"}
    )
    url = begun.headers["location"] + "/events"
    head = await client.head(url, headers={"Accept": STREAM})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"].startswith(STREAM)


async def test_post_routes_have_no_head(client: httpx.AsyncClient) -> None:
    answer = await client.head("/task/update")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


async def test_allowed_methods_name_head(client: httpx.AsyncClient) -> None:
    answer = await client.post("/health")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


async def test_ranges_are_ignored(client: httpx.AsyncClient) -> None:
    path = "/static-offline-docs/swagger-ui.css"
    whole = await client.get(path)
    for part in ("bytes=0-9", "bytes=999999999-", "nonsense"):
        answer = await client.get(path, headers={"Range": part})
        assert answer.status_code == 200
        assert answer.content == whole.content


@pytest.mark.parametrize(
    ("accept", "is_stream"),
    [
        (STREAM, True),
        (f"{STREAM};q=0.1", True),
        (f"application/json, {STREAM} ; Q=0.000", False),
        (f"{STREAM};q=0, */*", False),
    ],
)
async def test_weight_zero_excludes(
    client: httpx.AsyncClient, accept: str, *, is_stream: bool
) -> None:
    answer = await client.post("/generate_roadmap", json=REQUEST, headers={"Accept": accept})
    assert answer.headers["content-type"].startswith(STREAM) is is_stream


async def test_repeated_idempotency_key_is_refused(client: httpx.AsyncClient) -> None:
    """Nobody could tell which one is meant, and a wrong guess costs a second roadmap."""
    headers = [("Idempotency-Key", "one"), ("Idempotency-Key", "two")]
    answer = await client.post("/generate_roadmap", json=REQUEST, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"field": "idempotency-key", "message": "Given more than once"}
    ]


async def test_refused_preflight_is_a_problem_document(client: httpx.AsyncClient) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    answer = await client.options("/health", headers=headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 400
    assert answer.headers["vary"].startswith("Origin")
