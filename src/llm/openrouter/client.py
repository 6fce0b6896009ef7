"""The OpenRouter client: streamed completions whose failures are all `ModelError`s.

Every call streams: only a stream shows whether the server makes progress, and closing it ends what
is billed.
"""

import logging
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import stamina

from src.domain.errors import (
    ModelError,
    ModelTooSlowError,
    ModelUnavailableError,
)
from src.llm.openrouter.attempts import Attempts
from src.llm.openrouter.call import Call
from src.llm.openrouter.chunks import Chunk
from src.llm.openrouter.concurrency import CallSlots, FirstTokenPatience
from src.llm.openrouter.dialect import Dialect, Messages, Question
from src.llm.openrouter.errors import (
    CutWhileThinkingError,
    EmptyCompletionError,
    RateLimitedError,
    RefusedError,
    ServerFailedError,
    TooManyAtOnceError,
    was_cut,
)
from src.llm.openrouter.memory import DialectMemory
from src.llm.openrouter.negotiation import Negotiation
from src.llm.openrouter.quotations import redact
from src.llm.openrouter.schemas import AnswerShape
from src.llm.openrouter.server import ModelServer
from src.llm.openrouter.server_errors import ServerError
from src.llm.openrouter.thinking import ThinkingFilter
from src.llm.openrouter.usage import MAX_RESERVATIONS, UsageMeter

__all__ = ["Messages", "OpenRouterClient"]

logger = logging.getLogger(__name__)


