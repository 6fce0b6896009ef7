"""Clients of scripted servers."""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

import pytest

from src.llm.openrouter.client import OpenRouterClient
from src.llm.openrouter.schemas import AnswerShape
from tests.support.scripted_server import Script, ScriptedServer, scripted_server

SECRET_KEY = "sk-or-v1-canary"  # noqa: S105  no password
GOAL = "Learn Rust"
MESSAGES = (
    {"role": "system", "content": "Answer with JSON."},
    {"role": "user", "content": f'{{"goal":"{GOAL}"}}'},
)
SHAPE = AnswerShape(
    "week",
    "days",
    rich={"type": "object", "properties": {"days": {"type": "array", "minItems": 1}}},
    plain={"type": "object", "properties": {"days": {"type": "array"}}},
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

    @property
    def bodies(self) -> list[dict[str, object]]:
        return [request.body for request in self.server.requests]


Serve = Callable[..., "Scripted"]


@pytest.fixture
def serve() -> Callable[..., object]:
    """Serve a script, with a client: `async with serve(script) as scripted`.

    `path` is that of the base URL; further settings are the client's.
    """

    @asynccontextmanager
    async def serve(
        script: Script, *, path: str = "/v1", **settings: float
    ) -> AsyncIterator[Scripted]:
        async with scripted_server(script) as server:
            options = {"call_timeout": 5.0, "idle_timeout": 5.0, "retry_wait": 0.01} | settings
            client = OpenRouterClient(
                base_url=server.origin + path,
                api_key=SECRET_KEY,
                model="m",
                max_calls=64,
                **options,  # type: ignore[arg-type]  # floats alone
            )
            scripted = Scripted(server, client)
            try:
                yield scripted
            finally:
                await scripted.client.close()

    return serve
