"""Reads a model's answer as it arrives, and corrects what can only mean one thing."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, TypeVar

import json_repair
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import from_json

from src.domain.errors import ModelOutputError
from src.domain.vocabulary import Category, Effort

CATEGORY_SYNONYMS: dict[Category, str] = {
    "reading": "read study theory watching",
    "coding": "code programming building project",
    "revision": "review reviewing revise recap",
    "practice": "exercise exercises practise practising practicing",
}
EFFORT_SYNONYMS: dict[Effort, str] = {
    "light": "easy low small",
    "medium": "moderate normal average",
    "deep": "hard high heavy intense",
}


class Answer(BaseModel):
    """A part of a model's answer."""

    # A `strict` schema must allow no extra fields; one that a model adds all the same is ignored.
    model_config = ConfigDict(extra="ignore", json_schema_extra={"additionalProperties": False})


A = TypeVar("A", bound=Answer)


def _replace_synonym(synonyms: Mapping[str, str]) -> BeforeValidator:
    meanings = {word: meaning for meaning, words in synonyms.items() for word in words.split()}

    def replace(value: object) -> object:
        if not isinstance(value, str):
            return value
        word = value.strip().lower()
        return meanings.get(word, word)

    return BeforeValidator(replace)


class WeekGoal(Answer):
    """An outline's entry."""

    week_number: int
    goal: str
    focus: list[str]


class OutlineAnswer(Answer):
    """An outline: the goals of the weeks, in order."""

    weeks: list[WeekGoal]


class TaskAnswer(Answer):
    """A task."""

    text: str
    effort: Annotated[Effort, _replace_synonym(EFFORT_SYNONYMS)]
    category: Annotated[Category, _replace_synonym(CATEGORY_SYNONYMS)]


class DayAnswer(Answer):
    """A day with its tasks, in order."""

    day_number: int
    tasks: list[TaskAnswer]


class WeekAnswer(Answer):
    """Days of one week."""

    week_number: int
    days: list[DayAnswer]


class TasksAnswer(Answer):
    """Tasks that replace others."""

    tasks: list[TaskAnswer]


class ItemReader:
    """Reads the items of one list in a streamed JSON object, each as soon as it is complete.

    `key` is the list's name. The items are parsed JSON, not validated yet.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self.text = ""
        self._returned = 0

    def feed(self, piece: str) -> list[object]:
        """Add a piece of the text and return the items that it completes."""
        self.text += piece
        if "}" not in piece:
            return []
        # Cut after its last brace and closed, the text parses only if that brace ended an item, or
        # the whole object.
        start, end = self.text.find("{"), self.text.rfind("}") + 1
        for closing in ("]}", ""):
            with suppress(ValueError):
                return self._new_items(from_json(self.text[start:end] + closing))
        return []

    async def finish(self) -> list[object]:
        """Return the remaining items of the complete text.

        Raises:
            ModelOutputError: the text has no such list, even after repairs.
        """
        try:
            parsed = json.loads(self.text)
        except (ValueError, RecursionError):
            # It strips fences and prose and repairs commas; its guesses are validated like the
            # rest. In a thread, since the worst texts take it seconds.
            try:
                parsed = await asyncio.to_thread(json_repair.loads, self.text)
            except (RecursionError, ValueError):  # nested too deeply, or a number too long
                parsed = None
        items = self._new_items(parsed)
        if not self._returned:
            raise ModelOutputError(f"the answer is no JSON object with `{self._key}`")
        return items

    def _new_items(self, parsed: object) -> list[object]:
        # A bare list is as good as the object around it.
        items = parsed.get(self._key) if isinstance(parsed, dict) else parsed
        if not isinstance(items, list):
            return []
        returned, self._returned = self._returned, max(self._returned, len(items))
        return items[returned:]


def parse_item(item: object, model: type[A]) -> A:
    """Return an item of an answer as its model.

    Raises:
        ModelOutputError: it is not valid; the message names each fault without its value.
    """
    try:
        return model.model_validate(item)
    except ValidationError as error:
        faults = (
            f"{'.'.join(map(str, fault['loc'])) or 'The item'}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise ModelOutputError("; ".join(faults)) from None
