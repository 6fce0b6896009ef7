"""What a browser asks before it lets a page of another origin read an answer."""

import httpx
import pytest

PRODUCTION = "https://momentum-ai-frontend.vercel.app"


@pytest.mark.parametrize("origin", ["http://localhost:3000", PRODUCTION])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_preflight_allows_the_frontend(
    client: httpx.AsyncClient, origin: str, method: str
) -> None:
    """The frontend's origins, the API's methods and the headers that it defines are allowed."""
    asked = "authorization, content-type, idempotency-key, prefer, last-event-id"
    answer = await client.options(
        "/generate_roadmap",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": asked,
        },
    )
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert method in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert all(name in allowed for name in asked.split(", "))


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://localhost:3000.evil.example", "null"]
)
async def test_other_origins_get_no_leave(client: httpx.AsyncClient, origin: str) -> None:
    """An origin is allowed when it is listed, letter by letter."""
    answer = await client.get("/health", headers={"Origin": origin})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/health"), ("GET", "/nothing"), ("POST", "/task/update")]
)
async def test_every_answer_carries_the_headers(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    """Errors too, and the page may read the headers that this API defines."""
    answer = await client.request(method, path, headers={"Origin": PRODUCTION})
    assert answer.headers["access-control-allow-origin"] == PRODUCTION
    exposed = answer.headers["access-control-expose-headers"]
    for name in ("Retry-After", "Momentum-Planner", "X-Request-ID", "Location"):
        assert name in exposed
