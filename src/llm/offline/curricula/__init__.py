"""What the offline planner knows of subjects: one TOML file for each, beside this one.

`docs/curricula.md` says what the fields mean and how to add a subject.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from src.domain.vocabulary import Level, Value

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
Name = Annotated[str, StringConstraints(min_length=2, max_length=60)]
Sentence = Annotated[str, StringConstraints(pattern=r"^\S.*[.!?]$", min_length=20, max_length=240)]
Task = Annotated[str, StringConstraints(pattern=r"^[A-Z].*\.$", min_length=25, max_length=240)]


class Topic(Value):
    """One thing to learn; what it needs stands above it in the file."""

    id: Id
    name: Name
    level: Level
    needs: tuple[Id, ...] = ()
    explain: Sentence
    read: Annotated[str, StringConstraints(min_length=5, max_length=160)]
    practice: Annotated[tuple[Task, ...], Field(min_length=2, max_length=3)]
    challenge: Task


class Project(Value):
    """Something real that a learner builds, in steps."""

    name: Name
    level: Level
    needs: tuple[Id, ...]
    milestones: Annotated[tuple[Task, ...], Field(min_length=4, max_length=10)]


class Curriculum(Value):
    """A subject, its topics in the order of learning, and its projects."""

    subject: Name
    kind: str
    aliases: tuple[Annotated[str, StringConstraints(min_length=1, max_length=40)], ...]
    practice_category: Literal["coding", "practice"]
    topics: Annotated[tuple[Topic, ...], Field(min_length=24)]
    projects: Annotated[tuple[Project, ...], Field(min_length=1, max_length=3)]


@cache
def curricula() -> Mapping[str, Curriculum]:
    """Return every subject by the name of its file."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.toml"))
    return {name: Curriculum.model_validate(read_data(f"curricula/{name}.toml")) for name in names}


@cache
def general_curriculum() -> Curriculum:
    """Return how to learn anything; `{subject}` in its sentences stands for what is learned."""
    return Curriculum.model_validate(read_data("general.toml"))


@cache
def read_data(name: str) -> dict[str, Any]:
    """Return what a TOML file of the offline models says; read once, and nobody changes it."""
    return tomllib.loads((Path(__file__).parents[1] / name).read_text("utf-8"))
