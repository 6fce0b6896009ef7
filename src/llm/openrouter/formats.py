"""The formats in which an answer can be requested."""

import re
from typing import Any, Literal

from src.llm.openrouter.schemas import AnswerShape

AnswerFormat = Literal["rich", "plain", "json_object", "text"]

ANSWER_FORMATS: tuple[AnswerFormat, ...] = ("rich", "plain", "json_object", "text")
"""From the strictest down: a JSON Schema with all rules, one with types alone, JSON, plain text."""

FORMAT_SIGNS = (
    r"response_format|response format|json_schema|json_object|json schema|json mode"
    r"|structured.?outputs?|text\.format|guided|grammar|schema"
    r"|\b(?:min|max)(?:Items|Length|imum)\b|prefixItems|additionalProperties"
)
"""What an error says that is about the answer format."""

_TYPE_SIGNS = re.compile(
    # OpenAI: "'response_format' of type 'json_schema' is not supported"; DeepSeek: "This
    # response_format type is unavailable"; servers in Rust: "unknown variant `json_schema`".
    r"type\W+json_schema\W.{0,60}(?:not|un)|unknown variant|format type is unavailable"
    r"|json_schema\W.{0,30}(?:not supported|unsupported|not available)",
    re.IGNORECASE,
)
_FIELD_SIGNS = re.compile(
    r"extra.{0,30}(?:forbidden|permitted|allowed)|unrecognized|unexpected|unknown (?:field|param)"
    r"|unsupported.?(?:parameter|field)|no such field",
    re.IGNORECASE,
)


def next_format(refused: AnswerFormat, signs: str, shape: AnswerShape) -> AnswerFormat | None:
    """Return the format to try after a refused one, by what the server said; None after `text`."""
    if refused == "text":
        return None
    if _FIELD_SIGNS.search(signs) and re.search(r"response_format(?!\W+json_schema)", signs):
        return "text"  # the server does not know the parameter at all
    offers_object = "json_object" in signs and "json_schema" not in signs
    if refused in {"rich", "plain"} and (offers_object or _TYPE_SIGNS.search(signs)):
        return "json_object"
    lower = ANSWER_FORMATS[ANSWER_FORMATS.index(refused) + 1]
    return "json_object" if lower == "plain" and shape.rich == shape.plain else lower


def response_format(answer_format: AnswerFormat, shape: AnswerShape) -> dict[str, Any] | None:
    """Return the parameter `response_format` of a request; None if it is left out."""
    if answer_format == "text":
        return None
    if answer_format == "json_object":
        return {"type": "json_object"}
    schema = shape.rich if answer_format == "rich" else shape.plain
    return {
        "type": "json_schema",
        "json_schema": {"name": shape.name, "strict": True, "schema": dict(schema)},
    }
