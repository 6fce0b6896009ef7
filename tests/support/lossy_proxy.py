"""A TCP relay on loopback between clients and the service, which can lose answers on the way back.

It knows HTTP only so far: what comes from the service is an answer. Clients that open a connection
per request lose one answer at a time; those that keep connections lose a connection.
"""

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""`SO_LINGER` with no time to linger: closing sends RST and not FIN."""


class LossyProxy:
    """Relays connections to `target_port`, which may change: new connections then go elsewhere."""

    def __init__(self, target_port: int, *, lost_share: float = 0.0, seed: int = 1) -> None:
        self.target_port = target_port
        self.lost_share = lost_share
        self.relayed = 0
        """Connections on which an answer came."""
        self.lost = 0
        """Those of them that were closed in place of the answer's first byte."""
        self._chance = random.Random(seed)
        self._connections: set[asyncio.Task[None]] = set()
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator["LossyProxy"]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1_024)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for connection in list(self._connections):
                connection.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._relay(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError):
                up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
                forth = asyncio.create_task(_copy(reader, up_writer))
                try:
                    await self._answer(up_reader, writer)
                finally:
                    forth.cancel()
                    up_writer.close()
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first = await reader.read(65_536)
        except ConnectionResetError:
            first = b""
        if first:
            self.relayed += 1
        if not first or self._chance.random() < self.lost_share:
            self.lost += bool(first)
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            return
        writer.write(first)
        await writer.drain()
        await _copy(reader, writer)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on everything, then the end of it."""
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
