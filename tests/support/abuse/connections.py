"""Attackers with many connections, which they keep busy, idle, slow, or about to break."""

import asyncio
from contextlib import AsyncExitStack

from tests.support.abuse.attack import Attack
from tests.support.abuse.target import Target
from tests.support.abuse.wire import (
    CHUNKED,
    HEALTH,
    HOST,
    JSON,
    Flood,
    answered,
    connected,
    get,
    send_slowly,
    side_by_side,
)

BIG_FILE = b"/static-offline-docs/redoc.standalone.js"
UNFINISHED = b"POST /task/update HTTP/1.1\r\n" + HOST + JSON + b"Content-Length: 60000\r\n\r\n{"
ONE_BYTE_CHUNKS = 250_000
TLS_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(200)
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
KEPT_CONNECTIONS = 1_100
HOLD_SECONDS = 2.0


async def send_one_byte_chunks(target: Target) -> list[str]:
    head = b"POST /nothing HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n"
    payload = head + b"1\r\nx\r\n" * ONE_BYTE_CHUNKS

    async def send(_: int) -> None:
        async with connected(target) as (reader, writer):
            writer.write(payload)
            await writer.drain()
            await reader.read()

    await side_by_side(140, send, seconds=3)
    return []


async def keep_connections_alive(target: Target) -> list[str]:
    """Open more connections than the service has file descriptors, each after one `/health`."""
    answers = 0
    async with AsyncExitStack() as stack:
        for _ in range(KEPT_CONNECTIONS):
            reader, writer = await stack.enter_async_context(connected(target))
            writer.write(HEALTH)
            try:
                async with asyncio.timeout(5):
                    answers += b" 200 " in await reader.readline()
            except (OSError, TimeoutError):
                continue
        await asyncio.sleep(HOLD_SECONDS)
    missing = KEPT_CONNECTIONS - answers
    return [f"{missing} of {KEPT_CONNECTIONS} not answered"] if missing else []


async def open_silent_connections(target: Target) -> list[str]:
    async with AsyncExitStack() as stack:
        for _ in range(1_500):
            await stack.enter_async_context(connected(target))
        await asyncio.sleep(HOLD_SECONDS)
    return []


async def drip_headers(target: Target) -> list[str]:
    async def drip(_: int) -> None:
        async with connected(target) as (_reader, writer):
            writer.write(b"GET /health HTTP/1.1\r\n" + HOST + b"X-Long: ")
            await send_slowly(writer, b"a", 0.05)

    await side_by_side(500, drip, HOLD_SECONDS)
    return []


async def drip_bodies(target: Target) -> list[str]:
    async def drip(_: int) -> None:
        async with connected(target) as (_reader, writer):
            writer.write(UNFINISHED)
            await send_slowly(writer, b" ", 0.05)

    await side_by_side(300, drip, HOLD_SECONDS)
    return []


async def read_nothing(target: Target) -> list[str]:
    """Ask for large answers again and again, and read none of them."""

    async def ask(_: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port, limit=1)
        request = get(BIG_FILE).replace(b"Connection: close\r\n", b"")
        try:
            await send_slowly(writer, request * 20, 0.5)
        finally:
            writer.transport.abort()
            del reader

    await side_by_side(150, ask, HOLD_SECONDS)
    return []


async def reset_in_mid_request(target: Target) -> list[str]:
    async def reset(_: int) -> None:
        while True:
            async with connected(target) as (_reader, writer):
                writer.write(UNFINISHED)
                await writer.drain()
                await asyncio.sleep(0)

    await side_by_side(50, reset)
    return []


async def reset_in_mid_answer(target: Target) -> list[str]:
    async def reset(_: int) -> None:
        while True:
            async with connected(target) as (reader, writer):
                writer.write(get(BIG_FILE))
                await reader.read(1)

    await side_by_side(30, reset)
    return []


async def connect_and_leave(target: Target) -> list[str]:
    async def leave(_: int) -> None:
        while True:
            async with connected(target):
                pass

    await side_by_side(50, leave)
    return []


async def send_pipelines(target: Target) -> list[str]:
    """Send ten thousand requests at once over each connection."""

    async def send(_: int) -> None:
        while True:
            async with connected(target) as (reader, writer):
                writer.write(HEALTH * 10_000)
                await reader.read()

    await side_by_side(20, send)
    return []


ATTACKS = (
    Attack("one-byte chunks", send_one_byte_chunks),
    Attack("connections that are kept alive", keep_connections_alive),
    Attack("silent connections", open_silent_connections),
    Attack("headers that drip", drip_headers),
    Attack("bodies that drip", drip_bodies),
    Attack("answers that nobody reads", read_nothing),
    Attack("resets in mid-request", reset_in_mid_request),
    Attack("resets in mid-answer", reset_in_mid_answer),
    Attack("connections without a byte", connect_and_leave),
    Attack("pipelines", send_pipelines),
    Attack(
        "half-closed connections", Flood([HEALTH * 3], frozenset({(200,) * 3}), half_close=True)
    ),
    Attack("half a request and the end", Flood([UNFINISHED], frozenset({()}), half_close=True)),
    Attack("TLS on the plain port", Flood([TLS_HELLO], answered(400))),
    Attack("HTTP/2 prefaces", Flood([HTTP2_PREFACE], answered(400))),
)
