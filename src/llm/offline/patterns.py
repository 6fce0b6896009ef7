"""What `patterns.toml` says: the purposes of tasks, and how they are worded."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from src.domain.vocabulary import Category, Effort, Value


class Purpose(Value):
    """What a task is for. Plain ones ask to read and explain, others to use and judge."""

    effort: Effort
    category: Category | Literal["as in its curriculum"]
    most_minutes: int
    is_plain: bool = False
    patterns: tuple[str, ...]
    kinds: Mapping[str, tuple[str, ...]] = {}


class Patterns(Value):
    """All of the file; the order of the purposes is their order in a day."""

    goals: tuple[str, ...]
    english_only: str
    deeper: tuple[tuple[str, ...], ...]
    words: Mapping[str, Mapping[str, str]]
    steps: Mapping[str, Mapping[str, tuple[str, ...]]]
    purposes: Mapping[str, Purpose]


@cache
def patterns() -> Patterns:
    """Return the patterns, read once."""
    return Patterns.model_validate(tomllib.loads(Path(__file__).with_suffix(".toml").read_text()))
