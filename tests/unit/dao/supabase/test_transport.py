"""The transport under the Supabase client: what real sockets do to it, and the way by a proxy."""

import asyncio
import json
import re
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from src.dao.supabase.client import PostgrestClient
from src.domain.errors import (
    StoreError,
    StoreMisconfiguredError,
    StoreOutdatedError,
    StoreTooSlowError,
    StoreUnavailableError,
)
from tests.support.service import free_port

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

Request = Callable[[PostgrestClient], Awaitable[object]]


async def select(client: PostgrestClient) -> object:
    """Send a query by the client of Supabase, and return the rows."""
    return (await client.execute(client.table("roadmaps").select("*"))).data


async def call(client: PostgrestClient) -> object:
    """Send a call past that client, and return the rows."""
    answer = await client.call("read_rows", {}, re.compile(rb"(.*)", re.DOTALL), retry_on=())
    return json.loads(answer or b"")


REQUESTS = pytest.mark.parametrize("request_rows", [select, call])
"""Both ways to the database; to either the same happens."""

ROWS = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n[{"a":1}]'


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


async def close(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(ROWS[:-3])
    await writer.drain()


async def stay_silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(2)


async def stop_midway(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(ROWS[:-3])
    await stay_silent(reader, writer)


def answering(status: int, body: bytes) -> Behaviour:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    return answer


@asynccontextmanager
async def client_of(
    behave: Behaviour, url: str = "", patience: float = 20.0
) -> AsyncIterator[PostgrestClient]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behave(reader, writer)
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = url.format(port=port) or f"http://127.0.0.1:{port}"
        client = await PostgrestClient.open(url, "a.b.c", timeout=patience, queue_size=1)
        try:
            yield client
        finally:
            await client.close()


@REQUESTS
@pytest.mark.parametrize(
    ("behave", "expected"),
    [
        (reset, StoreUnavailableError),
        (close, StoreUnavailableError),
        (cut, StoreUnavailableError),
        (stay_silent, StoreTooSlowError),
        (stop_midway, StoreTooSlowError),
    ],
)
async def test_what_sockets_do(
    behave: Behaviour, expected: type[StoreError], request_rows: Request
) -> None:
    """Only a wait that is over counts as too slow; a connection that ended may be tried again."""
    patience = 0.5 if expected is StoreTooSlowError else 20.0
    async with client_of(behave, patience=patience) as client:
        with pytest.raises(StoreError) as raised:
            await request_rows(client)
        assert type(raised.value) is expected


@REQUESTS
async def test_refused_connection_is_unavailable(request_rows: Request) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    client = await PostgrestClient.open(url, "a.b.c", timeout=5, queue_size=1)
    with pytest.raises(StoreUnavailableError):
        await request_rows(client)
    await client.close()


@pytest.mark.parametrize(
    ("request_rows", "line"),
    [
        (select, b"GET http://db.test/rest/v1/roadmaps?select=* HTTP/1.1\r\n"),
        (call, b"POST http://db.test/rest/v1/rpc/read_rows HTTP/1.1\r\n"),
    ],
)
@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
async def test_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str, request_rows: Request, line: bytes
) -> None:
    """Requests take the way that the environment names."""
    asked = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(ROWS)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv(variable, f"http://127.0.0.1:{port}")
        client = await PostgrestClient.open("http://db.test", "a.b.c", timeout=5, queue_size=1)
        rows = await request_rows(client)
        await client.close()
    assert rows == [{"a": 1}]
    assert asked == [line]


async def test_no_proxy_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await reader.readline()).startswith(b"GET /rest/v1/roadmaps")
        writer.write(ROWS)
        await writer.drain()
        writer.close()

    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    async with client_of(answer) as client:
        rows = await client.execute(client.table("roadmaps").select("*"))
        assert rows.data == [{"a": 1}]


GATEWAY_ERRORS = [
    (401, b'{"message":"Invalid API key","hint":"Double check it."}', StoreMisconfiguredError),
    (401, b'{"message":"Legacy API keys are disabled"}', StoreMisconfiguredError),
    (402, b'{"message":"exceed_egress_quota"}', StoreMisconfiguredError),
    (402, b"exceed_egress_quota", StoreMisconfiguredError),
    (403, b"<html>Forbidden</html>", StoreMisconfiguredError),
    (404, b'{"message":"no Route matched with those values"}', StoreMisconfiguredError),
    (404, b"{}", StoreMisconfiguredError),  # PostgREST, to a write to an unknown table
    (540, b"<html>Project paused</html>", StoreMisconfiguredError),
    (429, b'{"message":"API rate limit exceeded"}', StoreUnavailableError),
    (429, b"", StoreUnavailableError),
    (500, b"<html>Internal Server Error</html>", StoreUnavailableError),
    (502, b'{"code":502}', StoreUnavailableError),
    (503, b"\xff\xfe", StoreUnavailableError),
    (504, b"<html>Gateway Timeout</html>", StoreTooSlowError),
    (520, b"<html>cloudflare</html>", StoreUnavailableError),
    (544, b"<html>Project API gateway timeout</html>", StoreUnavailableError),
    # With a code, which says more than the status, the error is PostgREST's.
    (404, b'{"code":"PGRST202","message":"no function"}', StoreOutdatedError),
    (401, b'{"code":"PGRST301","message":"bad token"}', StoreMisconfiguredError),
    (503, b'{"code":"42501","message":"permission denied"}', StoreMisconfiguredError),
    (500, b'{"code":"57014","message":"statement timeout"}', StoreTooSlowError),
]


@REQUESTS
@pytest.mark.parametrize(("status", "body", "expected"), GATEWAY_ERRORS)
async def test_what_the_gateway_answers(
    status: int, body: bytes, expected: type[StoreError], request_rows: Request
) -> None:
    """Its statuses are no SQLSTATEs: 429 is not of class 42, which is about rights and tables."""
    async with client_of(answering(status, body)) as client:
        with pytest.raises(StoreError) as raised:
            await request_rows(client)
    assert type(raised.value) is expected


@pytest.mark.parametrize(
    ("request_rows", "line"),
    [(select, b"GET /rest/v1/roadmaps"), (call, b"POST /rest/v1/rpc/read_rows")],
)
async def test_socks_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, request_rows: Request, line: bytes
) -> None:
    """A name is resolved behind the proxy, so the database need not be visible from here."""
    asked = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        methods = (await reader.readexactly(2))[1]
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")  # version 5, no login
        *_, length = await reader.readexactly(5)
        asked.append(await reader.readexactly(length + 2))
        writer.write(b"\x05\x00\x00\x01" + bytes(6))  # connected
        asked.append(await reader.readline())
        writer.write(ROWS)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("ALL_PROXY", f"socks5h://127.0.0.1:{port}")
        client = await PostgrestClient.open("http://db.test", "a.b.c", timeout=5, queue_size=1)
        rows = await request_rows(client)
        await client.close()
    assert rows == [{"a": 1}]
    assert asked[0] == b"db.test\x00\x50"
    assert asked[1].startswith(line)
