"""What is left of a sentence when its topics, numbers and quotations are masked."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.plan_checks.plans import Plan
from benchmarks.plan_checks.text import is_small, sentences, without_quotations, words
from benchmarks.plan_checks.topics import (
    CURRICULA,
    Topic,
    TopicList,
    curriculum_of,
    read_toml,
    syllabus_of,
)

MASK = "_"
_NUMBER = re.compile(r"\d+|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|half")
_MASKS = re.compile(rf"{MASK}(?: (?:(?:and|or|the|a|an|of) )*{MASK})+")


@dataclass(frozen=True)
class Mask:
    """The names that one plan's sentences are masked by."""

    topics: TopicList

    def skeletons(self, text: str) -> tuple[str, ...]:
        """Return the skeletons of a task's sentences, without those that are all mask."""
        found = (self._skeleton(sentence) for sentence in sentences(text))
        return tuple(skeleton for skeleton in found if skeleton.strip(MASK + " "))

    def whole(self, text: str) -> str:
        """Return the skeleton of a whole task."""
        return " / ".join(self.skeletons(text))

    def _skeleton(self, sentence: str) -> str:
        kept = words(without_quotations(sentence, " "))
        masked = {index for _, span in self.topics.spans(" ".join(kept)) for index in span}
        line = " ".join(
            MASK if index in masked or _NUMBER.fullmatch(word) else word
            for index, word in enumerate(kept)
        )
        return _MASKS.sub(MASK, line)


def mask_of(plan: Plan) -> Mask:
    """Return the mask of a plan: its subject, its topics, and what its outline announces."""
    topics: list[Topic] = []
    for subject in plan.goal.subjects:
        curriculum = read_toml(CURRICULA / f"{subject}.toml")
        topics += [Topic(name) for name in _names(curriculum)]
        for listed in (curriculum_of(subject), syllabus_of(subject)):
            topics += listed.topics if listed else ()
    topics += [Topic(focus) for _, focus in plan.focus()]
    # Of an unknown subject only the goal is known, of which a plan may use any part.
    topics += [Topic(word) for word in words(plan.goal.goal) if not is_small(word)]
    return Mask(TopicList(topics))


def _names(curriculum: Mapping[str, Any]) -> Iterable[str]:
    yield str(curriculum["subject"])
    yield from curriculum["aliases"]
