"""What the offline planner knows of subjects: one TOML file for each, beside this one.

`docs/curricula.md` says what the fields mean and how to add a subject.
"""

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from src.domain.vocabulary import Level, Value


class Topic(Value):
    """One thing to learn; what it needs stands above it in the file."""

    id: str
    name: str
    level: Level
    needs: tuple[str, ...] = ()
    explain: str
    read: str
    practice: tuple[str, ...]
    challenge: str


class Project(Value):
    """Something real that a learner builds, in steps."""

    name: str
    level: Level
    needs: tuple[str, ...]
    milestones: tuple[str, ...]


class Curriculum(Value):
    """A subject, its topics in the order of learning, and its projects."""

    subject: str
    kind: str
    aliases: tuple[str, ...]
    practice_category: Literal["coding", "practice"]
    topics: tuple[Topic, ...]
    projects: tuple[Project, ...]


@cache
def curricula() -> Mapping[str, Curriculum]:
    """Return every subject by the name of its file."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.toml"))
    return {name: Curriculum.model_validate(read_data(f"curricula/{name}.toml")) for name in names}


def general_curriculum(subject: str) -> Curriculum:
    """Return how to learn a subject that has no curriculum; its sentences name the subject."""
    said = json.dumps(read_data("general.toml"))
    return Curriculum.model_validate_json(said.replace("{subject}", json.dumps(subject)[1:-1]))


@cache
def read_data(name: str) -> dict[str, Any]:
    """Return what a TOML file of the offline models says; read once, and nobody changes it."""
    return tomllib.loads((Path(__file__).parents[1] / name).read_text("utf-8"))
