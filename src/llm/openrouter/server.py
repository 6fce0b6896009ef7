"""The connection to a model's server: one request in, chunks out, all failures `ModelError`s."""

import asyncio
import os
import re
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, contextmanager
from typing import Any

import httpx2
import openai

from src.domain.errors import ModelMisconfiguredError
from src.llm.openrouter.bounded_responses import bound_response
from src.llm.openrouter.chunks import Chunk, read_chunks
from src.llm.openrouter.errors import (
    NotTheProtocolError,
    WrongAddressError,
    model_error,
    translate_errors,
)
from src.llm.openrouter.server_errors import ServerError, read_error
from src.telemetry import spend

APP_HEADERS = {
    "HTTP-Referer": "https://momentum-ai-frontend.vercel.app",
    "X-OpenRouter-Title": "Momentum-AI",
}
"""How OpenRouter lists the app that calls."""

_VERSION_SEGMENT = re.compile(r"/v\d+[a-z0-9]*(?:/|$)")

Hear = Callable[[ServerError], None]


class ModelServer:
    """Sends requests through the SDK; it neither retries nor knows what an answer means."""

    def __init__(
        self, base_url: str, api_key: str, call_timeout: float, idle_timeout: float
    ) -> None:
        """Build the client; nothing is sent yet. Times are in seconds."""
        self._call_timeout = call_timeout
        self._idle_timeout = idle_timeout
        self._has_version = _VERSION_SEGMENT.search(base_url) is not None
        with _without_sdk_variables():
            self._client = openai.AsyncOpenAI(
                base_url=base_url,
                api_key=api_key,
                default_headers=APP_HEADERS | {"Accept-Encoding": "identity"},
                max_retries=0,  # ours are bounded in time, and know failures inside a 200
                http_client=openai.DefaultAsyncHttpx2Client(
                    timeout=httpx2.Timeout(call_timeout, connect=min(10.0, call_timeout)),
                    follow_redirects=False,  # another origin would get the learner's goal
                    event_hooks={"response": [bound_response]},
                ),
            )

    async def complete(
        self,
        model: str,
        messages: Sequence[Any],
        parameters: Mapping[str, Any],
        first_token_timeout: float,
        hear: Hear,
    ) -> AsyncGenerator[Chunk, None]:
        """Yield the chunks of one completion. `hear` gets what the server says of an error.

        Text, thinking and a finish reason are progress. Comments, blank lines and chunks without
        any of them are not: servers send them to keep the connection alive.

        Raises:
            ModelError: the call failed; the subclass says why.
        """
        deadline = time.monotonic() + self._call_timeout
        progress_by = min(time.monotonic() + first_token_timeout, deadline)
        async with AsyncExitStack() as stack:
            stack.enter_context(spend("model"))
            with self._translate(hear):
                async with asyncio.timeout(progress_by - time.monotonic()):
                    request = self._request(model, messages, parameters)
                    response = await stack.enter_async_context(request)
            chunks = await stack.enter_async_context(aclosing(read_chunks(response.iter_bytes())))
            while True:
                with self._translate(hear):
                    async with asyncio.timeout(progress_by - time.monotonic()):
                        batch = await _read_until_progress(chunks)
                if not batch:
                    return
                for chunk in batch:
                    yield chunk
                    if chunk.error is not None:
                        self._raise_error(chunk.error, response.headers, hear)
                progress_by = min(time.monotonic() + self._idle_timeout, deadline)

    def _request(
        self, model: str, messages: Sequence[Any], parameters: Mapping[str, Any]
    ) -> AbstractAsyncContextManager[Any]:
        """Return the request, whose response is the context's value."""
        others = dict(parameters)
        is_streamed = bool(others.pop("stream", False))
        return self._client.chat.completions.with_streaming_response.create(
            model=model, messages=list(messages), stream=is_streamed, extra_body=others
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _raise_error(self, body: object, headers: Mapping[str, str], hear: Hear) -> None:
        """Raise an error that arrived inside a 200."""
        with self._translate(hear):
            said = read_error(body, None, headers)
            hear(said)
            raise model_error(said)

    @contextmanager
    def _translate(self, hear: Hear) -> Iterator[None]:
        """Translate errors, and explain those of a base URL without its version."""
        try:
            with translate_errors(hear):
                yield
        except (NotTheProtocolError, WrongAddressError) as error:
            if self._has_version:
                raise
            raise ModelMisconfiguredError(
                f"OPENAI_BASE_URL has no version such as /v1 at its end ({error})"
            ) from error


async def _read_until_progress(chunks: AsyncGenerator[Chunk, None]) -> list[Chunk]:
    """Return the next chunks up to one with progress or an error; none at the end."""
    batch = []
    async for chunk in chunks:
        if chunk != Chunk():
            batch.append(chunk)
        if chunk.text or chunk.thinking or chunk.finish_reason or chunk.error is not None:
            break
    return batch


@contextmanager
def _without_sdk_variables() -> Iterator[None]:
    """Hide the variables that the SDK reads by itself, so that our settings alone count.

    It would send `OPENAI_ORG_ID`, `OPENAI_PROJECT_ID` and `OPENAI_CUSTOM_HEADERS` to every server.
    """
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("OPENAI_")}
    try:
        yield
    finally:
        os.environ.update(hidden)
