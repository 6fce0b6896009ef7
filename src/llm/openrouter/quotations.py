"""Notices a text that quotes another one, such as the rules of a prompt.

Our rules hold no secret; an answer that recites them is one that somebody else's instructions
steer. What is paraphrased, translated or encoded is not noticed.
"""

import unicodedata

SHORTEST_QUOTATION = 27
"""In letters and digits, about 40 characters of prose: less may well be said by chance."""


class Quotations:
    """Knows the texts that are not to be quoted."""

    def __init__(self, *texts: str) -> None:
        self._windows = {
            folded[start : start + SHORTEST_QUOTATION]
            for folded in map(_folded, texts)
            for start in range(len(folded) - SHORTEST_QUOTATION + 1)
        }

    def found_in(self, text: str) -> bool:
        """Whether a text quotes one of ours, whatever its case, spaces and punctuation."""
        folded = _folded(text)
        return any(
            folded[start : start + SHORTEST_QUOTATION] in self._windows
            for start in range(len(folded) - SHORTEST_QUOTATION + 1)
        )


class QuotedError(Exception):
    """A text turned out to quote; what was told of it before does not."""


MOST_HELD = 300
"""How much of a text is held back at most: what has so few letters in it quotes nothing."""


class QuotationGuard:
    """Lets a text through piece by piece, as far as it cannot be the beginning of a quotation."""

    def __init__(self, quotations: Quotations) -> None:
        self._quotations = quotations
        self._held = ""

    def feed(self, piece: str) -> str:
        """Take a piece and return what can be told; may be empty.

        Raises:
            QuotedError: what is held back quotes.
        """
        self._held += piece
        if self._quotations.found_in(self._held):
            raise QuotedError
        start, letters = len(self._held), 0
        earliest = max(start - MOST_HELD, 0)
        while start > earliest and letters < SHORTEST_QUOTATION:
            start -= 1
            letters += len(_folded(self._held[start]))
        ready, self._held = self._held[:start], self._held[start:]
        return ready

    def finish(self) -> str:
        """Return the rest."""
        return self._held


def _folded(text: str) -> str:
    whole = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in whole if character.isalnum())
