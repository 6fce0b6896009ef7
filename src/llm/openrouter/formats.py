"""The formats in which an answer can be requested, and which of them the server accepts."""

import logging
from collections.abc import Sequence
from typing import Any, Literal

import openai

from src.llm.openrouter.schemas import AnswerShape

logger = logging.getLogger(__name__)

AnswerFormat = Literal["json_schema", "json_object", "text"]

ANSWER_FORMATS: tuple[AnswerFormat, ...] = ("json_schema", "json_object", "text")
"""From the strictest down: small OpenAI-compatible servers reject the first, some the second."""


class AcceptedFormats:
    """Remembers the strictest format that the server has accepted."""

    def __init__(self) -> None:
        self._strictest = ANSWER_FORMATS[0]
        self._accepted: set[AnswerFormat] = set()

    def to_try(self, shape: AnswerShape | None) -> Sequence[AnswerFormat]:
        """Return the formats worth trying, the strictest first; prose has no shape."""
        return ANSWER_FORMATS[ANSWER_FORMATS.index(self._strictest) :] if shape else ("text",)

    def remember(self, accepted: AnswerFormat, shape: AnswerShape | None) -> None:
        """Remember that the server has accepted this format."""
        self._accepted.add(accepted)
        # If it accepted the strictest one before, it rejects that now for a reason that may pass.
        if shape and self._strictest not in self._accepted:
            logger.warning("the model's server accepts no stricter format than %s", accepted)
            self._strictest = accepted


def response_format(answer_format: AnswerFormat, shape: AnswerShape | None) -> Any:  # noqa: ANN401
    """Return the parameter `response_format` of a request."""
    if answer_format == "text" or shape is None:
        return openai.omit
    if answer_format == "json_object":
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "json_schema": {"name": shape.name, "strict": True, "schema": dict(shape.rich)},
    }
