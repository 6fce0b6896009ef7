"""The application over each store and the offline models, and a client that talks to it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI

from api import create_app
from src.dao import Store
from src.settings import Settings
from tests.api.replicas import GatedPlanner, Replica, Running, Start, replica
from tests.support.backends import Backend
from tests.support.learners import REQUEST
from tests.support.settings import isolated_settings


class CurrentStore:
    """The store of the test that runs, so that all tests can share one application."""

    target: Store

    def __getattr__(self, name: str) -> object:
        return getattr(self.target, name)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Offer settings in which nothing is configured."""
    return isolated_settings(monkeypatch)


@pytest.fixture(scope="session")
def current_store() -> CurrentStore:
    return CurrentStore()


@pytest.fixture(scope="session")
def session_app(current_store: CurrentStore) -> FastAPI:
    """Build one application: its first request prepares all routes, which takes 20 ms of CPU."""
    with pytest.MonkeyPatch.context() as patch:
        return create_app(isolated_settings(patch), store=cast("Store", current_store))


@pytest.fixture
async def store(backend: Backend) -> Store:
    """Offer the store under `app`, which closes it."""
    return await backend.open()


@pytest.fixture
async def app(
    session_app: FastAPI, current_store: CurrentStore, store: Store
) -> AsyncIterator[FastAPI]:
    """Offer the session's application, started on the test's own store."""
    current_store.target = store
    async with session_app.router.lifespan_context(session_app):
        yield session_app


@pytest.fixture
def running(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Running:
    """Offer a way to run instances of the test's own on the backend."""

    @asynccontextmanager
    async def run(planner: GatedPlanner | None = None, **values: object) -> AsyncIterator[Replica]:
        settings = isolated_settings(monkeypatch, **values)
        async with replica(settings, await backend.open(), planner) as on:
            yield on

    return run


@pytest.fixture
async def start(settings: Settings, backend: Backend) -> AsyncIterator[Start]:
    """Offer to start instances with the settings of the test on one database."""
    async with AsyncExitStack() as running:

        async def start(planner: GatedPlanner | None = None) -> Replica:
            store = await backend.open()
            return await running.enter_async_context(replica(settings, store, planner))

        yield start


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
