"""What a learner's goal asks for: subjects, what is known already, an exam, its language.

A goal is read from left to right. Cues such as "I already know" or "not" say what the subjects
after them are to the learner, until the next cue or the end of the clause; `wording.toml` has them.
"""

import re
from dataclasses import dataclass

from src.llm.offline.curricula import Curriculum, curricula
from src.llm.offline.naming import name_of
from src.llm.offline.wording import Phrase, is_mark, longest, longest_name, tokenize, wording

_PLAIN, _CAREER, _GENERAL = range(3)
"""How plainly a subject is named: `SQL`, `data analyst`, `programming`. The plainest are meant."""


@dataclass(frozen=True)
class UnderstoodGoal:
    """What a goal asks for."""

    subjects: tuple[Curriculum, ...]
    """What the learner wants to learn, in the order named; empty if there is no curriculum."""
    names: tuple[str, ...]
    """How to call each subject inside a sentence; one name for a subject without a curriculum."""
    known: tuple[str, ...]
    """Names of curricula, and ids of the subjects' topics, that the learner knows already."""
    is_exam: bool
    """Whether the goal is to pass an exam or a certification."""
    language: str | None
    """The ISO 639-1 code of the goal's language; None if that is English or uncertain."""


@dataclass
class _Mention:
    subject: str
    """The name of a curriculum; empty for a subject that has none."""
    end: int
    """The place after its last word."""
    said: str
    plainness: int


def understand(goal: str) -> UnderstoodGoal:
    """Read a goal as its learner wrote it, of any length and in any language; never fails."""
    reader = _Reader(goal)
    wanted, known = reader.subjects()
    subjects = tuple(curricula()[name] for name in wanted)
    topics = (topic for subject in subjects for topic in subject.topics)
    known += [topic.id for topic in topics if longest_name(topic, reader.known_words)]
    language = reader.language()
    return UnderstoodGoal(
        subjects=subjects,
        names=tuple(s.subject for s in subjects) or (name_of(goal, language),),
        known=tuple(dict.fromkeys(name for name in known if name not in wanted)),
        is_exam=reader.has_any("exam"),
        language=language,
    )


