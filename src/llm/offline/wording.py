"""The words in which learners write: tokens, and what the data files say of phrases."""

import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

from rapidfuzz import process
from rapidfuzz.distance import OSA

from src.llm.offline.curricula import Topic, curricula

Phrase: TypeAlias = tuple[str, ...]
Phrases: TypeAlias = Mapping[str, Sequence[Phrase]]
"""Phrases by their first word, the longest first."""

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
_T = TypeVar("_T", str, Phrase)


class Token(NamedTuple):
    """A word, in lower case without accents, or a mark; and its place in the text."""

    word: str
    start: int
    end: int


class Meaning(NamedTuple):
    """What a phrase means: a `subject`, a `place`, or a kind of the phrases in `wording.toml`."""

    kind: str
    subject: str = ""
    """The name of a curriculum; empty for a subject that has none."""


class Wording:
    """What `wording.toml` and `translations.toml` say, and the names of all subjects."""

    def __init__(self) -> None:
        said, translations = read_data("wording.toml"), read_data("translations.toml")
        lists = {name: [phrase(text) for text in texts] for name, texts in said["lists"].items()}
        names = {name: [s.subject, *s.aliases] for name, s in curricula().items()}
        shown: dict[str, list[Phrase]] = {}
        for code, entry in translations.items():
            shown[code] = [phrase(word) for word in entry.get("words", "").split()]
            for name, texts in entry.get("names", {}).items():
                shown[code] += map(phrase, texts)
                names[name] += texts
        self.meanings = {phrase(t): Meaning("subject", name) for name in names for t in names[name]}
        self.meanings |= dict.fromkeys(lists["general"], Meaning("subject", "python"))
        self._spelling = _by_first({word for name in self.meanings for word in name})
        for kind, texts in said["phrases"].items():
            meaning = Meaning("subject" if kind == "without_curriculum" else kind)
            self.meanings |= dict.fromkeys(map(phrase, texts), meaning)
        for name, texts in said["places"].items():
            self.meanings |= dict.fromkeys(map(phrase, texts), Meaning("place", name))
        lists["meanings"] = list(self.meanings)
        self.lists: dict[str, Phrases] = {name: _by_first(lists[name]) for name in lists}
        self.languages: dict[str, Phrases] = {code: _by_first(shown[code]) for code in shown}
        """By its ISO 639-1 code, the words and names that show a language."""
        self.letters = {code: e["letters"] for code, e in translations.items() if "letters" in e}
        """By its code, the letters that only a language has, as a range such as `a-z`."""
        written = [text for texts in (*lists.values(), shown["en"]) for text in texts]
        self._words = frozenset(word for text in written for word in text)

    def corrected(self, word: str) -> str:
        """Return the word of a subject's name that is a typo away, or the word itself."""
        if len(word) < _SHORTEST_CORRECTED or word in self._words or not word.isalpha():
            return word
        # People seldom mistype the first letter, and `looking` is not `cooking`.
        near, typos = self._spelling.get(word[0], ()), 1 + (len(word) >= _TWO_TYPOS_FROM)
        best = process.extractOne(word, near, scorer=OSA.distance, score_cutoff=typos)
        return best[0] if best else word


@cache
def wording() -> Wording:
    """Return the one wording; the first call reads its files."""
    return Wording()


def read_data(name: str) -> dict[str, Any]:
    """Read a TOML file beside this module."""
    return tomllib.loads((Path(__file__).parent / name).read_text("utf-8"))


def tokenize(text: str) -> list[Token]:
    """Return a text's tokens."""
    return [Token(_fold(m.group()), m.start(), m.end()) for m in _TOKEN.finditer(text)]


def is_mark(word: str) -> bool:
    """Whether a token is punctuation that divides clauses."""
    return not word[0].isalnum() and word[0] != "+"


def phrase(text: str) -> Phrase:
    """Return a text's words; punctuation is left out."""
    return tuple(token.word for token in tokenize(text) if not is_mark(token.word))


def longest(words: Sequence[str], at: int, phrases: Phrases) -> Phrase:
    """Return the longest of the phrases that the words hold at a place, or an empty one."""
    known = phrases.get(words[at], ()) if 0 <= at < len(words) else ()
    return next((p for p in known if tuple(words[at : at + len(p)]) == p), ())


def longest_name(topic: Topic, words: Iterable[str]) -> int:
    """Return how many words the longest of a topic's names has that a text holds; 0 for none."""
    said = _stemmed(words)
    names = (topic.id.replace("-", " "), topic.name, *topic.name.split(" and "))
    return max((len(name) for name in map(phrase, names) if _stemmed(name) in said), default=0)


def _stemmed(words: Iterable[str]) -> str:
    return f" {' '.join(word.rstrip('s') for word in words)} "


def _by_first(texts: Iterable[_T]) -> dict[str, list[_T]]:
    found = defaultdict(list)
    for text in sorted(texts, key=lambda text: (-len(text), text)):
        found[text[0]].append(text)
    return dict(found)


def _fold(text: str) -> str:
    # Decomposed, so that marks such as accents, which learners leave out, can be removed.
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", _OPTIONAL_MARKS.sub("", decomposed))
