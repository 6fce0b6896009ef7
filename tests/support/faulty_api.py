"""The service with routes that go wrong as only a bug can, each quoting what it was sent."""

import asyncio
import logging
import warnings
from collections.abc import AsyncGenerator
from typing import Annotated, Any, NoReturn

from fastapi import Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api import app
from src.domain.roadmap import AssistantAnswer, Roadmap

__all__ = ["app"]


class Clumsy:
    """An object whose `repr` shows all, as most do."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __repr__(self) -> str:
        return self.words

    def fail(self) -> NoReturn:
        raise RuntimeError(self.words)

    async def fail_later(self) -> NoReturn:
        self.fail()


async def _words(request: Request) -> str:
    return (await request.body()).decode()


Words = Annotated[str, Depends(_words)]


@app.post("/faulty/raise")
async def raise_with_causes(words: Words) -> None:
    try:
        int(words)
    except ValueError as error:
        error.add_note(words)
        raise ExceptionGroup(words, [KeyError(words), OSError(2, words, words)]) from error


@app.post("/faulty/answer")
async def answer_out_of_shape(words: Words) -> Roadmap:
    return {"description": words}  # type: ignore[return-value]  # the bug


@app.post("/faulty/warn")
async def serialize_another_type(words: Words) -> dict[str, Any]:
    warnings.warn(words, stacklevel=1)
    return AssistantAnswer.model_construct(response={words}).model_dump()  # type: ignore[arg-type]  # the bug


@app.post("/faulty/task")
async def leave_a_failing_task(words: Words) -> None:
    clumsy = Clumsy(words)
    task = asyncio.create_task(clumsy.fail_later(), name=clumsy.words)
    asyncio.get_running_loop().call_soon(Clumsy.fail, clumsy)
    await asyncio.sleep(0.01)
    del task


@app.post("/faulty/stream", response_class=EventSourceResponse)
async def fail_in_mid_stream(words: Words) -> AsyncGenerator[ServerSentEvent, None]:
    yield ServerSentEvent(data="so far, so good")
    raise RuntimeError(words)


@app.post("/faulty/libraries")
async def let_libraries_log(words: Words) -> None:
    for name in ("httpx", "httpcore.http11", "openai._base_client", "hpack.hpack", "websockets"):
        logging.getLogger(name).debug("Request: %s", words)
        logging.getLogger(name).info("HTTP Request: %s", words)
