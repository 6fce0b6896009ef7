"""CORS: which pages of other origins may read an answer."""

import httpx
import pytest

PRODUCTION = "https://momentum-ai-frontend.vercel.app"


@pytest.mark.parametrize("origin", ["http://localhost:3000", PRODUCTION])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_preflight_allows_the_frontend(
    client: httpx.AsyncClient, origin: str, method: str
) -> None:
    """The frontend's origins, the API's methods and the headers that it defines are allowed."""
    asked = (
        "authorization, content-type, idempotency-key, prefer, last-event-id,"
        " baggage, sentry-trace, traceparent"
    )
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


OTHER_ORIGINS = (
    "https://evil.example",
    "http://localhost:3000.evil.example",
    "http://localhost:3001",
    "https://localhost:3000",
    "HTTP://LOCALHOST:3000",
    "http://localhost:3000/",
    "http://localhost:3000, https://evil.example",
    "https://evil.momentum-ai-frontend.vercel.app",
    "http://momentum-ai-frontend.vercel.app",
    "null",
    "*",
    "",
)


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("OPTIONS", 400)])
async def test_other_origins_are_not_allowed(
    client: httpx.AsyncClient, method: str, status: int
) -> None:
    """An origin is allowed when it is listed, letter by letter; none is ever sent back."""
    for origin in OTHER_ORIGINS:
        headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        answer = await client.request(method, "/health", headers=headers)
        assert answer.status_code == status, origin
        assert "access-control-allow-origin" not in answer.headers, origin
        assert "access-control-allow-credentials" not in answer.headers, origin
        assert not origin or origin not in str(answer.headers.raw) + answer.text


async def test_preflight_refuses_what_the_api_does_not_know(client: httpx.AsyncClient) -> None:
    """Methods and headers are those that this API defines, and unknown ones are not sent back."""
    for asked in ({"Method": "PATCH"}, {"Method": "POST", "Headers": "x-canary"}):
        headers = {f"Access-Control-Request-{name}": value for name, value in asked.items()}
        answer = await client.options("/roadmaps", headers={"Origin": PRODUCTION} | headers)
        assert answer.status_code == 400
        assert "PATCH" not in str(answer.headers)
        assert "x-canary" not in str(answer.headers) + answer.text


@pytest.mark.parametrize("path", ["/health", "/nothing", "/roadmap/0"])
async def test_caches_keep_origins_apart(client: httpx.AsyncClient, path: str) -> None:
    """Every answer says that it depends on the origin, even where the request has none."""
    for origin in (None, PRODUCTION, "https://evil.example"):
        answer = await client.get(path, headers={"Origin": origin} if origin else {})
        assert answer.headers.get_list("vary", split_commas=True).count("Origin") == 1
        allowed = answer.headers.get("access-control-allow-origin")
        assert allowed == (PRODUCTION if origin == PRODUCTION else None)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/health"), ("GET", "/nothing"), ("POST", "/task/update")]
)
async def test_every_answer_carries_the_headers(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await client.request(method, path, headers={"Origin": PRODUCTION})
    assert answer.headers["access-control-allow-origin"] == PRODUCTION
    exposed = answer.headers["access-control-expose-headers"]
    for name in ("Retry-After", "Momentum-Planner", "X-Request-ID", "Location"):
        assert name in exposed