class _Reader:
    """Reads one goal. `said` is what the last cue says of the words after it."""

    def __init__(self, goal: str) -> None:
        self.known_words: list[str] = []
        self._goal = goal
        self._tokens = tokenize(goal)
        self._words = [wording().corrected(token.word) for token in self._tokens]
        self._mentions: list[_Mention] = []
        self._places: list[str] = []
        self._said = "wanted"
        self._clause = 0
        """How many mentions there were when the clause began."""
        self._is_moving = False
        """Whether a `from` waits for its `to`."""
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
        names = [m.subject for m in wanted if m.plainness == plainest]
        if not names and self.has_any("speaking"):
            names = self._places
        return list(dict.fromkeys(filter(None, names))), [m.subject for m in known if m.subject]

    def has_any(self, name: str) -> bool:
        """Whether the goal has a phrase of a list in `wording.toml`."""
        return any(self._find(at, name) for at in range(len(self._words)))

    def language(self) -> str | None:
        words, data = [token.word for token in self._tokens], wording()
        counts = {
            code: sum(bool(longest(words, at, shown)) for at in range(len(words)))
            for code, shown in data.languages.items()
        }
        if counts["en"] == 0:
            for code, letters in data.letters.items():
                if re.search(f"[{letters}]", self._goal):
                    return code
        best = max(counts, key=lambda code: counts[code])
        is_clear = counts[best] > 1 or 2 * counts[best] >= len(words)
        return best if counts[best] > counts["en"] and is_clear else None

    def _read_at(self, at: int) -> int:
        """Take in what stands at a place, and return how many words it has."""
        word, found = self._words[at], self._find(at, "meanings")
        if self._said == "known":
            self.known_words += found or (word,)
        if is_mark(word):
            self._end_clause(keeps_cue=word == "," and self._said not in ("refused", "role"))
        elif word == "from" and self._kind(self._find(at + 1, "meanings")) == "subject":
            self._said, self._is_moving = "known", True
        elif found and (found != (word,) or self._is_meant(at)):
            self._take(found, at)
            return len(found)
        return 1

    def _take(self, found: Phrase, at: int) -> None:
        kind, subject = wording().meanings[found]
        if kind == "subject":
            self._add_mention(subject, at, at + len(found))
        elif kind == "place":
            self._places.append(subject)
        elif kind == "clause":
            self._end_clause(keeps_cue=False)
        elif kind.endswith("_before"):
            for mention in self._mentions[self._clause :]:
                if mention.said == "wanted":
                    mention.said = kind.removesuffix("_before")
            self._said = "wanted"
        elif kind != "elsewhere":
            self._said = self._after_cue(kind, at)

    def _after_cue(self, cue: str, at: int) -> str:
        """Return what a cue makes of the words after it. Weak cues do not end stronger ones."""
        if cue == "learned":
            return "wanted" if self._said in ("known", "role") else self._said
        if cue == "aside" and self._is_moving:
            self._is_moving = False
            return "wanted"
        if cue not in ("role", "tool", "aside"):
            return cue
        last = self._mentions[-1] if self._mentions else None
        follows_subject = last is not None and last.end == at and last.plainness != _GENERAL
        applies = {"role": True, "tool": bool(last), "aside": follows_subject}[cue]
        said = "role" if cue == "role" else "aside"
        return said if applies and self._said == "wanted" else self._said

    def _end_clause(self, *, keeps_cue: bool) -> None:
        self._clause = len(self._mentions)
        if not keeps_cue:
            self._said, self._is_moving = "wanted", False

    def _is_meant(self, at: int) -> bool:
        """Whether a word is more than a part of the sentence, should it be ambiguous: `Go`, `C`."""
        if not self._find(at, "ambiguous") or self._find(at - 1, "surely_before_ambiguous"):
            return True
        if self._find(at + 1, "never_after_ambiguous"):
            return False
        before, after = self._words[:at][-1:], self._words[at + 1 : at + 2]
        follows = not before or is_mark(before[0]) or self._find(at - 1, "before_ambiguous")
        ends = not after or is_mark(after[0]) or self._find(at + 1, "after_ambiguous")
        is_title = self._goal.isascii() and self._goal.istitle()
        is_name = self._goal[self._tokens[at].start].isupper() and not is_title
        return bool(follows and ends) or (is_name and (at > 0 or self._words[at] != "go"))

    def _add_mention(self, subject: str, at: int, end: int) -> None:
        last = self._mentions[-1] if self._mentions else None
        # `Python for work and Spanish for my holidays`
        is_joined = last and last.said == "wanted" and self._find(at - 1, "joining")
        if is_joined and self._said == "aside":
            self._said = "wanted"
        # Spanish guitar is no Spanish.
        if last and last.end == at and _is(last.subject, "language") and _is(subject, *_ARTS):
            self._mentions.pop()
        if _is(subject, "language") and self._find(end, "of_a_country"):
            subject = ""
        is_person = _is(subject, "language") and self._find(end, "people")
        plainness = _CAREER if self._find(end - 1, "careers") or is_person else _PLAIN
        if len(self._find(at, "general")) == end - at:
            plainness = _GENERAL
        self._mentions.append(_Mention(subject, end, self._said, plainness))

    def _find(self, at: int, name: str) -> Phrase:
        return longest(self._words, at, wording().lists[name])

    @staticmethod
    def _kind(found: Phrase) -> str:
        return wording().meanings[found].kind if found else ""


_ARTS = ("craft", "instrument")


def _is(subject: str, *kinds: str) -> bool:
    return bool(subject) and curricula()[subject].kind in kinds
