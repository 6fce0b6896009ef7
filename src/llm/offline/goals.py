"""What a learner's goal asks for: subjects, what is known already, an exam, its language.

A goal is read from left to right. Cues such as "I already know" or "not" say what the subjects
after them are to the learner, until the next cue or the end of the clause; `wording.toml` has them.
"""

import re
from dataclasses import dataclass

from src.llm.offline.curricula import Curriculum, curricula, read_data
from src.llm.offline.wording import find, fold, is_mark, longest_name, phrase, tokenize, wording

MAX_NAME_LENGTH = 45
"""In characters: what fits into the sentence of a task."""

_UNNAMED, _MAX_WORDS = "your subject", 7
_PLAIN, _CAREER, _GENERAL, _PLACE = range(4)
"""How plainly a subject is named: `SQL`, `data analyst`, `programming`, `Berlin`. The plainest
are meant."""


@dataclass(frozen=True)
class UnderstoodGoal:
    """What a goal asks for."""

    subjects: tuple[Curriculum, ...]  # wanted, in the order named; empty without a curriculum
    name: str  # how to call a subject without a curriculum inside a sentence
    known: tuple[str, ...]  # names of curricula, and ids of the subjects' topics, known already
    is_exam: bool  # whether the goal is to pass an exam or a certification
    language: str | None  # the goal's, in ISO 639-1; None if that is English or uncertain


@dataclass
class _Mention:
    subject: str  # the name of a curriculum; empty for a subject that has none
    end: int  # the place after its last word
    said: str
    plainness: int


def understand(goal: str) -> UnderstoodGoal:
    """Read a goal as its learner wrote it, of any length and in any language; never fails."""
    reader = _Reader(goal)
    wanted, known = reader.subjects()
    subjects = tuple(curricula()[name] for name in wanted)
    topics = (topic for subject in subjects for topic in subject.topics)
    known += [topic.id for topic in topics if longest_name(topic, reader.known_words)]
    return UnderstoodGoal(
        subjects=subjects,
        name=_UNNAMED if reader.language else _name_of(goal),
        known=tuple(dict.fromkeys(name for name in known if name not in wanted)),
        is_exam=reader.has_any("exam"),
        language=reader.language,
    )


