"""Goals as people write them."""

import tomllib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from src.llm.offline.curricula import curricula
from src.llm.offline.goals import MAX_NAME_LENGTH, understand
from src.llm.offline.wording import phrase

DATA = Path("src/llm/offline")
CORPUS: dict[str, list[dict[str, Any]]] = tomllib.loads(
    Path(__file__).with_name("goals.toml").read_text("utf-8")
)
RIGHT = 0.95

NAMES = {
    "beekeeping": "beekeeping",
    "I want to learn welding": "welding",
    "I'm a nurse and want to learn welding because my car rusts": "welding",
    "become a better person": "becoming a better person",
    "Learn to play the harp": "playing the harp",
    "how to react to criticism": "reacting to criticism",
    "Learn to make pottery in 3 weeks": "making pottery",
    "to cut my own hair": "cutting your own hair",
    "use a sewing machine": "using a sewing machine",
    "learn C#": "C#",
    "Linear algebra for machine learning": "Linear algebra for machine learning",
    "iOS app development with Swift": "iOS app development with Swift",
    # What is no phrase, or too long, or not English.
    "asdf": "your subject",
    "aaaa": "your subject",
    "???": "your subject",
    "something new": "your subject",
    "lorem ipsum dolor sit amet": "your subject",
    "quiero criar abejas": "your subject",
    "learn how to restore a wooden sailing boat from the last century": "your subject",
}


def understood(text: str) -> dict[str, Any]:
    goal = understand(text)
    files = {curriculum.subject: name for name, curriculum in curricula().items()}
    return {
        "subjects": [files[subject.subject] for subject in goal.subjects],
        "known": list(goal.known),
        "exam": goal.is_exam,
        "language": goal.language,
    }


def expected(goal: dict[str, Any]) -> dict[str, Any]:
    defaults = {"known": [], "exam": False, "language": None}
    return {**defaults, **{key: value for key, value in goal.items() if key != "text"}}


@pytest.mark.parametrize("part", CORPUS)
def test_goals_are_understood(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Subjects in their order, what is known, whether it is an exam, the language: all right."""
    goals = CORPUS[part]
    wrong = [
        f"{goal['text']}: {got}, not {expected(goal)}"
        for goal in goals
        if (got := understood(goal["text"])) != expected(goal)
    ]
    right = 1 - len(wrong) / len(goals)
    with capsys.disabled():
        print(f"\n{part}: {right:.1%} of {len(goals)} understood", *wrong, sep="\n")  # noqa: T201
    assert right >= RIGHT


def test_the_corpus_is_large_and_says_each_goal_once() -> None:
    texts = Counter(goal["text"] for goals in CORPUS.values() for goal in goals)
    assert len(CORPUS["goals"]) >= 150
    assert len(CORPUS["held_out"]) >= 25
    assert max(texts.values()) == 1


@pytest.mark.parametrize(("goal", "name"), NAMES.items(), ids=NAMES)
def test_a_subject_has_a_name_for_a_sentence(goal: str, name: str) -> None:
    assert understand(goal).name == name


@pytest.mark.parametrize(
    "goal", ["", " ", "\n", "+", "#", "-", "'", "🎉", "\u202e", "ー", "ा", "a\u0301", "C" * 2000]
)
def test_any_text_is_read(goal: str) -> None:
    """There is always a name, and it fits into a sentence."""
    assert 0 < len(understand(goal).name) <= MAX_NAME_LENGTH


def test_a_name_belongs_to_one_subject_in_every_language() -> None:
    """Otherwise the last file that is read would win."""
    translations = tomllib.loads((DATA / "translations.toml").read_text("utf-8"))
    meant = defaultdict(set)
    for name, subject in curricula().items():
        for alias in (subject.subject, *subject.aliases):
            meant[phrase(alias)].add(name)
    for entry in translations.values():
        for name, texts in entry.get("names", {}).items():
            assert name in curricula()
            for text in texts:
                meant[phrase(text)].add(name)
    assert {text: names for text, names in meant.items() if len(names) > 1} == {}


def test_a_phrase_is_one_kind_of_cue() -> None:
    phrases = tomllib.loads((DATA / "wording.toml").read_text("utf-8"))["phrases"]
    kinds = Counter(phrase(text) for texts in phrases.values() for text in texts)
    assert [text for text, count in kinds.items() if count > 1] == []
