"""Bounds on the answers of PostgREST, or of what stands in its place."""

import asyncio
import gzip
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import pytest
from postgrest import ReturnMethod

from src.dao.supabase.bounded_transport import (
    BYTES_AT_ONCE,
    MAX_ANSWER_BYTES,
    MAX_INTERIM_ANSWERS,
)
from src.domain.errors import StoreUnavailableError
from tests.unit.dao.supabase.test_transport import REQUESTS, Behaviour, Request, client_of

MEGABYTE = 1024 * 1024
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
GZIP = HEAD + b"Content-Encoding: gzip\r\n\r\n"
ROWS = b'[{"a":1}]'
INTERIM = b"HTTP/1.1 103 Early Hints\r\n\r\n"
DEAF_SECONDS = 5
"""How long a server goes on if nobody stops it."""


def answering(*pieces: bytes) -> Behaviour:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return answer


def repeating(first: bytes, piece: bytes, count_sent: Callable[[int], None]) -> Behaviour:
    """Send the same piece until the client closes the connection."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        with suppress(ConnectionError):
            async with asyncio.timeout(DEAF_SECONDS):
                while not writer.is_closing():
                    writer.write(piece)
                    await writer.drain()
                    count_sent(len(piece))

    return answer


async def read_rows(behave: Behaviour, request_rows: Request) -> object:
    async with client_of(behave) as client:
        return await request_rows(client)


@REQUESTS
@pytest.mark.parametrize("body", [b" " * MAX_ANSWER_BYTES * 4, ROWS * MEGABYTE * 4])
async def test_gzip_bomb_takes_neither_memory_nor_the_loop(
    body: bytes, request_rows: Request
) -> None:
    """Others get their turn after each small step, and the body is never whole in memory."""
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    behave = answering(GZIP + gzip.compress(body, compresslevel=1))
    counting = asyncio.create_task(count_turns())
    tracemalloc.start()
    try:
        with pytest.raises(StoreUnavailableError):
            await read_rows(behave, request_rows)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        counting.cancel()
    assert turns >= MAX_ANSWER_BYTES // BYTES_AT_ONCE
    assert most_bytes < 2 * MAX_ANSWER_BYTES


@REQUESTS
@pytest.mark.parametrize(
    ("first", "piece"),
    [(HEAD + b"\r\n[", b" " * MEGABYTE), (INTERIM, INTERIM * 100)],
    ids=["body", "interim answers"],
)
async def test_endless_answer_is_given_up(
    first: bytes, piece: bytes, request_rows: Request
) -> None:
    """The connection is closed as soon as the answer is longer than any, before the timeout."""
    sent = 0

    def count(size: int) -> None:
        nonlocal sent
        sent += size

    with pytest.raises(StoreUnavailableError):
        await read_rows(repeating(first, piece, count), request_rows)
    assert sent <= 2 * MAX_ANSWER_BYTES


@REQUESTS
async def test_a_few_interim_answers_are_skipped(request_rows: Request) -> None:
    answer = INTERIM * MAX_INTERIM_ANSWERS + HEAD + b"\r\n" + ROWS
    assert await read_rows(answering(answer), request_rows) == [{"a": 1}]


@REQUESTS
async def test_compressed_answer_is_read(request_rows: Request) -> None:
    """Gzip is asked for, and nothing else: a year's tasks take a tenth of their size."""
    accepted: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        accepted.extend(line for line in head.splitlines() if line.startswith(b"accept-encoding"))
        writer.write(GZIP + gzip.compress(ROWS))

    assert await read_rows(answer, request_rows) == [{"a": 1}]
    assert accepted == [b"accept-encoding: gzip"]


@REQUESTS
@pytest.mark.parametrize(
    "answer",
    [
        GZIP + gzip.compress(ROWS)[:-9],
        GZIP + ROWS,
        GZIP,
        GZIP + gzip.compress(b""),
        HEAD + b"Content-Encoding: br\r\n\r\n" + ROWS,
        HEAD + b"Content-Encoding: gzip, gzip\r\n\r\n" + gzip.compress(gzip.compress(ROWS)),
        HEAD + b"Content-Length: 0\r\n\r\n",
        HEAD.replace(b"200", b"204") + b"\r\n",
    ],
    ids=[
        *("cut gzip", "no gzip", "no gzip and no body", "empty gzip"),
        *("brotli", "gzip twice", "empty", "204"),
    ],
)
async def test_answer_without_rows_is_no_empty_list(answer: bytes, request_rows: Request) -> None:
    """An empty list would mean that there is no such roadmap."""
    with pytest.raises(StoreUnavailableError):
        await read_rows(answering(answer), request_rows)


async def test_write_that_wants_no_rows_gets_none() -> None:
    answer = HEAD.replace(b"200", b"201") + b"Content-Length: 0\r\n\r\n"
    async with client_of(answering(answer)) as client:
        query = client.table("roadmaps").insert({"a": 1}, returning=ReturnMethod.minimal)
        assert (await client.execute(query)).data == []
