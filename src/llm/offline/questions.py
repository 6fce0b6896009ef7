"""What a question to the offline assistant means."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from src.llm.offline.curricula import Topic, read_data
from src.llm.offline.wording import longest_name, phrase

_MOST_WORDS_BESIDE_A_TOPIC = 2


class Question(NamedTuple):
    """A question, understood. The intent is one of `questions.toml`, `explain` or `unknown`."""

    intent: str
    week: int | None = None
    day: int | None = None
    minutes: int | None = None
    topic: Topic | None = None


def understand_question(text: str, topics: Sequence[Topic]) -> Question:
    """Return what a question means to a learner of these topics; never fails."""
    data, words = question_data(), phrase(text)
    said = " ".join(words)
    for number, digits in data["numbers"].items():
        said = re.sub(rf"\b{number}\b", digits, said)
    if re.search(data["beyond"], said):
        return Question("unknown")
    topic = max(topics, key=lambda topic: longest_name(topic, words), default=None)
    if topic and (named := longest_name(topic, words)):
        is_bare = len(words) - named <= _MOST_WORDS_BESIDE_A_TOPIC
        if is_bare or re.search(data["explaining"], said):
            return Question("explain", topic=topic)
    intents = data["intents"].items()
    intent = next((name for name, pattern in intents if re.search(pattern, said)), "unknown")
    minutes = _number("min", said) or (_number("h", said) or 0) * 60 or None
    return Question(intent, _number("week", said), _number("day", said), minutes)


def _number(unit: str, said: str) -> int | None:
    patterns = (rf"\b{unit} (\d+)", rf"\b(\d+)(?:st|nd|rd|th)? ?{unit}")
    found = next(filter(None, (re.search(pattern, said) for pattern in patterns)), None)
    return int(found[1]) if found else None


@cache
def question_data() -> dict[str, Any]:
    """Return what `questions.toml` says; read once."""
    return read_data("questions.toml")
