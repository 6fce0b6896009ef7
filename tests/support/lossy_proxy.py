"""A TCP relay between clients and the service, which can lose answers on the way back.

It knows HTTP only so far: what comes from the service is an answer. Clients that open a connection
per request lose one answer at a time; those that keep connections lose a connection.
"""

import asyncio
import random
from contextlib import suppress

from tests.support.loopback import LoopbackServer, reset_on_close


class LossyProxy(LoopbackServer):
    """Relays connections to `target_port`, which may change: new connections then go elsewhere."""

    def __init__(self, target_port: int, *, lost_share: float = 0.0) -> None:
        super().__init__()
        self.target_port = target_port
        self.lost_share = lost_share
        self.relayed = 0
        """Connections on which an answer came."""
        self.lost = 0
        """Those of them that were closed in place of the answer's first byte."""
        self._chance = random.Random(1)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        forth = asyncio.create_task(_copy(reader, up_writer))
        try:
            await self._answer(up_reader, writer)
        finally:
            forth.cancel()
            up_writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first = await reader.read(65_536)
        except ConnectionResetError:
            first = b""
        if first:
            self.relayed += 1
        if not first or self._chance.random() < self.lost_share:
            self.lost += bool(first)
            reset_on_close(writer)
            return
        writer.write(first)
        await writer.drain()
        await _copy(reader, writer)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):  # also of a client that has hung up meanwhile
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
