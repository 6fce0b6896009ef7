"""ASGI around the application: the end of a connection, and answers in its place."""

from http import HTTPStatus

from uvicorn._types import (
    ASGI3Application,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    Scope,
)
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from src.server.starts import start_queue
from src.web.response_headers import PRIVATE_HEADERS

HEALTH_PATH = "/health"
"""What answers while everything else waits or is refused."""


async def announce_end(
    app: ASGI3Application,
    cycle: RequestResponseCycle,
    scope: Scope,
    receive: ASGIReceiveCallable,
    send: ASGISendCallable,
) -> None:
    """Announce in the answer's headers that the connection closes, if the body was not read."""

    async def announce(message: ASGISendEvent) -> None:
        if message["type"] != "http.response.start" or not cycle.more_body:
            await send(message)
            return
        headers = [*message.get("headers", ()), (b"connection", b"close")]
        await send({**message, "headers": headers})
        cycle.keep_alive = True  # The protocol closes, and not before the client has the answer.

    await app(scope, receive, announce)


async def start_in_turn(
    app: ASGI3Application,
    cycle: RequestResponseCycle,
    scope: Scope,
    receive: ASGIReceiveCallable,
    send: ASGISendCallable,
) -> None:
    """Wait for the turn to start; do nothing if the client has reset its connection by then.

    `/health` does not wait. Others do, because the system passes on what came before the reset
    first: if thousands of such connections wait, their requests would take seconds.
    """
    if cycle.scope["path"] != HEALTH_PATH:
        await start_queue().wait()
    if cycle.transport.is_closing():
        cycle.disconnected = True
        return
    await app(scope, receive, send)


async def refuse_overloaded(
    _scope: Scope, _receive: ASGIReceiveCallable, send: ASGISendCallable
) -> None:
    """Answer 503: all connections of this worker are busy."""
    headers = PRIVATE_HEADERS | {"Retry-After": "10", "Connection": "close", "Content-Length": "0"}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 503, "headers": raw})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def refusal(status: HTTPStatus) -> bytes:
    """Return a whole answer to what never became a request, after which the connection closes."""
    text = status.phrase.encode("ascii")
    headers = PRIVATE_HEADERS | {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": str(len(text)),
        "Connection": "close",
    }
    lines = [f"{name}: {value}\r\n".encode("ascii") for name, value in headers.items()]
    return b"".join([STATUS_LINE[status], *lines, b"\r\n", text])
