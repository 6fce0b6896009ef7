"""Tokens over HTTP. The system tests have the matrix of who may do what."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.api.replicas import Running
from tests.support.bad_tokens import DEFECTS
from tests.support.learners import ANA, BEN, REQUEST
from tests.support.tokens import AuthServer

OWN = {"user_id": ANA}


Serve = Callable[[str], AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def serve(running: Running, auth: AuthServer) -> Serve:
    """Offer a way to start the application in either mode, with the project of `auth`."""

    @asynccontextmanager
    async def in_mode(mode: str) -> AsyncIterator[httpx.AsyncClient]:
        key = "a-key-that-opens-nothing-here"
        async with running(
            supabase_url=auth.url, supabase_service_role_key=key, auth_mode=mode
        ) as on:
            yield on.client

    return in_mode


def bearer(token: str) -> dict[str, Any]:
    # As a client would send what has no place in a header: as bytes.
    return {"Authorization": f"Bearer {token}".encode("utf-8", "surrogatepass")}


@pytest.mark.parametrize("mode", ["optional", "required"])
async def test_every_defect_is_refused(serve: Serve, auth: AuthServer, mode: str) -> None:
    """It is a 401 that says how to sign in: never a 500, and nobody becomes anonymous by it."""
    wrong = []
    async with serve(mode) as client:
        for name, defect in DEFECTS.items():
            headers = bearer(defect(auth.mint, UUID(ANA)))
            answer = await client.get("/roadmaps", params=OWN, headers=headers)
            outcome = (
                answer.status_code,
                answer.headers["content-type"],
                answer.headers.get_list("www-authenticate"),
            )
            if outcome != (401, "application/problem+json", ['Bearer error="invalid_token"']):
                wrong.append((name, outcome))
    assert wrong == []


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_token_acts_as_its_subject(serve: Serve, auth: AuthServer, scheme: str) -> None:
    """The scheme's case does not matter (RFC 9110)."""
    async with serve("required") as client:
        headers = {"Authorization": f"{scheme} {auth.mint.es256(ANA)}"}
        created = await client.post("/generate_roadmap", json=REQUEST, headers=headers)
        listed = await client.get("/roadmaps", params=OWN, headers=headers)
    assert listed.json() == [created.json()]


@pytest.mark.parametrize(
    ("mode", "headers"), [("required", {}), ("optional", bearer("bad")), ("required", bearer("x"))]
)
async def test_unauthenticated_body_is_not_read(
    serve: Serve, mode: str, headers: dict[str, Any]
) -> None:
    """A refusal comes before the first byte of the body is read."""
    read = []

    async def body() -> AsyncIterator[bytes]:
        read.append(b"{")
        yield b"{"

    async with serve(mode) as client:
        for path in ("/generate_roadmap", "/ask-assistant", "/task/update"):
            answer = await client.post(
                path, content=body(), headers=headers | {"Content-Type": "application/json"}
            )
            assert answer.status_code == 401
    assert read == []


@pytest.mark.parametrize("answer", [(503, b""), (200, b"<html>"), (200, b'{"keys":1}')])
async def test_keys_out_of_reach(serve: Serve, auth: AuthServer, answer: tuple[int, bytes]) -> None:
    """A token cannot be verified: 503. A request without one is served as always."""
    auth.answer = answer
    headers = bearer(auth.mint.es256(ANA))
    async with serve("optional") as client:
        refused = await client.get("/roadmaps", params=OWN, headers=headers)
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:momentum-ai:problem:identity-unavailable"
        assert refused.headers["retry-after"] == "5"
        assert (await client.get("/roadmaps", params=OWN)).json() == []
        assert (await client.get("/health", headers=headers)).status_code == 200
        # A token that no key could verify needs none.
        bad = await client.get("/roadmaps", params=OWN, headers=bearer("bad"))
        assert bad.status_code == 401
    async with serve("required") as client:
        assert (await client.get("/roadmaps", params=OWN, headers=headers)).status_code == 503
        assert (await client.get("/roadmaps", params=OWN)).status_code == 401


