"""The goals and the syllabi: their sizes, their references, and that no planner reads them."""

from collections import Counter
from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from benchmarks.plan_checks.plans import read_goals
from benchmarks.plan_checks.topics import (
    CURRICULA,
    SYLLABI,
    curriculum_of,
    read_toml,
    subjects_in,
    syllabus_of,
    topics_of,
)
from src.domain.vocabulary import Level

GOALS = read_goals()
NAMES = sorted(path.stem for path in SYLLABI.glob("*.toml"))
ROOT = Path(__file__).parents[3]


def test_there_are_enough_goals_of_every_kind() -> None:
    kinds = Counter(goal.kind for goal in GOALS)
    assert len(GOALS) >= 200
    assert len(kinds) >= 12
    assert min(kinds.values()) >= 12
    assert len({goal.goal for goal in GOALS}) == len(GOALS)


def test_goals_have_every_length_level_and_hours() -> None:
    hours = {goal.hours for goal in GOALS}
    levels = get_args(Level)
    shapes = {(goal.kind, goal.weeks, goal.level) for goal in GOALS}
    for kind, weeks, level in product({goal.kind for goal in GOALS}, (1, 4, 12, 52), levels):
        assert (kind, weeks, level) in shapes
    assert {0.5, 8} <= hours
    assert {(goal.weeks, goal.hours) for goal in GOALS} == set(product((1, 4, 12, 52), hours))


def test_goals_name_curricula() -> None:
    curricula = {path.stem for path in CURRICULA.glob("*.toml")}
    assert {subject for goal in GOALS for subject in goal.subjects} <= curricula
    for goal in GOALS:
        goal.request()


def test_there_are_enough_syllabi() -> None:
    assert len(NAMES) >= 15


@pytest.mark.parametrize("name", NAMES)
def test_syllabus_is_complete(name: str) -> None:
    """It names its source and its curriculum, and rests on topics of its own."""
    content = read_toml(SYLLABI / f"{name}.toml")
    topics = syllabus_of(name)
    assert topics
    names = [topic.name for topic in topics.topics]
    assert content["curriculum"] == name
    assert len(content["source"]) > 40
    assert len(names) >= 20
    assert len(set(names)) == len(names)
    assert {need for topic in topics.topics for need in topic.needs} <= set(names)
    assert all(topic.synonyms for topic in topics.topics)


@pytest.mark.parametrize("name", NAMES)
def test_curriculum_keeps_the_syllabus_order(name: str) -> None:
    """Both agree on what rests on what, so far as a topic's name says what it is."""
    syllabus = syllabus_of(name)
    assert syllabus
    first: dict[str, int] = {}
    for place, topic in enumerate(curriculum_of(name).topics):
        for named in syllabus.named_in(topic.name):
            first.setdefault(named, place)
    for topic in syllabus.topics:
        for need in topic.needs:
            if topic.name in first and need in first:
                assert first[need] <= first[topic.name], (need, topic.name)


def test_topics_tell_subjects_apart() -> None:
    """Tasks written for a subject name its topics, and those of a strange subject do not."""
    for name, stranger in (("python", "watercolour"), ("chess", "python"), ("yoga", "chess")):
        topics = topics_of((name,))
        for subject, least, most in ((name, 0.8, 1.0), (stranger, 0.0, 0.5)):
            rows = read_toml(CURRICULA / f"{subject}.toml")["topics"]
            texts = [text for row in rows for text in row["practice"]]
            share = sum(bool(topics.named_in(text)) for text in texts) / len(texts)
            assert least <= share <= most, (name, subject, share)


def test_source_does_not_know_the_yardstick() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        assert "benchmarks" not in path.read_text(), path


@pytest.mark.parametrize(
    ("goal", "subjects"),
    [
        ("Thai cooking at home", {"thai-cooking"}),
        ("SQL and Tableau", {"sql", "tableau-power-bi"}),
        ("beekeeping", set()),
    ],
)
def test_subjects_are_found_in_lines(goal: str, subjects: set[str]) -> None:
    assert set(subjects_in(goal)) == subjects
