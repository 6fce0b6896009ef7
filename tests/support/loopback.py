"""The base of the servers that tests run beside the service."""

import asyncio
import socket
import struct
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import Self

from tests.support.waiting import PATIENCE_SECONDS

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""`SO_LINGER` with no time to linger: closing sends RST and not FIN."""


class LoopbackServer:
    """A TCP server on loopback, which runs while it is entered with `with`.

    It has a thread and a loop of its own, so that it serves whatever the test's loop is doing.
    """

    def __init__(self) -> None:
        self._port = 0
        self._connections: set[asyncio.Task[None]] = set()
        self._thread: threading.Thread
        self.loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event

    @property
    def url(self) -> str:
        """The server's address; what a client of the server behind a proxy is configured with."""
        return f"http://127.0.0.1:{self._port}"

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, which is closed afterwards."""
        raise NotImplementedError

    async def clean_up(self) -> None:
        """Close what the server has opened besides connections."""

    def __enter__(self) -> Self:
        opened: Future[int] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(opened)), name=type(self).__name__, daemon=True
        )
        self._thread.start()
        self._port = opened.result(PATIENCE_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(PATIENCE_SECONDS)
        if self._thread.is_alive():
            raise RuntimeError(f"{self._thread.name} does not stop")

    async def _serve(self, opened: Future[int]) -> None:
        self.loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1_024)
        opened.set_result(server.sockets[0].getsockname()[1])
        await self._stopping.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self.clean_up()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._converse(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError):
                await self.converse(reader, writer)
        finally:
            writer.close()


def reset_on_close(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
