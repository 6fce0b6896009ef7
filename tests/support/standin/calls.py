"""What was asked: the record of the calls."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support.standin.answers import Json


@dataclass
class Call:
    """One chat completion that was asked for. Times are seconds since the epoch."""

    kind: str
    week_number: int | None
    model: str
    stream: bool
    response_format: str | None
    headers: dict[str, str]
    body: Json
    started_at: float
    ended_at: float | None = None
    status: int | None = None
    misbehaviour: str | None = None
    client_left: bool = False
    """Whether the client disconnected before the answer was complete."""
    client_port: int = 0
    """The port from which the client asked, which tells its process."""
    facts: Json = field(default_factory=dict)
    """What the prompt states."""

    @property
    def summary(self) -> Json:
        """What was asked for, by whom and when, without the words of it."""
        asked = {name: self.facts.get(name) for name in ("goal", "week", "days")}
        return asked | {
            "kind": self.kind,
            "misbehaviour": self.misbehaviour,
            "client_port": self.client_port,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
        }

    @property
    def messages(self) -> list[Json]:
        messages: list[Json] = self.body["messages"]
        return messages


class Calls:
    """The record of all calls."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget every call; those under way are no longer counted."""
        with self._lock:
            self._calls: list[Call] = []
            self._active: set[int] = set()
            self._peak = 0

    def all(self) -> list[Call]:
        """Return the calls so far, in the order in which they came in."""
        with self._lock:
            return list(self._calls)

    @property
    def active(self) -> int:
        """How many calls are being answered now."""
        with self._lock:
            return len(self._active)

    @property
    def concurrent_peak(self) -> int:
        """How many calls were answered at once, at most."""
        with self._lock:
            return self._peak

    @contextlib.contextmanager
    def recording(self, call: Call) -> Iterator[None]:
        with self._lock:
            self._calls.append(call)
            self._active.add(id(call))
            self._peak = max(self._peak, len(self._active))
        try:
            yield
        except (asyncio.CancelledError, ConnectionError):
            call.client_left = True
            raise
        finally:
            with self._lock:
                call.ended_at = time.time()
                self._active.discard(id(call))
