"""The words in which learners write: tokens, and what the data files say of phrases."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from typing import TypeAlias

from rapidfuzz import process
from rapidfuzz.distance import OSA

from src.llm.offline.curricula import Topic, curricula, read_data

Phrase: TypeAlias = tuple[str, ...]

_LONGEST_PHRASE = 8  # in words
_SHORTEST_CORRECTED, _TWO_TYPOS_FROM = 5, 8  # in letters; shorter words have no typo


class Wording:
    """What `wording.toml` and `translations.toml` say, and the names of all subjects."""

    def __init__(self) -> None:
        said, languages = read_data("wording.toml"), read_data("translations.toml")
        names = [(name, (s.subject, *s.aliases)) for name, s in curricula().items()]
        names.append(("python", said["lists"]["general"]))
        lists = dict(said["lists"])
        for code, entry in languages.items():
            own = entry.get("names", {})
            lists[code] = [*entry.get("words", "").split(), *chain.from_iterable(own.values())]
            names += own.items()
        self.phrases = {name: set(map(phrase, texts)) for name, texts in lists.items()}
        """The lists of `wording.toml`, all `meanings`, and the words and names of each language."""
        subjects = {phrase(text): ("subject", name) for name, texts in names for text in texts}
        cues = {phrase(text): (cue, "") for cue, texts in said["phrases"].items() for text in texts}
        places = {
            phrase(text): ("place", name)
            for name, texts in said["places"].items()
            for text in texts
        }
        self.meanings = subjects | cues | places
        """What a phrase means: its kind, and the name of a curriculum, which is empty for none."""
        self.phrases["meanings"] = set(self.meanings)
        self._spelling = sorted(set(chain.from_iterable(subjects)))
        written = chain.from_iterable(self.phrases[n] for n in (*said["lists"], "meanings", "en"))
        self._words = frozenset(chain.from_iterable(written))

    def corrected(self, word: str) -> str:
        """Return the word of a subject's name that is a typo away, or the word itself."""
        if len(word) < _SHORTEST_CORRECTED or word in self._words or not word.isalpha():
            return word
        # People seldom mistype the first letter, and `looking` is not `cooking`.
        near = [name for name in self._spelling if name[0] == word[0]]
        typos = 1 + (len(word) >= _TWO_TYPOS_FROM)
        best = process.extractOne(word, near, scorer=OSA.distance, score_cutoff=typos)
        return best[0] if best else word


wording = cache(Wording)
"""Returns the one wording; the first call reads its files."""


def tokenize(text: str) -> list[str]:
    """Return a text's words and marks as they are written."""
    return re.findall(read_data("wording.toml")["letters"]["word"], text)


def is_mark(word: str) -> bool:
    """Whether a token is punctuation that divides clauses."""
    return not word[0].isalnum() and word[0] != "+"


def phrase(text: str) -> Phrase:
    """Return a text's words; punctuation is left out."""
    return tuple(word for word in map(fold, tokenize(text)) if not is_mark(word))


def find(words: Sequence[str], at: int, name: str) -> Phrase:
    """Return the longest phrase of a list that the words hold at a place, or an empty one."""
    phrases, ends = wording().phrases[name], range(at + _LONGEST_PHRASE, max(at, 0), -1)
    return next((p for end in ends if (p := tuple(words[at:end])) in phrases), ())


def longest_name(topic: Topic, words: Iterable[str]) -> int:
    """Return how many words the longest of a topic's names has that a text holds; 0 for none."""
    names = (topic.id.replace("-", " "), topic.name, *topic.name.split(" and "))
    # Plurals are the same words.
    texts = ([word.rstrip("s") for word in each] for each in (words, *map(phrase, names)))
    said, *known = (f" {' '.join(text)} " for text in texts)
    return max((len(name.split()) for name in known if name in said), default=0)


def fold(text: str) -> str:
    """Return a word in lower case without accents."""
    signs = read_data("wording.toml")["letters"]["optional_signs"]
    # Decomposed, so that signs such as accents, which learners leave out, can be removed.
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", re.sub(signs, "", decomposed))
