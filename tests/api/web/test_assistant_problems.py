"""Problems of the assistant: the deployed frontend shows `response` alone, whatever the status."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest

import src.web.json_bodies
from api import create_app
from src.app_state import state_of
from src.domain import errors
from src.domain.plan import ModelUsage
from src.domain.roadmap import AssistantAnswer
from src.llm import AssistantContext
from src.web.problem_texts import text_of_class
from tests.api.web.test_problems import ANSWERS
from tests.support.backends import SqliteBackend
from tests.support.learners import ANA, BEN, roadmap_request
from tests.support.settings import isolated_settings
from tests.support.tokens import AuthServer

PATH = "/ask-assistant"
JSON = {"Content-Type": "application/json"}
STREAM = {"Accept": "text/event-stream"}


class FailingAssistant:
    """Fails with `error`, or never answers if there is none."""

    def __init__(self) -> None:
        self.error: Exception | None = RuntimeError("a bug")
        self.asked = asyncio.Event()

    async def answer(
        self,
        question: str,  # noqa: ARG002  as the protocol
        context: AssistantContext,  # noqa: ARG002
        report: Callable[[ModelUsage], None],
    ) -> AsyncGenerator[str | AssistantAnswer, None]:
        self.asked.set()
        report(ModelUsage(model="none"))
        if self.error is not None:
            raise self.error
        yield await asyncio.Future()

    async def close(self) -> None:
        pass


class Service:
    """The application with an assistant that fails, a client, and a roadmap of Ana's."""

    def __init__(self, client: httpx.AsyncClient, assistant: FailingAssistant) -> None:
        self.client = client
        self.assistant = assistant
        self.question: dict[str, Any] = {"user_id": ANA, "input_data": "What is next?"}

    async def ask(self, headers: dict[str, str] | None = None, **changes: object) -> httpx.Response:
        return await self.client.post(PATH, json=self.question | changes, headers=headers)


@asynccontextmanager
async def running(
    backend: SqliteBackend, patch: pytest.MonkeyPatch, **values: object
) -> AsyncIterator[Service]:
    assistant = FailingAssistant()
    settings = isolated_settings(patch, **values)
    app = create_app(settings, store=await backend.open(), assistant=assistant)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api.test") as client,
    ):
        yield Service(client, assistant)


@pytest.fixture
async def service(
    backend: SqliteBackend, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Service]:
    async with running(backend, monkeypatch) as service:
        made = await service.client.post("/generate_roadmap", json=roadmap_request())
        service.question["roadmap_id"] = made.json()["roadmap_id"]
        yield service


def assert_shown(answer: httpx.Response, status: int) -> None:
    """Expect a problem document whose sentence also stands in `response`."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert_sentence(answer.json(), status)


def assert_sentence(problem: dict[str, Any], status: int) -> None:
    assert problem["status"] == status
    assert problem["response"] == problem["detail"]
    assert problem["response"].endswith(".")


async def test_every_domain_error(service: Service) -> None:
    """Plain and streamed, whichever class it has."""
    for error, status, _ in ANSWERS:
        service.assistant.error = error
        assert_shown(await service.ask(), status)
        streamed = await service.ask(STREAM)
        assert streamed.text.startswith("event: problem\ndata: ")
        assert_sentence(json.loads(streamed.text.splitlines()[1].removeprefix("data: ")), status)


async def test_questions_that_are_refused(service: Service) -> None:
    """Before a stream begins, too."""
    refusals: list[tuple[dict[str, object], int]] = [
        ({"user_id": BEN}, 404),
        ({"roadmap_id": 987_654}, 404),
        ({"week_number": 3}, 404),
        ({"week_number": 53}, 422),
        ({"input_data": " "}, 422),
        ({"input_data": "x" * 4_001}, 422),
        ({"input_data": "x" * 70_000}, 413),
        ({"user_id": "nobody"}, 422),
    ]
    for changes, status in refusals:
        for headers in ({}, STREAM):
            assert_shown(await service.ask(headers, **changes), status)


async def test_requests_that_are_no_question(service: Service) -> None:
    """Bodies, media types and methods that the path does not accept."""
    client = service.client
    assert_shown(await client.post(PATH, content=b"{", headers=JSON), 422)
    assert_shown(await client.post(PATH, content=b"\xff", headers=JSON), 400)
    assert_shown(await client.post(PATH, content=b"{}"), 415)
    for method in ("GET", "PUT", "DELETE"):
        assert_shown(await client.request(method, PATH), 405)


async def test_body_that_never_ends(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(src.web.json_bodies, "BODY_TIMEOUT_SECONDS", 0.01)

    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    assert_shown(await service.client.post(PATH, content=body(), headers=JSON), 408)


async def test_unexpected_error(service: Service) -> None:
    """It is caught by the middleware, outside of all routes."""
    assert_shown(await service.ask(), 500)


async def test_shutdown(backend: SqliteBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the question is admitted, and when the server cancels it as it exits."""
    assistant = FailingAssistant()
    assistant.error = None
    app = create_app(
        isolated_settings(monkeypatch), store=await backend.open(), assistant=assistant
    )
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client,
    ):
        service = Service(client, assistant)
        made = await client.post("/generate_roadmap", json=roadmap_request())
        service.question["roadmap_id"] = made.json()["roadmap_id"]
        asking = asyncio.create_task(service.ask())
        await assistant.asked.wait()
        state_of(app).begin_drain()
        asking.cancel()
        assert_shown(await asking, 503)
        assert_shown(await service.ask(), 503)


async def test_limit(backend: SqliteBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says which limit, and for how long."""
    async with running(backend, monkeypatch, questions_per_hour=1) as service:
        made = await service.client.post("/generate_roadmap", json=roadmap_request())
        service.question["roadmap_id"] = made.json()["roadmap_id"]
        await service.ask()
        refused = await service.ask()
    assert_shown(refused, 429)
    assert "1 question per hour" in refused.json()["response"]


async def test_authentication(
    backend: SqliteBackend, auth: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The middleware answers before any route is chosen."""
    values = {
        "supabase_url": auth.url,
        "supabase_service_role_key": "a-key-that-opens-nothing-here",
        "auth_mode": "required",
    }
    async with running(backend, monkeypatch, **values) as service:
        service.question["roadmap_id"] = 1
        assert_shown(await service.ask(), 401)
        assert_shown(await service.ask({"Authorization": "Bearer nonsense"}), 401)
        token = {"Authorization": f"Bearer {auth.mint.es256(ANA)}"}
        assert_shown(await service.ask(token, user_id=BEN), 403)
    async with running(backend, monkeypatch, **values | {"supabase_url": "http://127.0.0.1:9"}) as (
        service
    ):
        assert_shown(await service.ask(token, roadmap_id=1), 503)


def test_wording_suits_a_question() -> None:
    """What a model's error says about roadmaps is not said about a question."""
    for error_class in errors.MomentumError.by_code.values():
        if issubclass(error_class, errors.ModelError):
            text = text_of_class(error_class)
            sentence = text.question_detail or text.detail
            assert not {"roadmap", "stored"} & set(sentence.lower().replace(".", "").split())


async def test_other_paths_have_no_response(service: Service) -> None:
    """The member is the assistant's alone."""
    for path in ("/roadmaps", f"/roadmap/{uuid4()}", "/ask-assistant/", "/nothing"):
        problem = (await service.client.get(path)).json()
        assert problem["status"] in {404, 422}
        assert "response" not in problem
