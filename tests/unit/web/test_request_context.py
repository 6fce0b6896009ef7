"""The log of a failed start. The tests of the API cover requests."""

import logging

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from src.domain.errors import SettingsError
from src.web.request_context import RequestContextMiddleware, request_id

CANARY = "a value that no log may quote"


class FailingApp:
    """An application whose start fails as Starlette's does: it says why, then raises."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": f"Traceback: {self._error}"})
        raise self._error


async def start(error: Exception, kind: str = "lifespan") -> list[Message]:
    """Start an application that fails, and return the messages to the server."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": f"{kind}.startup"}

    async def send(message: Message) -> None:
        sent.append(message)

    middleware = RequestContextMiddleware(
        FailingApp(error), lambda: PlainTextResponse("problem", 500), lambda: None
    )
    with pytest.raises(type(error)):
        await middleware({"type": kind}, receive, send)
    return sent


async def test_unusable_settings_are_logged_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """The operator reads what to do, without a traceback."""
    await start(SettingsError("apply the schema"))
    (record,) = caplog.records
    assert record.getMessage() == "Momentum-AI cannot start: apply the schema"
    assert record.levelno == logging.CRITICAL
    assert record.exc_info is None


async def test_other_failures_are_logged_with_their_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Our formatter writes it without the error's message."""
    await start(RuntimeError(CANARY))
    (record,) = caplog.records
    assert record.exc_info is not None
    assert CANARY not in record.getMessage()


@pytest.mark.parametrize("error", [RuntimeError(CANARY), SettingsError(CANARY)])
async def test_server_does_not_learn_why(error: Exception) -> None:
    """It would log what Starlette sends it: a traceback with the error's message."""
    assert await start(error) == [{"type": "lifespan.startup.failed"}]


async def test_websockets_are_left_to_the_server(caplog: pytest.LogCaptureFixture) -> None:
    (sent,) = await start(RuntimeError(CANARY), kind="websocket")
    assert "message" in sent
    assert caplog.records == []


def test_there_is_no_request_id_outside_of_a_request() -> None:
    assert request_id() == "-"
