"""Clients of scripted servers."""

import math
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Any, Protocol

import pytest

from src.domain.errors import ModelError
from src.llm.openrouter.client import OpenRouterClient
from src.llm.openrouter.planner import OpenRouterPlanner
from src.llm.openrouter.schemas import AnswerShape
from tests.support.scripted_server import Script, ScriptedServer, scripted_server
from tests.support.standin import OpenRouterStandIn

SECRET_KEY = "sk-or-v1-canary"  # noqa: S105  no password
GOAL = "Learn Rust"
MESSAGES = (
    {"role": "system", "content": "Answer with JSON."},
    {"role": "user", "content": f'{{"goal":"{GOAL}"}}'},
)
SHAPE = AnswerShape(
    "week",
    "days",
    {"type": "object", "properties": {"days": {"type": "array", "minItems": 1}}},
)


class Scripted:
    """A client of a scripted server, and what the server received."""

    def __init__(self, server: ScriptedServer, client: OpenRouterClient) -> None:
        self.server = server
        self.client = client

    async def ask(
        self,
        shape: AnswerShape | None = SHAPE,
        *,
        max_tokens: int = 2_000,
        retries: int = 10,
        timeout: float = math.inf,  # noqa: ASYNC109  the meter's, not the wait's
    ) -> str:
        """Ask one question, with attempts as the planner makes them."""
        meter = self.client.meter(retries, timeout)
        text = ""
        async for attempt in self.client.attempts(meter):
            with attempt:
                answer = self.client.stream(
                    MESSAGES,  # type: ignore[arg-type]  # a tuple of plain dicts
                    shape=shape,
                    max_tokens=max_tokens,
                    meter=meter,
                )
                text = ""
                async with aclosing(answer) as pieces:
                    async for piece in pieces:
                        text += piece
        return text

    async def pieces(
        self, shape: AnswerShape | None = SHAPE, *, max_tokens: int = 100
    ) -> tuple[list[str], ModelError | None]:
        """Make one attempt, and return the pieces and the error after them."""
        pieces: list[str] = []
        meter = self.client.meter(0)
        answer = self.client.stream([], shape=shape, max_tokens=max_tokens, meter=meter)
        try:
            async for piece in answer:
                pieces.append(piece)  # noqa: PERF401  also those before an error
        except ModelError as error:
            return pieces, error
        return pieces, None

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [request.body for request in self.server.requests]


class Serve(Protocol):
    def __call__(
        self, script: Script, *, path: str = "/v1", at_once: int = 1_000, **settings: float
    ) -> AbstractAsyncContextManager[Scripted]: ...


@pytest.fixture
def serve() -> Serve:
    """Return a function that serves a script and offers a client of it.

    `path` is that of the base URL; further settings are the client's.
    """

    @asynccontextmanager
    async def serve(
        script: Script, *, path: str = "/v1", at_once: int = 1_000, **settings: float
    ) -> AsyncIterator[Scripted]:
        async with scripted_server(script, at_once) as server:
            options = {
                "max_calls": 64,
                "call_timeout": 5.0,
                "idle_timeout": 5.0,
                "retry_wait": 0.01,
            } | settings
            client = OpenRouterClient(
                base_url=server.origin + path,
                api_key=SECRET_KEY,
                model="m",
                **options,  # type: ignore[arg-type]  # numbers alone
            )
            scripted = Scripted(server, client)
            try:
                yield scripted
            finally:
                await scripted.client.close()

    return serve


@pytest.fixture
async def model_planner(standin: OpenRouterStandIn) -> AsyncIterator[OpenRouterPlanner]:
    """Offer a planner over the stand-in, with time enough for a busy machine."""
    client = OpenRouterClient(
        base_url=standin.base_url,
        api_key=standin.api_key,
        model="openai/gpt-4o-mini",
        call_timeout=60,
        idle_timeout=60,
        retry_wait=0.01,
    )
    planner = OpenRouterPlanner(client, 32)
    yield planner
    await planner.close()
