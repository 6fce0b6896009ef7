"""Answers that are asked for again: their tags, 304, and compression."""

import gzip
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from api import create_app
from src.settings import Settings
from src.web.polling import PolledRoute
from tests.support.learners import ANA

IDENTITY = {"Accept-Encoding": "identity"}
POLLED = [
    *("/roadmaps?user_id={}", "/roadmaps?user_id={}&include=progress", "/roadmap/1?user_id={}"),
    *("/roadmap/1/weeks?user_id={}", "/roadmap/1/week/1?user_id={}", "/progress?user_id={}"),
    *("/roadmap/1/progress?user_id={}", "/roadmap/1/progress.svg?user_id={}"),
    *("/progress.svg?user_id={}", "/roadmap/1/export?user_id={}&format=csv"),
    *("/roadmap/1/export?user_id={}&format=ics", "/roadmap/1/export?user_id={}&format=md"),
]


@pytest.mark.long(2)
@pytest.mark.parametrize("path", [path.format(ANA) for path in POLLED])
async def test_polled_answers(
    client: httpx.AsyncClient, roadmap: dict[str, Any], path: str
) -> None:
    """Each says how to keep it, and is not sent again to a client that has it."""
    assert roadmap["roadmap_id"] == 1
    answer = await client.get(path, headers=IDENTITY)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["vary"] == "Accept-Encoding, Authorization, Origin"
    etag = answer.headers["etag"]
    assert etag[0] == etag[-1] == '"'
    assert (await client.get(path, headers=IDENTITY)).headers["etag"] == etag
    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        unchanged = await client.get(path, headers=IDENTITY | {"If-None-Match": known})
        assert (unchanged.status_code, unchanged.content) == (304, b""), known
        assert unchanged.headers["etag"] == etag
        assert unchanged.headers["cache-control"] == "private, no-cache"
        assert unchanged.headers["vary"] == answer.headers["vary"]
        assert "content-type" not in unchanged.headers
    for unknown in ('"x"', etag.strip('"'), etag[:-2] + '"', ""):
        changed = await client.get(path, headers=IDENTITY | {"If-None-Match": unknown})
        assert changed.content == answer.content, unknown
    head = await client.head(path, headers=IDENTITY)
    assert (head.headers["etag"], head.content) == (etag, b"")


async def test_polled_answers_are_described(settings: Settings) -> None:
    """The description of each names the tag and the 304."""
    app = create_app(settings)
    paths = app.openapi()["paths"]
    polled = [
        route.path
        for route in iter_route_contexts(app.routes)
        if isinstance(route.original_route, PolledRoute) and "GET" in (route.methods or ())
    ]
    assert "/roadmaps" in polled
    for path in polled:
        responses = paths[path]["get"]["responses"]
        assert "304" in responses, path
        assert "ETag" in responses["200"]["headers"], path


async def test_tag_changes_with_the_answer(
    client: httpx.AsyncClient, roadmap: dict[str, Any]
) -> None:
    path = f"/roadmap/{roadmap['roadmap_id']}"
    weeks = await client.get(f"{path}/weeks")
    task = (await client.get(path)).json()["tasks"][0]
    await client.post("/task/update", json={"task_id": task["id"], "completed": True})
    headers = {"If-None-Match": weeks.headers["etag"]}
    assert (await client.get(f"{path}/weeks", headers=headers)).status_code == 200


async def test_problems_have_no_tag(client: httpx.AsyncClient) -> None:
    """Nothing keeps them, and a client that knows everything gets them all the same."""
    for path in ("/roadmap/999", "/roadmap/x", "/progress"):
        answer = await client.get(path, headers={"If-None-Match": "*"})
        assert answer.is_error
        assert "etag" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"


async def raw(client: httpx.AsyncClient, path: str, **headers: str) -> tuple[httpx.Response, bytes]:
    """Return an answer and its bytes as they were sent."""
    async with client.stream("GET", path, headers=headers) as answer:
        return answer, b"".join([chunk async for chunk in answer.aiter_raw()])


async def test_compression(client: httpx.AsyncClient, roadmap: dict[str, Any]) -> None:
    """Its tag is another one, and both count; a client without gzip gets the bytes as they are."""
    path = f"/roadmap/{roadmap['roadmap_id']}"
    plain, content = await raw(client, path, **IDENTITY)
    packed, compressed = await raw(client, path, **{"Accept-Encoding": "br, gzip;q=0.5"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == plain.headers["vary"]
    assert gzip.decompress(compressed) == content
    assert len(compressed) < len(content) / 4
    etag = packed.headers["etag"]
    assert etag == plain.headers["etag"][:-1] + '-gzip"'
    for known in (etag, f"W/{etag}", f'"x", {etag}', plain.headers["etag"]):
        unchanged, body = await raw(client, path, **{"If-None-Match": known})
        assert (unchanged.status_code, body) == (304, b"")
        assert unchanged.headers["etag"] == known.split()[-1].removeprefix("W/")
    again, same = await raw(client, path)
    assert (again.headers["etag"], same) == (etag, compressed)
    for refusal in ("gzip;q=0", "*;q=0", "identity", "", "gzip;q=0.000, *"):
        answer, body = await raw(client, path, **{"Accept-Encoding": refusal})
        assert "content-encoding" not in answer.headers, refusal
        assert body == content


async def test_what_is_not_compressed(client: httpx.AsyncClient, roadmap: dict[str, Any]) -> None:
    """Short answers and event streams; of these, proxies keep their hands off, too."""
    short, _ = await raw(client, f"/roadmaps?user_id={ANA}")
    assert "content-encoding" not in short.headers
    body = {"user_id": ANA, "roadmap_id": roadmap["roadmap_id"], "input_data": "What is next?"}
    headers = {"Accept": "text/event-stream"}
    async with client.stream("POST", "/ask-assistant", json=body, headers=headers) as streamed:
        assert "content-encoding" not in streamed.headers
        assert "no-transform" in streamed.headers["cache-control"]


async def test_schedule_keeps_its_tag_when_compressed(
    client: httpx.AsyncClient, roadmap: dict[str, Any]
) -> None:
    """It stands for the dates, whatever form the answer has."""
    path = f"/roadmap/{roadmap['roadmap_id']}/schedule"
    body = {"user_id": ANA, "strategy": "shift", "from": "2030-01-01"}
    tags = set()
    for encoding in ("gzip", "identity"):
        answer = await client.post(path, json=body, headers={"Accept-Encoding": encoding})
        assert ("content-encoding" in answer.headers) is (encoding == "gzip")
        tags.add(answer.headers["etag"])
    assert len(tags) == 1