class OpenRouterClient:
    """Completes conversations through any server that speaks a dialect of OpenAI's protocol."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        model: str,
        call_timeout: float,
        idle_timeout: float,
        retry_wait: float = 0.5,
        fallback_models: Sequence[str] = (),
        max_calls: int = 64,
    ) -> None:
        """Build the client; nothing is sent yet.

        `call_timeout` bounds one call in seconds, `idle_timeout` the time without progress in it;
        only the first token of a server that may have to load its model may take longer. The wait
        before a retry grows from about `retry_wait` seconds to ten times that, unless the server
        asks for another. At most `max_calls` run at once, fewer if the server is overloaded;
        further ones wait in the order of their arrival.
        """
        self._model = model
        self._fallback = {"models": [model, *fallback_models]} if fallback_models else {}
        self._api_key = api_key
        self._retry_wait = retry_wait
        self._server = ModelServer(base_url, api_key, call_timeout, idle_timeout)
        self._slots = CallSlots(max_calls)
        self._patience = FirstTokenPatience(idle_timeout)
        self._memory = DialectMemory()

    def accepted_dialect(self, shape: AnswerShape) -> Dialect | None:
        """Return the dialect in which the server takes such questions; None if it took none."""
        return self._memory.dialect() if self._memory.is_accepted(shape.name) else None

    def meter(
        self, retries: int, timeout: float = math.inf, reserved_dollars: float = math.inf
    ) -> UsageMeter:
        """Return a meter for a generation or answer with so many retries and seconds.

        `reserved_dollars` are what it counts for until its cost is known.
        """
        return UsageMeter(
            self._model,
            retries,
            deadline=time.monotonic() + timeout,
            max_dollars=MAX_RESERVATIONS * reserved_dollars,
        )

    def attempts(self, meter: UsageMeter) -> AsyncIterator[stamina.Attempt]:
        """Return the attempts at one question, for `async for attempt: with attempt:`.

        A `ModelError` inside an attempt leads to the next one, after a wait with jitter or the one
        that the server asked for, if the meter has time for it. The last error is raised when it is
        not worth retrying any more or the meter has no retries left.
        """
        return Attempts(meter, self._retry_wait, self._slots.pause).run()

    async def stream(
        self,
        messages: Messages,
        *,
        shape: AnswerShape | None,
        max_tokens: int,
        meter: UsageMeter,
        extra_body: dict[str, Any] | None = None,
    ) -> AsyncGenerator[str, None]:
        """Yield the completion's text piece by piece, without thinking.

        Whatever ends the completion badly is raised after all of its text. Prose, which has no
        shape, ends with an ellipsis if it reaches its token limit. A caller that stops early has to
        close this generator (`contextlib.aclosing`).

        Raises:
            ModelError: the completion failed or was cut; the subclass says why.
        """
        extra = (extra_body or {}) | self._fallback
        question = Question(self._model, messages, shape, max_tokens, extra)
        async with self._memory.contact(question.kind):
            negotiation = Negotiation(self._memory, question)
            while True:
                call = Call(question, negotiation.dialect, meter)
                try:
                    async with aclosing(self._stream_call(call, negotiation)) as pieces:
                        async for piece in pieces:
                            yield piece
                except RefusedError as refusal:
                    negotiation.change(refusal)
                except CutWhileThinkingError as error:
                    negotiation.widen(error)
                else:
                    return

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()

    async def _stream_call(self, call: Call, negotiation: Negotiation) -> AsyncGenerator[str, None]:
        """Make one call and yield its text; the slots and the memory learn how it went."""
        try:
            async with self._slots.slot(call.meter.deadline) as running:
                call.start(running)
                async with aclosing(self._read(call, negotiation)) as pieces:
                    async for piece in pieces:
                        yield piece
        except TimeoutError as error:
            raise ModelTooSlowError("no call to the model's server in time") from error
        except ModelTooSlowError:
            if call.first_token_at is None:
                self._patience.note_timeout()
                self._slots.report_overload(call.started_at, has_timed_out=True)
            raise
        except TooManyAtOnceError:
            self._slots.report_too_many(call.started_at)
            raise
        except RateLimitedError:
            self._slots.report_overload(call.started_at)
            raise
        except ServerFailedError as error:
            self._memory.note_failure(error.said)
            raise
        except EmptyCompletionError:
            self._memory.note_failure(None)
            raise

    async def _read(self, call: Call, negotiation: Negotiation) -> AsyncGenerator[str, None]:
        """Yield the text of a call, then raise a `ModelError` if it ended badly."""
        is_prose = call.question.shape is None
        may_be_unopened = call.dialect.unopened_thinking is not False
        thinking = ThinkingFilter(hold=is_prose and may_be_unopened, json=not is_prose)
        failure: ModelError | None = None
        try:
            async with aclosing(self._chunks(call)) as chunks:
                async for chunk in chunks:
                    self._note_chunk(call, chunk, negotiation)
                    text = thinking.feed(chunk.text)
                    if text:
                        call.take_text(text)
                        yield text
        except ModelError as error:
            failure = error
        if failure and is_prose and not call.has_text:
            raise failure  # the next attempt may give the whole answer
        if rest := thinking.finish():
            call.take_text(rest)
            yield rest
        if failure:
            raise _after_text(failure) if call.first_token_at else failure
        self._learn_thinking(call, thinking)
        if is_prose and was_cut(call.finish_reason) and call.has_text:
            yield "…"
        else:
            call.check_end()
        self._note_success(call)

    def _chunks(self, call: Call) -> AsyncGenerator[Chunk, None]:
        def hear(said: ServerError) -> None:
            words = redact(said.words, [self._api_key], call.question.messages)
            logger.warning("the model's server says (%s): %s", said.status, words)

        return self._server.complete(
            self._model,
            call.question.messages_in(call.dialect),
            call.question.parameters(call.dialect),
            self._patience.seconds(),
            hear,
        )

    def _note_chunk(self, call: Call, chunk: Chunk, negotiation: Negotiation) -> None:
        call.record(chunk)
        if call.first_token_at is None and (chunk.text or chunk.thinking):
            # Not every 200 is an answer, but a token proves that the server took the request.
            call.first_token_at = time.monotonic()
            self._patience.note_token()
            negotiation.accept(chunk.provider)

    def _learn_thinking(self, call: Call, thinking: ThinkingFilter) -> None:
        is_prose = call.question.shape is None
        if thinking.saw_unopened or (is_prose and call.has_text):
            self._memory.learn_unopened_thinking(
                is_unopened=thinking.saw_unopened, provider=call.provider
            )
        self._memory.learn_thinking(call.thinking_tokens, call.provider)

    def _note_success(self, call: Call) -> None:
        call.meter.lasting_failures = 0
        wait = (call.first_token_at or math.inf) - call.started_at
        waited_share = self._patience.waited_share(wait)
        self._slots.report_success(call.started_at, waited_share, call.at_once)


def _after_text(failure: ModelError) -> ModelError:
    """Return what a failure after the first token means: it says nothing about the request."""
    if isinstance(failure, RefusedError | ServerFailedError):
        return ModelUnavailableError(str(failure))
    return failure
