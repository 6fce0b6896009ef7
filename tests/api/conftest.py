"""The application over each store and the offline models, and a client that talks to it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api import create_app
from src.settings import Settings
from tests.support.backends import Backend
from tests.support.learners import REQUEST
from tests.support.settings import isolated_settings


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Offer settings in which nothing is configured."""
    return isolated_settings(monkeypatch)


@pytest.fixture
async def app(settings: Settings, backend: Backend) -> AsyncIterator[FastAPI]:
    """Offer the running application; closing it closes the store."""
    app = create_app(settings, store=await backend.open())
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Offer a client; it sees answers to unexpected errors, as a real one would."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        yield client


@pytest.fixture
async def roadmap(client: httpx.AsyncClient) -> dict[str, Any]:
    """Offer a roadmap of Ana's, two weeks long."""
    answer = await client.post("/generate_roadmap", json=REQUEST)
    assert answer.status_code == 200
    roadmap: dict[str, Any] = answer.json()
    return roadmap
