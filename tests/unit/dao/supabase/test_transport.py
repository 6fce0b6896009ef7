"""The transport under the Supabase client: what real sockets do to it, and the way by a proxy."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from src.dao.supabase.client import PostgrestClient
from src.domain.errors import StoreError, StoreTooSlowError, StoreUnavailableError
from tests.support.service import free_port

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

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


@asynccontextmanager
async def client_of(behave: Behaviour, url: str = "") -> AsyncIterator[PostgrestClient]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behave(reader, writer)
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = url.format(port=port) or f"http://127.0.0.1:{port}"
        client = await PostgrestClient.open(url, "a.b.c", timeout=0.5, queue_size=1)
        try:
            yield client
        finally:
            await client.close()


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
async def test_what_sockets_do(behave: Behaviour, expected: type[StoreError]) -> None:
    """Only a wait that is over counts as too slow; a connection that ended may be tried again."""
    async with client_of(behave) as client:
        with pytest.raises(StoreError) as raised:
            await client.execute(client.table("roadmaps").select("*"))
        assert type(raised.value) is expected


async def test_refused_connection_is_unavailable() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    client = await PostgrestClient.open(url, "a.b.c", timeout=5, queue_size=1)
    with pytest.raises(StoreUnavailableError):
        await client.execute(client.table("roadmaps").select("*"))
    await client.close()


@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
async def test_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
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
        answer = await client.execute(client.table("roadmaps").select("*"))
        await client.close()
    assert answer.data == [{"a": 1}]
    assert asked == [b"GET http://db.test/rest/v1/roadmaps?select=* HTTP/1.1\r\n"]


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
