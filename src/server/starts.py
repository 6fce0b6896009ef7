"""Starts requests a few at a time, so that `/health` never waits behind hundreds of them."""

import asyncio
from collections import deque
from weakref import WeakKeyDictionary

STARTS_PER_TURN = 4
"""How many requests begin in one turn of the event loop. The first step of one, up to the database,
takes 1 to 3 ms of CPU; in one turn, 400 of them would block everything else for a second."""


class StartQueue:
    """Lets requests begin in the order of their arrival."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_scheduled = False

    async def wait(self) -> None:
        """Wait for the next turn of the event loop that has room."""
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._start_some)
        await turn

    def _start_some(self) -> None:
        left = STARTS_PER_TURN
        while self._waiting and left:
            turn = self._waiting.popleft()
            if not turn.done():  # as it is if the request was cancelled
                turn.set_result(None)
                left -= 1
        self._is_scheduled = bool(self._waiting)
        if self._is_scheduled:
            asyncio.get_running_loop().call_soon(self._start_some)


_queues: WeakKeyDictionary[asyncio.AbstractEventLoop, StartQueue] = WeakKeyDictionary()


def start_queue() -> StartQueue:
    """Return the queue of the running event loop."""
    return _queues.setdefault(asyncio.get_running_loop(), StartQueue())
