"""What a request waited for: the database and the model, how long and how often."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

Resource = Literal["database", "model"]


@dataclass(slots=True)
class Spending:
    """Seconds and calls of one request by resource.

    Calls that run side by side count with their whole time each, so the sum may exceed the
    request's own time. What a request has started in the background counts as long as it waits.
    """

    seconds: dict[Resource, float] = field(default_factory=lambda: {"database": 0, "model": 0})
    calls: dict[Resource, int] = field(default_factory=lambda: {"database": 0, "model": 0})


_spending: ContextVar[Spending | None] = ContextVar("spending", default=None)


def begin_spending() -> Spending:
    """Count what the current request spends from now on, and return the count."""
    spending = Spending()
    _spending.set(spending)
    return spending


@contextmanager
def spend(resource: Resource) -> Iterator[None]:
    """Count the block as one call to a resource, if a request is being counted."""
    spending = _spending.get()
    if spending is None:
        yield
        return
    started = time.monotonic()
    try:
        yield
    finally:
        spending.seconds[resource] += time.monotonic() - started
        spending.calls[resource] += 1
