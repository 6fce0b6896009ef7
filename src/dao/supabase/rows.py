"""Rows of an answer that always has one."""

from typing import TypeVar

from src.domain.errors import StoreUnavailableError

T = TypeVar("T")


def only_row(rows: list[T]) -> T:
    """Return the row of an answer that always has exactly one.

    Raises:
        StoreUnavailableError: it has another number, so it did not come from our function.
    """
    if len(rows) != 1:
        raise StoreUnavailableError(f"{len(rows)} rows in place of one")
    return rows[0]
