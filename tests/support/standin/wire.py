"""HTTP on one connection, by h11's rules until a fault breaks them."""

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import h11


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    client_port: int


class Wire:
    """One connection: requests in, answers out, by h11's rules until a fault breaks them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER)

    async def request(self) -> Request | None:
        """Return the next request, None when the client is done."""
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    await self._send(h11.InformationalResponse(status_code=100, headers=[]))
                self._http.receive_data(await self._reader.read(65_536))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
                path = head.target.decode().partition("?")[0]
                port = self._writer.get_extra_info("peername")[1]
                return Request(head.method.decode(), path, headers, bytes(body), port)
            else:
                return None

    async def start(self, status: int, content_type: str, **headers: str) -> None:
        """Send the head; the length is left open, so the body is chunked."""
        fields = {"content-type": content_type} | headers
        await self._send(h11.Response(status_code=status, headers=list(fields.items())))

    async def send(self, data: bytes) -> None:
        await self._send(h11.Data(data=data))

    async def finish(self) -> None:
        await self._send(h11.EndOfMessage())

    async def json(self, value: object, status: int = 200, **headers: str) -> None:
        """Send a complete answer."""
        await self.start(status, "application/json", **headers)
        await self.send(json.dumps(value).encode())
        await self.finish()

    async def while_client_stays(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work, but cancel it when the client leaves.

        Raises:
            ConnectionError: the client left.
        """
        working = asyncio.create_task(work)
        try:
            while not working.done():
                reading = asyncio.create_task(self._reader.read(65_536))
                try:
                    await asyncio.wait({working, reading}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    reading.cancel()
                    await asyncio.wait({reading})
                if reading.cancelled():
                    continue
                data = reading.result()
                if not data and not working.done():
                    raise ConnectionResetError("the client left")
                self._http.receive_data(data)
        finally:
            working.cancel()
            await asyncio.wait({working})
        working.result()

    def next_cycle(self) -> bool:
        """Prepare for another request; False when the connection must end."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    def close(self) -> None:
        self._writer.close()

    async def _send(self, event: h11.Event) -> None:
        self._writer.write(self._http.send(event) or b"")
        await self._writer.drain()
