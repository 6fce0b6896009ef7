"""The words in which learners write: tokens, and what the data files say of phrases."""

import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from rapidfuzz import process
from rapidfuzz.distance import OSA

from src.llm.offline.curricula import curricula

Phrase: TypeAlias = tuple[str, ...]

_LONGEST_PHRASE = 14
"""In tokens; a Japanese name has as many as it has characters."""

_SHORTEST_CORRECTED = 5
_TWO_TYPOS_FROM = 8
"""In letters: from this length on a word may have two typos, a shorter one a single one."""

_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_MARKS = "\u0300-\u036f\u064b-\u0655\u0670\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963"
_TOKEN = re.compile(
    # Chinese and Japanese write no spaces: each of their characters is a token.
    rf"[{_CJK}]|[^\W_{_CJK}](?:[^\W{_CJK}]|[{_MARKS}])*[+#]*|\++"
    r"|[,;!?()\n。、，；！？।،؛]|[.:](?=\s|$)|(?<=\s)[-–—](?=\s)"  # noqa: RUF001  all scripts' marks
)
_OPTIONAL_MARKS = re.compile("[\u0300-\u036f\u0640\u064b-\u0655\u0670\u093c]")


@dataclass(frozen=True)
class Token:
    """A word, one Chinese or Japanese character, or a mark that divides clauses."""

    text: str
    """In lower case, without accents."""
    start: int
    end: int

    @property
    def is_mark(self) -> bool:
        """Whether it is punctuation."""
        return not self.text[0].isalnum() and self.text[0] != "+"


@dataclass(frozen=True)
class Meaning:
    """What a phrase means: a kind of `wording.toml`'s phrases, or a `subject` with its name."""

    kind: str
    name: str = ""
    """The name of a curriculum; empty for a subject that has none."""


@dataclass(frozen=True)
class Wording:
    """What `wording.toml` and `translations.toml` say, and the names of all subjects."""

    meanings: Mapping[Phrase, Meaning]
    places: Mapping[Phrase, str]
    lists: Mapping[str, frozenset[Phrase]]
    languages: Mapping[str, frozenset[Phrase]]
    """By its ISO 639-1 code, the words and names that show a language."""
    spelling: Mapping[str, Sequence[str]]
    """The words of the subjects' names, by their first letter."""
    known_words: frozenset[str]

    def corrected(self, word: str) -> str:
        """Return the word of a subject's name that is a typo away, or the word itself."""
        if len(word) < _SHORTEST_CORRECTED or word in self.known_words or not word.isalpha():
            return word
        # People seldom mistype the first letter, and `looking` is not `cooking`.
        near = self.spelling.get(word[0], ())
        typos = 2 if len(word) >= _TWO_TYPOS_FROM else 1
        best = process.extractOne(word, near, scorer=OSA.distance, score_cutoff=typos)
        return best[0] if best else word


def tokenize(text: str) -> list[Token]:
    """Return a text's tokens, with their places in it."""
    return [Token(_fold(m.group()), m.start(), m.end()) for m in _TOKEN.finditer(text)]


def phrase(text: str) -> Phrase:
    """Return a text's words; punctuation is left out."""
    return tuple(token.text for token in tokenize(text) if not token.is_mark)


def longest(words: Sequence[str], at: int, phrases: Collection[Phrase]) -> Phrase:
    """Return the longest of the phrases that the words hold at a place, or an empty one."""
    for length in range(min(_LONGEST_PHRASE, len(words) - at), 0, -1):
        if (found := tuple(words[at : at + length])) in phrases:
            return found
    return ()


@cache
def load_wording() -> Wording:
    """Read the data files; the next calls return the same."""
    said, translations = _read("wording.toml"), _read("translations.toml")
    lists = {name: frozenset(map(phrase, texts)) for name, texts in said["lists"].items()}
    meanings: dict[Phrase, Meaning] = {}
    for name, curriculum in curricula().items():
        names = (curriculum.subject, *curriculum.aliases)
        meanings |= dict.fromkeys(map(phrase, names), Meaning("subject", name))
    languages = defaultdict(set)
    for code, entry in translations.items():
        languages[code] |= {(word,) for word in phrase(entry.get("words", ""))}
        for name, texts in entry.get("names", {}).items():
            languages[code] |= set(map(phrase, texts))
            meanings |= dict.fromkeys(map(phrase, texts), Meaning("subject", name))
    meanings |= dict.fromkeys(lists["general"], Meaning("subject", "python"))
    spelling = defaultdict(set)
    for word in {word for name in meanings for word in name if len(word) >= _SHORTEST_CORRECTED - 1}:
        spelling[word[0]].add(word)
    for kind, texts in said["phrases"].items():
        meaning = Meaning("subject" if kind == "without_curriculum" else kind)
        meanings |= dict.fromkeys(map(phrase, texts), meaning)
    listed = {*meanings, *languages["en"], *(name for names in lists.values() for name in names)}
    return Wording(
        meanings=meanings,
        places={phrase(text): name for name, texts in said["places"].items() for text in texts},
        lists=lists,
        languages={code: frozenset(words) for code, words in languages.items()},
        spelling={letter: sorted(words) for letter, words in spelling.items()},
        known_words=frozenset(word for name in listed for word in name),
    )


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / name).read_text("utf-8"))


def _fold(text: str) -> str:
    """Return a text as it is compared: without capitals and optional marks such as accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", _OPTIONAL_MARKS.sub("", decomposed))
