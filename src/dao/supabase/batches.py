"""Sends calls of SQL functions that come at the same moment together, in one request.

A request costs a worker, PostgREST and PostgreSQL most of a millisecond each, whatever it asks for.
Under load, calls share that; one that comes alone is sent as it is.
"""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiodataloader import DataLoader

from src.dao.supabase.functions import SqlFunctions

MOST_AT_ONCE = 8
"""Calls in one request. More would spare little, and let each wait for more others."""

_ANSWER = re.compile(rb"\s*\[\s*\[\s*(\[[0-9, null]*\])\s*,\s*\[(.*)\]\s*\]\s*\]\s*", re.DOTALL)
_NULL = b"null"
_SEPARATOR = b", "
"""PostgreSQL's `json_agg` writes it between elements."""


class _BatchFailedError(Exception):
    """A request of several calls failed; each may succeed alone."""


# Two calls are never the same one: each has its own answer.
@dataclass(frozen=True, eq=False, slots=True)
class _Call:
    function: str
    parameters: Mapping[str, object]


class FunctionBatches:
    """Calls of the functions that one function of schema.sql can call together."""

    def __init__(self, functions: SqlFunctions, batch_function: str, timeout: float) -> None:
        """`timeout` is in seconds for each call; a request of several gets half of it."""
        self._functions = functions
        self._batch_function = batch_function
        self._timeout = timeout
        self._loader = DataLoader[_Call, bytes](
            self._send, max_batch_size=MOST_AT_ONCE, cache=False
        )

    async def call(self, function: str, parameters: Mapping[str, object]) -> bytes:
        """Return the body of the answer to a call, and raise what `SqlFunctions.call` raises.

        If it went with others, that is an array of the function's document, empty without one. If
        anything was wrong with those, the call is sent again alone.
        """
        try:
            return await self._loader.load(_Call(function, parameters))
        except _BatchFailedError:
            return await self._functions.call(function, parameters)

    async def _send(self, calls: Sequence[_Call]) -> list[bytes]:
        # In the context of the first caller: what is logged here would have its request's id.
        if len(calls) == 1:
            async with asyncio.timeout(self._timeout):  # of its own: its caller may have given up
                return [await self._functions.call(calls[0].function, calls[0].parameters)]
        named = [{"function": call.function, **call.parameters} for call in calls]
        try:
            async with asyncio.timeout(self._timeout / 2):
                answer = await self._functions.call(self._batch_function, {"p_calls": named})
            return _split(answer, len(calls))
        except Exception as error:
            raise _BatchFailedError from error


def _split(answer: bytes, count: int) -> list[bytes]:
    """Return an array for each of so many documents.

    Their lengths come with them, so nothing parses them.

    Raises:
        ValueError: the answer is none of that many documents.
    """
    parts = _ANSWER.fullmatch(answer)
    if parts is None:
        raise ValueError("the answer did not come from PostgREST")
    lengths, joined = json.loads(parts[1]), parts[2]
    pieces: list[bytes] = []
    start = 0
    for length in lengths:
        end = start + (len(_NULL) if length is None else length)
        pieces.append(joined[start:end])
        start = end + len(_SEPARATOR)
    has_other_lengths = start != len(joined) + len(_SEPARATOR) or _SEPARATOR.join(pieces) != joined
    if len(pieces) != count or has_other_lengths:
        raise ValueError("the answer has not the documents that it says")
    return [
        b"[]" if length is None else b"[%b]" % piece
        for length, piece in zip(lengths, pieces, strict=True)
    ]
