"""A name for a subject that has no curriculum, out of the goal's own words."""

import re
from collections.abc import Sequence

from src.llm.offline.wording import Token, is_mark, load_wording, longest, tokenize

MAX_NAME_LENGTH = 45
"""In characters: what fits into the sentence of a task."""

_UNNAMED = "your subject"
_MAX_WORDS = 7
_SHORTEST_NONSENSE = 4
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop")


def name_of(goal: str, language: str | None) -> str:
    """Return how to call a goal's subject inside an English sentence.

    It is "your subject" if the goal is in another language, too long, or means nothing.
    """
    tokens = _subject_tokens(tokenize(goal))
    words = [token.word for token in tokens]
    if language or not words or len(words) > _MAX_WORDS or not any(map(_means_something, words)):
        return _UNNAMED
    name = goal[tokens[0].start : tokens[-1].end]
    first, space, others = name.partition(" ")
    if longest(words, 0, load_wording().lists["verbs"]):
        name = f"{_gerund(first.lower())}{space}{others}"
    name = re.sub(r"(?<!\S)my(?=\s)", "your", name, flags=re.IGNORECASE)
    return name if len(name) <= MAX_NAME_LENGTH else _UNNAMED


def _subject_tokens(tokens: Sequence[Token]) -> Sequence[Token]:
    """Return the tokens that name the subject: after `I want to learn`, before `because`."""
    lists, words = load_wording().lists, [token.word for token in tokens]
    learned = (at for at in range(len(words)) if longest(words, at, lists["learning"]))
    start = next(learned, 0)
    while start < len(words) and (is_mark(words[start]) or longest(words, start, lists["frames"])):
        start += 1
    end = start
    while end < len(words) and not is_mark(words[end]) and not longest(words, end, lists["ends"]):
        if re.match(r"(?:in|for|on|at) \d", " ".join(words[end : end + 2])):
            break
        end += 1
    return tokens[start:end]


def _means_something(word: str) -> bool:
    if not word[0].isalpha() or longest([word], 0, load_wording().lists["empty"]):
        return False
    is_typed_blindly = len(set(word)) == 1 or any(word[:4] in row for row in _KEYBOARD)
    has_vowel = not word.isascii() or re.search("[aeiouy]", word)
    return len(word) < _SHORTEST_NONSENSE or bool(has_vowel and not is_typed_blindly)


def _gerund(verb: str) -> str:
    if re.fullmatch(r"[^aeiou]*[aeiou][bdgmnprt]", verb):
        return f"{verb}{verb[-1]}ing"
    return f"{verb[:-1]}ing" if re.search("[^eoy]e$", verb) and verb != "be" else f"{verb}ing"
