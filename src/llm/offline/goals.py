"""What a goal is about, as far as the curricula can tell."""

import re
from dataclasses import dataclass

from src.llm.offline.curricula import Curriculum, curricula


@dataclass(frozen=True)
class UnderstoodGoal:
    """What a learner wants to learn.

    `subjects` is empty when no curriculum fits; `names` says how to call what is learned, in the
    order of the goal. `known` holds ids of topics and names of curricula that the learner knows
    already. `language` is an ISO 639-1 code, or None for English.
    """

    subjects: tuple[Curriculum, ...]
    names: tuple[str, ...]
    known: tuple[str, ...]
    is_exam: bool
    language: str | None


def understand(goal: str) -> UnderstoodGoal:
    """Return what a goal is about."""
    text = goal.casefold()
    found = {}
    for curriculum in curricula().values():
        aliases = sorted((curriculum.subject, *curriculum.aliases), key=len, reverse=True)
        matches = (
            re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", text) for name in aliases
        )
        if match := next(filter(None, matches), None):
            found[match.start()] = curriculum
    subjects = tuple(curriculum for _, curriculum in sorted(found.items(), key=lambda at: at[0]))
    names = tuple(each.subject for each in subjects) or (
        " ".join(goal.split())[:60] or "your subject",
    )
    return UnderstoodGoal(subjects, names, (), "exam" in text, None)
