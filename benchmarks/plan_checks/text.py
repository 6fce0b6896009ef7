"""Words, stems, sentences and syllables of a task's text."""

import re
import unicodedata
from functools import cache

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*[+#]*")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"')\]]*\s+")
_QUOTED = re.compile(r"`[^`]*`|\"[^\"]*\"|“[^”]*”|«[^»]*»|(?<!\w)'[^']+'(?!\w)")
_VOWELS = re.compile(r"[aeiouy]+")
_TWO_VOWELS = re.compile(r"(?<![cts])i[ao]|eo|^crea|scien|uen")
"""Vowels side by side that are spoken one by one: media, video, create, science, fluent."""

_SMALL_WORDS = """
a an the of to in on at for with without and or by from as is are be it its your you my this that
these those each into out up one how what which who when where why do does not no so than then
there their them they
"""
STOPWORDS = frozenset(_SMALL_WORDS.split())
"""Words that say nothing about a topic; "basics of" is the same as "basics"."""

MIN_STEM = 3
_PLURALS = (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"))
_NO_PLURALS = ("ss", "us", "is", "news")
_IZE = re.compile(r"(?<=..)([iy])[sz]$|(i)[sz]ation")


def words(text: str) -> list[str]:
    """Return a text's words in lower case and without accents; hyphens separate words."""
    plain = text.casefold()
    if not plain.isascii():
        apart = unicodedata.normalize("NFKD", plain)
        plain = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return _WORD.findall(plain)


@cache
def stem(word: str) -> str:
    """Return a word without the endings of English, so that `tune` and `tuning` are equal.

    British and American spellings have the same stem. It is no dictionary's stem, only a key.
    """
    word = word.removesuffix("'s").removesuffix("\u2019s")
    for ending, other in _PLURALS:
        if word.endswith(ending) and len(word) > len(ending) + 1:
            word = word.removesuffix(ending) + other
            break
    else:
        if len(word) >= MIN_STEM and word.endswith("s") and not word.endswith(_NO_PLURALS):
            word = word[:-1]
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= MIN_STEM and _VOWELS.search(rest) and rest[-1] != "e":
            word = rest[:-1] if rest[-1] == rest[-2] and rest[-1] not in "lsz" else rest
            break
    if len(word) > MIN_STEM and word.endswith("e"):
        word = word[:-1]
    return _IZE.sub(r"\1\2z", word.replace("our", "or"))


@cache
def is_small(word: str) -> bool:
    """Whether a word says nothing about a topic, such as "it's"; "theme" is no form of "them"."""
    return word in STOPWORDS or (stem(word) in STOPWORDS and word != f"{stem(word)}e")


def stems(text: str) -> tuple[str, ...]:
    """Return the stems of a text's significant words, in order."""
    return tuple(stem(word) for word in words(text) if not is_small(word))


def sentences(text: str) -> list[str]:
    """Split a text into its sentences."""
    return [part for part in _SENTENCE_END.split(text.strip()) if part]


def without_quotations(text: str, stand_in: str = "") -> str:
    """Return a text with `code` and "quotations" replaced."""
    return _QUOTED.sub(stand_in, text)


@cache
def syllables(word: str) -> int:
    """Return about how many syllables an English word has: its groups of vowels, but a mute e."""
    count = len(_VOWELS.findall(word)) + len(_TWO_VOWELS.findall(word))
    mute = word.endswith("e") and not word.endswith(("le", "ee", "ye")) and count > 1
    silent_ed = word.endswith("ed") and not word.endswith(("ted", "ded")) and count > 1
    silent_es = word.endswith("es") and not word.endswith(
        ("ses", "zes", "ces", "ges", "xes", "ches", "shes", "ies", "les")
    )
    return max(1, count - (mute or silent_ed or (silent_es and count > 1)))
