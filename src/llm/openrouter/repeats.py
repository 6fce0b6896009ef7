"""Finds tasks that repeat another task of the roadmap."""

import re
from collections.abc import Sequence

from rapidfuzz import fuzz, process

from src.domain.plan_rules import same_text_key

MIN_SIMILARITY = 90
"""In percent, the share of letters that stay when one text is edited into the other. "Write a
function that adds two numbers" and "… that multiplies two numbers" have 83."""


class TaskRegistry:
    """The texts of a roadmap's accepted tasks."""

    def __init__(self) -> None:
        # Texts with different numbers are different tasks: chapter 3 is not chapter 4.
        self._texts_by_numbers: dict[tuple[str, ...], list[str]] = {}

    def find_repeats(self, texts: Sequence[str]) -> list[int]:
        """Return the indexes of texts that repeat an accepted one or an earlier one of these."""
        found = []
        fresh = TaskRegistry()
        for index, text in enumerate(texts):
            if self._contains(text) or fresh._contains(text):
                found.append(index)
            else:
                fresh.add([text])
        return found

    def add(self, texts: Sequence[str]) -> None:
        """Record the texts of accepted tasks."""
        for text in texts:
            self._texts_by_numbers.setdefault(_numbers(text), []).append(same_text_key(text))

    def _contains(self, text: str) -> bool:
        alike = self._texts_by_numbers.get(_numbers(text), [])
        best = process.extractOne(
            same_text_key(text), alike, scorer=fuzz.ratio, score_cutoff=MIN_SIMILARITY
        )
        return best is not None


def _numbers(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\d+", text))
