"""What a learner's goal asks for: subjects, what is known already, an exam, its language.

A goal is read from left to right. Cues such as "I already know" or "not" say what the subjects after
them are to the learner, until the next cue or the end of the clause. The cues are in `wording.toml`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from src.llm.offline.curricula import Curriculum, Topic, curricula
from src.llm.offline.naming import name_without_curriculum
from src.llm.offline.wording import Phrase, load_wording, longest, phrase, tokenize

_PLAIN, _CAREER, _GENERAL = range(3)
"""How plainly a subject is named: `SQL`, `data analyst`, `programming`. The plainest are meant."""

_SCRIPTS = {
    "ja": ("\u3040", "\u30ff"),
    "zh": ("\u3400", "\u9fff"),
    "hi": ("\u0900", "\u097f"),
    "ar": ("\u0600", "\u06ff"),
    "ko": ("\uac00", "\ud7af"),
    "ru": ("\u0400", "\u04ff"),
    "el": ("\u0370", "\u03ff"),
    "he": ("\u0590", "\u05ff"),
    "th": ("\u0e00", "\u0e7f"),
}
"""The first and last letter of a script. Japanese stands first because it uses Chinese ones, too."""


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
    name: str
    """The name of a curriculum; empty for a subject that has none."""
    start: int
    end: int
    """Its first token and the one after its last."""
    said: str
    plainness: int


def understand(goal: str) -> UnderstoodGoal:
    """Read a goal as its learner wrote it, of any length and in any language; never fails."""
    return _Reader(goal).read()


class _Reader:
    """Reads one goal. `said` is what the last cue says of the tokens after it."""

    def __init__(self, goal: str) -> None:
        self._goal = goal
        self._wording = load_wording()
        self._tokens = tokenize(goal)
        self._words = [self._wording.corrected(token.text) for token in self._tokens]
        self._mentions: list[_Mention] = []
        self._said = "wanted"
        self._known_words: list[str] = []
        self._clause = 0
        """How many mentions there were when the clause began."""
        self._is_moving = False
        """Whether a `from` waits for its `to`."""

    def read(self) -> UnderstoodGoal:
        at = 0
        while at < len(self._words):
            at += self._read_at(at)
        wanted, known = self._choose()
        language = self._language()
        names = tuple(dict.fromkeys(name for name in wanted if name))
        subjects = tuple(curricula()[name] for name in names)
        topics = [topic.id for subject in subjects for topic in subject.topics if self._knows(topic)]
        called = tuple(subject.subject for subject in subjects)
        return UnderstoodGoal(
            subjects=subjects,
            names=called or (name_without_curriculum(self._goal, language),),
            known=tuple(dict.fromkeys([*(name for name in known if name not in names), *topics])),
            is_exam=any(self._is_listed(at, "exam") for at in range(len(self._words))),
            language=language,
        )

    def _read_at(self, at: int) -> int:
        """Take in what stands at a place, and return how many tokens it has."""
        word = self._words[at]
        if self._tokens[at].is_mark:
            self._end_clause(keeps_cue=word == "," and self._said not in ("refused", "role"))
            return 1
        found = longest(self._words, at, self._wording.meanings)
        meaning = self._wording.meanings.get(found)
        if self._said == "known":
            self._known_words += found or [word]
        if meaning is None or (meaning.kind == "subject" and not self._is_meant(at, found)):
            self._begin_move(at)
            return 1
        if meaning.kind == "subject":
            self._add_mention(meaning.name, at, at + len(found))
        elif meaning.kind == "clause":
            self._end_clause(keeps_cue=False)
        elif meaning.kind.endswith("_before"):
            for mention in self._mentions[self._clause :]:
                if mention.said == "wanted":
                    mention.said = meaning.kind.removesuffix("_before")
            self._said = "wanted"
        elif meaning.kind != "elsewhere":
            self._said = self._after_cue(meaning.kind, at)
        return len(found)

    def _end_clause(self, *, keeps_cue: bool) -> None:
        self._clause = len(self._mentions)
        if not keeps_cue:
            self._said, self._is_moving = "wanted", False

    def _begin_move(self, at: int) -> None:
        """Take `from Java to Kotlin` as a move from what is known to what is wanted."""
        following = longest(self._words, at + 1, self._wording.meanings)
        if self._words[at] == "from" and following:
            if self._wording.meanings[following].kind == "subject":
                self._said, self._is_moving = "known", True

    def _after_cue(self, cue: str, at: int) -> str:
        last = self._mentions[-1] if self._mentions else None
        follows_subject = last is not None and last.end == at and last.plainness != _GENERAL
        match cue:
            case "learned":
                return "wanted" if self._said in ("known", "role") else self._said
            case "role":
                return "role" if self._said == "wanted" else self._said
            case "tool":
                return "aside" if self._said == "wanted" and last else self._said
            case "aside" if self._is_moving:
                self._is_moving = False
                return "wanted"
            case "aside":
                return "aside" if self._said == "wanted" and follows_subject else self._said
            case _:
                return cue

    def _is_meant(self, at: int, found: Phrase) -> bool:
        """Whether an ambiguous word names a subject here: `Go`, `C`."""
        if found not in self._wording.lists["ambiguous"]:
            return True
        after = at + 1
        if at and self._is_listed(at - 1, "surely_before_ambiguous"):
            return True
        if self._is_listed(after, "never_after"):
            return False
        follows = at == 0 or self._tokens[at - 1].is_mark or self._is_listed(at - 1, "before_ambiguous")
        ends = after == len(self._words) or self._tokens[after].is_mark
        is_title = self._goal.isascii() and self._goal.istitle()
        is_capital = self._goal[self._tokens[at].start].isupper() and not is_title
        return (follows and (ends or self._is_listed(after, "after_ambiguous"))) or (
            is_capital and (at > 0 or found != ("go",))
        )

    def _add_mention(self, name: str, start: int, end: int) -> None:
        last = self._mentions[-1] if self._mentions else None
        joins = start > 0 and self._is_listed(start - 1, "joining")
        # `Python for work and Spanish for my holidays`
        if self._said == "aside" and joins and last and last.said == "wanted":
            self._said = "wanted"
        # Spanish guitar is no Spanish.
        if last and last.end == start and _is_language(last.name) and _is_art(name):
            self._mentions.pop()
        plainness = _PLAIN
        if tuple(self._words[start:end]) in self._wording.lists["general"]:
            plainness = _GENERAL
        elif self._is_listed(end - 1, "careers"):
            plainness = _CAREER
        elif _is_language(name) and self._is_listed(end, "people"):
            plainness = _CAREER
        self._mentions.append(_Mention(name, start, end, self._said, plainness))

    def _choose(self) -> tuple[list[str], list[str]]:
        """Return the names of the subjects that are wanted, and of those that are known."""
        known = [m for m in self._mentions if m.said in ("known", "role")]
        wanted = [m for m in self._mentions if m.said == "wanted"]
        if not wanted:
            # Who names only what they know wants to know it better.
            wanted, known = known, []
        wanted = wanted or [m for m in self._mentions if m.said in ("aside", "reason")]
        plainest = min((m.plainness for m in wanted), default=_PLAIN)
        names = [m.name for m in wanted if m.plainness == plainest]
        return names or list(self._spoken_there()), [m.name for m in known if m.name]

    def _spoken_there(self) -> Iterator[str]:
        """Yield the language of a place, if the goal is to speak there."""
        places = range(len(self._words))
        if any(self._is_listed(at, "speaking") for at in places):
            found = (longest(self._words, at, self._wording.places) for at in places)
            yield from (self._wording.places[place] for place in found if place)

    def _knows(self, topic: Topic) -> bool:
        """Whether the learner knows a topic, by its name or a part of it."""
        said = _stems(self._known_words)
        names = {topic.id.replace("-", " "), topic.name, *topic.name.split(" and ")}
        return any(_holds(said, _stems(phrase(name))) for name in names)

    def _language(self) -> str | None:
        words = [token.text for token in self._tokens]
        counts = {
            code: sum(bool(longest(words, at, shown)) for at in range(len(words)))
            for code, shown in self._wording.languages.items()
        }
        if counts["en"] == 0:
            for code, (first, last) in _SCRIPTS.items():
                if any(first <= character <= last for character in self._goal):
                    return code
        best = max(counts, key=lambda code: counts[code])
        is_clear = counts[best] > 1 or 2 * counts[best] >= len(words)
        return best if counts[best] > counts["en"] and is_clear else None

    def _is_listed(self, at: int, name: str) -> bool:
        return bool(longest(self._words, at, self._wording.lists[name]))


def _is_language(name: str) -> bool:
    return bool(name) and curricula()[name].kind == "language"


def _stems(words: tuple[str, ...] | list[str]) -> list[str]:
    return [word.rstrip("s") for word in words]


def _holds(words: list[str], part: list[str]) -> bool:
    return any(words[at : at + len(part)] == part for at in range(len(words) - len(part) + 1))


def _is_art(name: str) -> bool:
    return bool(name) and curricula()[name].kind in ("craft", "instrument")