class _Reader:
    """Reads one goal. `said` is what the last cue says of the words after it."""

    def __init__(self, goal: str) -> None:
        self.known_words: list[str] = []
        self._goal, self._tokens = goal, tokenize(goal)
        self._words = [wording().corrected(fold(token)) for token in self._tokens]
        self._mentions: list[_Mention] = []
        self._said = "wanted"
        self._clause = 0  # how many mentions there were when the clause began
        self.language = self._find_language()
        at = 0
        while at < len(self._words):
            at += self._read_at(at)

    def subjects(self) -> tuple[list[str], list[str]]:
        """Return the names of the curricula that are wanted, and of those that are known."""
        known = [m for m in self._mentions if m.said in ("known", "role")]
        wanted = [m for m in self._mentions if m.said == "wanted"]
        if not wanted:
            # Learners who name only what they know want to know it better.
            wanted, known = known, []
        wanted = wanted or [m for m in self._mentions if m.said in ("aside", "reason")]
        plainest = min((m.plainness for m in wanted), default=_PLAIN)
        names = (m.subject for m in wanted if m.plainness == plainest)
        return list(dict.fromkeys(filter(None, names))), [m.subject for m in known if m.subject]

    def has_any(self, name: str) -> bool:
        """Whether the goal has a phrase of a list in `wording.toml`."""
        return any(find(self._words, at, name) for at in range(len(self._words)))

    def _find_language(self) -> str | None:
        words, languages = list(map(fold, self._tokens)), read_data("translations.toml")
        places = range(len(words))
        counts = {code: sum(bool(find(words, at, code)) for at in places) for code in languages}
        for code, entry in languages.items():
            if counts["en"] == 0 and re.search(entry.get("letters", "(?!)"), self._goal):
                return code
        best = max(counts, key=lambda code: counts[code])
        is_clear = counts[best] > 1 or 2 * counts[best] >= len(words)
        return best if counts[best] > counts["en"] and is_clear else None

    def _read_at(self, at: int) -> int:
        """Take in what stands at a place, and return how many words it has."""
        word, found = self._words[at], find(self._words, at, "meanings")
        if self._said == "known":
            self.known_words += found or (word,)
        is_meant = len(found) > 1 or self._is_meant(at)
        kind, subject = wording().meanings[found] if found and is_meant else ("elsewhere", "")
        if is_mark(word) or kind == "clause":
            self._clause = len(self._mentions)
            if word != "," or self._said in ("refused", "role"):
                self._said = "wanted"
        elif kind == "subject" or (kind == "place" and self.has_any("speaking")):
            self._add_mention(kind, subject, at, at + len(found))
        elif kind.endswith("_before"):
            for mention in self._mentions[self._clause :]:
                if mention.said == "wanted":
                    mention.said = kind.removesuffix("_before")
            self._said = "wanted"
        elif kind not in ("place", "elsewhere"):
            self._said = self._after_cue(kind, at)
        return max(len(found), 1)

    def _after_cue(self, cue: str, at: int) -> str:
        """Return what a cue makes of the words after it. Weak cues do not end stronger ones."""
        said, last = self._said, self._mentions[-1] if self._mentions else None
        if cue == "aside" and said == "known" and self._words[at] == "to":
            return "wanted"  # `from Java to Kotlin`
        follows_subject = last is not None and last.end == at and last.plainness != _GENERAL
        following = wording().meanings.get(find(self._words, at + 1, "meanings"), ("", ""))
        weak = {
            "from": ("known", following[0] == "subject"),
            "learned": ("wanted", said in ("known", "role")),
            # `Python for work and Spanish for my holidays`
            "joining": ("wanted", said == "aside" and last is not None and last.said == "wanted"),
            "role": ("role", said == "wanted"),
            "tool": ("aside", said == "wanted" and last is not None),
            "aside": ("aside", said == "wanted" and follows_subject),
        }
        after, applies = weak.get(cue, (cue, True))
        return after if applies else said

    def _is_meant(self, at: int) -> bool:
        """Whether a word is more than a part of the sentence, should it be ambiguous: `Go`, `C`."""
        lists, words = wording().phrases, (".", *self._words, ".")
        before, word, after = ((each,) for each in words[at : at + 3])
        if word not in lists["ambiguous"] or before in lists["surely_before_ambiguous"]:
            return True
        follows = is_mark(*before) or before in lists["before_ambiguous"]
        ends = is_mark(*after) or after in lists["after_ambiguous"]
        is_title = self._goal.isascii() and self._goal.istitle()
        is_name = at > 0 and not is_title and self._tokens[at][0].isupper()
        return (follows and ends) or is_name

    def _add_mention(self, kind: str, subject: str, at: int, end: int) -> None:
        words = self._words
        is_language = subject and curricula()[subject].kind == "language"
        if is_language and find(words, end, "of_a_country"):
            subject = ""  # `Spanish guitar` is no Spanish.
        plainness = _PLACE if kind == "place" else _PLAIN
        if find(words, end - 1, "careers") or find(words, end, "people"):
            plainness = _CAREER
        if len(find(words, at, "general")) == end - at:
            plainness = _GENERAL
        self._mentions.append(_Mention(subject, end, self._said, plainness))


def _name_of(goal: str) -> str:
    """Return how to call a goal's subject, in its own words, inside an English sentence.

    It stands after `I want to learn` and before `because`. It is "your subject" if that is too
    long or means nothing.
    """
    lists = read_data("wording.toml")["lists"]
    any_of = {name: "|".join(texts) for name, texts in lists.items()}
    start = rf"(?is)^(.*?\b(?=({any_of['learning']})\b))?(\W|\b({any_of['frames']})\b)*"
    end = rf"(?i)\s*([,;!?()\n]|[.:](\s|$)|\s[-\u2013\u2014]\s|\b({any_of['ends']})\b)"
    first, space, others = re.split(end, re.sub(start, "", goal), maxsplit=1)[0].partition(" ")
    said = lists["verbs"].get(first.lower(), first) + space + others
    name = re.sub(r"(?i)(?<!\S)my(?=\s)", "your", said)
    words = phrase(name)
    is_named = any(not re.fullmatch(any_of["empty"], word) for word in words)
    is_short = len(words) <= _MAX_WORDS and len(name) <= MAX_NAME_LENGTH
    return name if is_named and is_short else _UNNAMED
