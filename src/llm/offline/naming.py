"""A name for a subject that has no curriculum, out of the goal's own words."""

import re

from src.llm.offline.wording import Token, is_mark, longest, tokenize, wording

MAX_NAME_LENGTH = 45
"""In characters: what fits into the sentence of a task."""

_UNNAMED = "your subject"
_MAX_WORDS = 7


def name_of(goal: str, language: str | None) -> str:
    """Return how to call a goal's subject inside an English sentence.

    It is "your subject" if the goal is in another language, too long, or means nothing.
    """
    tokens = _subject_tokens(tokenize(goal))
    words = [token.word for token in tokens]
    if language or not words or len(words) > _MAX_WORDS or not any(map(_means_something, words)):
        return _UNNAMED
    first, space, others = goal[tokens[0].start : tokens[-1].end].partition(" ")
    if longest(words, 0, wording().lists["verbs"]):
        first = _gerund(first.lower())
    name = re.sub(r"(?<!\S)my(?=\s)", "your", first + space + others, flags=re.IGNORECASE)
    return name if len(name) <= MAX_NAME_LENGTH else _UNNAMED


def _subject_tokens(tokens: list[Token]) -> list[Token]:
    """Return the tokens that name the subject: after `I want to learn`, before `because`."""
    lists, words = wording().lists, [token.word for token in tokens]
    start = next((at for at in range(len(words)) if longest(words, at, lists["learning"])), 0)
    while start < len(words) and (is_mark(words[start]) or longest(words, start, lists["frames"])):
        start += 1
    end = start
    while end < len(words) and not is_mark(words[end]) and not longest(words, end, lists["ends"]):
        if re.match(r"(?:in|for|on|at) \d", " ".join(words[end : end + 2])):
            break
        end += 1
    return tokens[start:end]


def _means_something(word: str) -> bool:
    is_listed = longest([word], 0, wording().lists["empty"])
    is_noise = re.fullmatch(r"(.)\1{2,}|[bcdfghjklmnpqrstvwxz]{4,}", word)
    return word[0].isalpha() and not is_listed and not is_noise


def _gerund(verb: str) -> str:
    if re.fullmatch(r"[^aeiou]*[aeiou][bdgmnprt]", verb):
        return f"{verb}{verb[-1]}ing"
    return f"{verb[:-1]}ing" if re.search(r"..[^eoy]?e$", verb) else f"{verb}ing"
