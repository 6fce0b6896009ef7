"""The sentence patterns of `patterns.toml`, and the tasks that are worded by them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from src.domain.vocabulary import Category, Effort, Value
from src.llm.offline.course import Lesson
from src.llm.offline.curricula import Kind, Project


class Purpose(Value):
    """What a task is for; `own` stands for the category of practice in its curriculum."""

    effort: Effort
    category: Category | Literal["own"]
    most_minutes: int
    is_plain: bool = False
    """Whether it asks to recall and explain, rather than to use and judge."""
    patterns: tuple[str, ...]
    kinds: Mapping[Kind, tuple[str, ...]] = {}


class Patterns(Value):
    """All of `patterns.toml`; the order of the purposes is their order in a day."""

    words: Mapping[Kind, Mapping[str, str]]
    goals: tuple[str, ...]
    english_only: str
    steps: Mapping[str, tuple[str, ...]]
    purposes: Mapping[str, Purpose]


@dataclass(frozen=True)
class Slot:
    """A task before it has words: its purpose, its topics and the sentence at its core."""

    purpose: str
    lessons: tuple[Lesson, ...]
    sentence: str
    project: Project | None = None


@cache
def patterns() -> Patterns:
    """Return the patterns, read once."""
    return Patterns.model_validate(tomllib.loads(Path(__file__).with_suffix(".toml").read_text()))
