"""Texts as learners and models write them, and what the rule for a model's text makes of each."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Sample:
    """A text, and what it becomes if a model wrote it: as prose, and as the one line of a task."""

    kind: str
    text: str
    prose: str
    line: str


def _samples() -> Iterator[Sample]:
    for path in sorted(Path(__file__).parent.glob("*.toml")):
        for kind, entries in tomllib.loads(path.read_text("utf-8")).items():
            for entry in entries:
                yield _sample(kind, {"text": entry} if isinstance(entry, str) else entry)


def _sample(kind: str, entry: dict[str, Any]) -> Sample:
    prose = entry.get("prose", entry["text"])
    line = entry.get("line", re.sub(r"[\n\t]", " ", prose).strip(" "))
    return Sample(kind, entry["text"], prose, line)


SAMPLES = tuple(_samples())
"""All of them. None is like another, so that all could be tasks of one plan."""
