"""Finds the items of a model's answer as it arrives, whatever the model has put around them."""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import json_repair
from pydantic_core import from_json

from src.domain.errors import ModelOutputError


@dataclass(frozen=True)
class ItemKind:
    """What the objects of one kind of item look like: their fields, in the form of `field_name`.

    An object with a field of `content` and at least `fewest` of all the fields is such an item. Its
    number, a field of `numbers`, may be its key instead.
    """

    content: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    fewest: int = 1


WEEK_NUMBERS = ("week", "week_number", "number")
DAY_NUMBERS = ("day", "day_number", "number")
TEXTS = ("text", "task", "task_text")
"""The names that models give to a field, the one that was requested first."""

KINDS = {
    # The goal alone also stands in the question, which some models repeat.
    "weeks": ItemKind(("goal",), WEEK_NUMBERS, ("focus",), fewest=2),
    "days": ItemKind(("tasks",), DAY_NUMBERS),
    "tasks": ItemKind(TEXTS, others=("effort", "category"), fewest=2),
}
"""The kinds of items, by the name of the list that was requested."""

_NUMBERED = re.compile(r"\s*(?:day|week|task)?[\s_-]*\d{1,3}\s*", re.IGNORECASE)
_MARK = re.compile(r'\\.|["{}\[\]]', re.DOTALL)
_CLOSERS = {"{": "}", "[": "]"}


def field_name(key: str) -> str:
    """Return the name of a field as we would write it: `Day Number` is `day_number`."""
    return re.sub(r"[\s-]+", "_", key.strip().lower())


@dataclass
class _Container:
    """An object or a list that is not closed yet."""

    bracket: str
    start: int
    key: str | None
    """Its key in the object around it; None in a list."""
    last_string: str = ""
    has_items: bool = False


class ItemReader:
    """Finds the items in a streamed answer, each as soon as it is complete.

    `kind` names the list that was requested. Wherever its items stand, in another object, in lines
    of their own or between prose, they are found. They are parsed JSON, not validated yet, and
    their fields have the names that `field_name` gives.
    """

    def __init__(self, kind: str) -> None:
        self._name, self._kind = kind, KINDS[kind]
        self._telling = re.compile("|".join(self._kind.content), re.IGNORECASE)
        self.text = ""
        self._position = 0
        self._last_close = 0
        self._string_start: int | None = None
        self._open: list[_Container] = []
        self._found: list[dict[str, object]] = []
        self._is_broken = False

    @property
    def is_whole(self) -> bool:
        """Whether everything that the text opens is closed."""
        return not self._open

    def feed(self, piece: str) -> list[dict[str, object]]:
        """Add a piece of the text and return the items that it completes, in order."""
        self.text += piece
        before = len(self._found)
        for mark in _MARK.finditer(self.text, self._position):
            self._position = mark.end()
            self._read(mark[0], mark.start())
        # A backslash at the end belongs to the next character.
        self._position = max(self._position, len(self.text) - self.text.endswith("\\"))
        return self._found[before:]

    async def finish(self) -> list[dict[str, object]]:
        """Return the remaining items of the complete text.

        Raises:
            ModelOutputError: the text has no such items, even after repairs.
        """
        new: list[dict[str, object]] = []
        if self._is_broken or not self._found or not self.is_whole:
            # In a thread, since the worst texts take seconds.
            items = await asyncio.to_thread(self._repair)
            new = [item for item in items if item not in self._found]
            self._found += new
        if not self._found:
            raise ModelOutputError(f"the answer is no JSON object with `{self._name}`")
        return new

    def _repair(self) -> list[dict[str, object]]:
        try:
            try:
                parsed = json.loads(self.text)
            except ValueError:
                # It strips fences and prose and repairs commas; its guesses are validated like the
                # rest. An unfinished object or sentence at the end is none.
                end = len(self.text) if self.is_whole else self._last_close
                parsed = json_repair.loads(self.text[:end])
            return self._items_in(parsed)
        except (RecursionError, ValueError):  # nested too deeply, or a number too long
            return []

    def _read(self, mark: str, start: int) -> None:
        if mark == '"':
            self._read_quote(start)
        elif self._string_start is None and mark in _CLOSERS:
            self._open.append(_Container(mark, start, self._take_key()))
        elif self._string_start is None and mark in "}]" and self._open:
            container = self._open.pop()
            self._last_close = start + 1
            if mark == _CLOSERS[container.bracket]:
                self._close(container, start + 1)
            else:
                self._is_broken = True

    def _read_quote(self, start: int) -> None:
        if not self._open:
            return  # prose
        if self._string_start is None:
            self._string_start = start + 1
        else:
            self._open[-1].last_string = self.text[self._string_start : start]
            self._string_start = None

    def _take_key(self) -> str | None:
        is_in_object = self._open and self._open[-1].bracket == "{"
        return self._open[-1].last_string if is_in_object else None

    def _close(self, container: _Container, end: int) -> None:
        # After a fault, order counts: the rest waits for the repair.
        skip = container.has_items or self._is_broken
        item = None if skip else self._parse_item(container, end)
        if item is not None:
            self._found.append(item)
        if self._open:
            self._open[-1].has_items |= container.has_items or item is not None

    def _parse_item(self, container: _Container, end: int) -> dict[str, object] | None:
        """Return the item that a closed container is; None if it is none."""
        is_list_of_day = self._name == "days" and _is_numbered(container.key)
        if container.bracket == "[" and not is_list_of_day:
            return None
        text = self.text[container.start : end]
        if container.bracket == "{" and not self._telling.search(text):
            return None
        try:
            return self._as_item(from_json(text), container.key)
        except ValueError:
            self._is_broken = True
            return None

    def _as_item(self, value: object, key: str | None) -> dict[str, object] | None:
        content, numbers, others = self._kind.content, self._kind.numbers, self._kind.others
        if isinstance(value, list) and self._name == "days" and _is_numbered(key):
            return {numbers[0]: key, content[0]: value}
        if not isinstance(value, dict):
            return None
        fields = {field_name(name): field for name, field in value.items()}
        if numbers and _is_numbered(key) and fields.keys().isdisjoint(numbers):
            fields[numbers[0]] = key
        known = fields.keys() & {*content, *numbers, *others}
        is_item = known.intersection(content) and len(known) >= self._kind.fewest
        return fields if is_item else None

    def _items_in(self, value: object, key: str | None = None) -> list[dict[str, object]]:
        """Return the items in a parsed text, in which a string may be JSON once more."""
        if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
            value = json_repair.loads(value)
        item = self._as_item(value, key)
        if item is not None:
            return [item]
        return [item for key, part in _parts(value) for item in self._items_in(part, key)]


def _is_numbered(key: str | None) -> bool:
    return key is not None and _NUMBERED.fullmatch(key) is not None


def _parts(value: object) -> Iterator[tuple[str | None, object]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        for part in value:
            yield None, part