async def test_keys_are_fetched_for_tokens_alone(serve: Serve, auth: AuthServer) -> None:
    """A frontend that sends no token costs the project's Auth nothing; one fetch serves many."""
    async with serve("optional") as client:
        await client.get("/roadmaps", params=OWN)
        assert auth.fetches == 0
        for user in (ANA, BEN, ANA):
            headers = bearer(auth.mint.es256(user))
            answer = await client.get("/roadmaps", params={"user_id": user}, headers=headers)
            assert answer.status_code == 200
    assert auth.fetches == 1


async def test_idempotency_key_of_another_reveals_nothing(serve: Serve, auth: AuthServer) -> None:
    """A key belongs to one user, and a refused request reveals no generation."""
    key = {"Idempotency-Key": "the same"}
    async with serve("optional") as client:
        ana = bearer(auth.mint.es256(ANA)) | key
        ben = bearer(auth.mint.es256(BEN)) | key
        hers = await client.post("/generate_roadmap", json=REQUEST, headers=ana)
        # Also where the request is another than hers, which for her would be a 422.
        for goal in (REQUEST["goal"], "Play the guitar"):
            refused = await client.post(
                "/generate_roadmap", json=REQUEST | {"goal": goal}, headers=ben
            )
            assert refused.status_code == 403
            assert "location" not in refused.headers
        his = await client.post("/generate_roadmap", json=REQUEST | {"user_id": BEN}, headers=ben)
        assert his.status_code == 200
        assert his.json()["user_id"] == BEN
        assert his.json()["roadmap_id"] != hers.json()["roadmap_id"]
        assert his.headers["location"] != hers.headers["location"]
        assert "idempotency-replayed" not in his.headers
        hidden = await client.get(hers.headers["location"], headers=bearer(auth.mint.es256(BEN)))
        assert hidden.status_code == 404


async def test_another_users_and_nobodys_look_the_same(serve: Serve, auth: AuthServer) -> None:
    """Guessing reveals no roadmap, task or generation."""
    ben = bearer(auth.mint.es256(BEN))
    nobodys = "7f8c1c1e-3b7e-4b5e-9d56-000000000000"
    async with serve("optional") as client:
        created = await client.post("/generate_roadmap", json=REQUEST)
        roadmap_id, generation = created.json()["roadmap_id"], created.headers["location"]
        task = (await client.get(f"/roadmap/{roadmap_id}")).json()["tasks"][0]

        async def refusal(method: str, path: str, task_id: str | None = None) -> dict[str, Any]:
            """Return the problem that Ben gets, without its request id."""
            body = {"task_id": task_id, "completed": True} if task_id else None
            answer = await client.request(method, path, json=body, headers=ben)
            problem: dict[str, Any] = answer.json()
            assert problem["status"] == 404
            return {name: problem[name] for name in ("type", "title", "detail")}

        for rest in ("", "/weeks", "/week/1", "/week/52"):
            hers = await refusal("GET", f"/roadmap/{roadmap_id}{rest}")
            assert hers == await refusal("GET", f"/roadmap/4711{rest}")
        deleted = await refusal("DELETE", f"/roadmap/{roadmap_id}?user_id={BEN}")
        assert deleted == await refusal("DELETE", f"/roadmap/4711?user_id={BEN}")
        updated = await refusal("POST", "/task/update", task["id"])
        assert updated == await refusal("POST", "/task/update", nobodys)
        for method, rest in (("GET", ""), ("GET", "/events"), ("DELETE", "")):
            hers = await refusal(method, f"{generation}{rest}")
            assert hers == await refusal(method, f"/generations/{nobodys}{rest}")


@pytest.mark.parametrize("mode", ["optional", "required"])
async def test_description_asks_for_a_token(serve: Serve, mode: str) -> None:
    """So that Swagger UI's Authorize sends one; it says whether one is required."""
    async with serve(mode) as client:
        document = (await client.get("/openapi.json")).json()
    described = {
        (path, method): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    ((name, scheme),) = document["components"]["securitySchemes"].items()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    for path in ("/health", "/health/ready", "/calendar/{token}.ics"):
        assert "security" not in described.pop((path, "get"))
    for operation in described.values():
        assert operation["security"] == [{}, {name: []}][mode == "required" :]
        assert {"401", "403", "503"} <= operation["responses"].keys()
        assert "WWW-Authenticate" in operation["responses"]["401"]["headers"]
