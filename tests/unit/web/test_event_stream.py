"""Events as they are written on the wire."""

import json

import pytest

from src.domain.roadmap import AssistantAnswer
from src.web.event_stream import Event


@pytest.mark.parametrize(
    "data", ["a\x85b\u2028c\u2029d\ne", AssistantAnswer(response="a\x85b\u2028c\ne")]
)
def test_text_of_an_event_is_one_line(data: str | AssistantAnswer) -> None:
    """For clients, too, that split lines as Python does; parsed, it is the same text."""
    name, line, *end = Event("answer", data).encode().decode().splitlines()
    assert (name, end) == ("event: answer", [""])
    parsed = json.loads(line.removeprefix("data: "))
    assert parsed == (data if isinstance(data, str) else data.model_dump(mode="json"))
