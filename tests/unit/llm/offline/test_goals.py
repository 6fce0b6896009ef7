"""Goals as people write them."""

import tomllib
from pathlib import Path
from typing import Any

from src.llm.offline.curricula import curricula
from src.llm.offline.goals import understand

CORPUS: dict[str, list[dict[str, Any]]] = tomllib.loads(
    Path(__file__).with_name("goals.toml").read_text("utf-8")
)


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


def check(part: str) -> None:
    wrong = [
        (goal["text"], "expected", expected(goal), "got", got)
        for goal in CORPUS[part]
        if (got := understood(goal["text"])) != expected(goal)
    ]
    right = 1 - len(wrong) / len(CORPUS[part])
    print(f"{part}: {right:.1%} of {len(CORPUS[part])} understood")
    for line in wrong: print(line)
    assert right >= 0.95, wrong


def test_goals_are_understood() -> None:
    check("goals")
