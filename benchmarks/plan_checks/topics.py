"""The topics of subjects, and which of them a text names.

A subject's topics come from a syllabus that somebody else published (`syllabi/`, each file names
its source; we condensed it and added the words by which people call its topics). No planner reads
them. A subject without a syllabus is judged by the names of its curriculum's topics.

A text names a topic if it has all significant words of the topic's name or of a synonym, by their
stems, close together. Of two topics whose words overlap, the longer name counts: a "linked list"
is no "list".
"""

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.plan_checks.text import is_small, stem, stems, words

SYLLABI = Path(__file__).parent / "syllabi"
CURRICULA = Path(__file__).parents[2] / "src" / "llm" / "offline" / "curricula"

MIN_WORD = 4
"""Shorter words are too common to name a topic by themselves."""

_ARTICLE = re.compile(r"^(the|The|a|an) ")

LOOSE_WORDS = 2
"""How many other significant words may stand between a name's words."""


@dataclass(frozen=True)
class Topic:
    """A topic, other words for it, and the names of the topics that it rests on."""

    name: str
    synonyms: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Name:
    """A topic's name as it is looked for.

    Of a name with one significant word alone, such as "by parts", the small words count as well.
    """

    topic: str
    significant: tuple[str, ...]
    phrase: tuple[str, ...]

    @classmethod
    def of(cls, topic: str, name: str) -> "_Name":
        phrase = tuple(map(stem, words(_ARTICLE.sub("", name))))
        return cls(topic, stems(name), phrase)

    def span(self, text: "_Text", position: int) -> frozenset[int]:
        """Return where the name stands around its first word; empty if it does not."""
        if len(self.significant) > 1:
            return text.window(self.significant, position)
        start = position - self.phrase.index(self.significant[0])
        end = start + len(self.phrase)
        stands = start >= 0 and text.stems[start:end] == self.phrase
        return frozenset(range(start, end)) if stands else frozenset()


class _Text:
    """A text's words, and which of them are significant."""

    def __init__(self, text: str) -> None:
        all_words = words(text)
        self.stems = tuple(map(stem, all_words))
        self.significant = [index for index, word in enumerate(all_words) if not is_small(word)]

    def window(self, name: tuple[str, ...], position: int) -> frozenset[int]:
        """Return where a name's words stand together around a position; empty if one is missing."""
        reach = len(name) + LOOSE_WORDS
        center = self.significant.index(position)
        for start in range(max(0, center - reach + 1), center + 1):
            places = self.significant[start : start + reach]
            found = {self.stems[place]: place for place in reversed(places)}
            if all(word in found for word in name):
                return frozenset(found[word] for word in name)
        return frozenset()


class TopicList:
    """Topics that are looked for in texts."""

    def __init__(self, topics: Iterable[Topic]) -> None:
        self.topics = tuple(topics)
        self._names: dict[str, list[_Name]] = defaultdict(list)
        for topic in self.topics:
            for name in {_Name.of(topic.name, name) for name in (topic.name, *topic.synonyms)}:
                if name.significant:
                    self._names[name.significant[0]].append(name)
        self._seen: dict[str, frozenset[str]] = {}

    def named_in(self, text: str) -> frozenset[str]:
        """Return the names of the topics that a text names."""
        if text not in self._seen:
            self._seen[text] = frozenset(name for name, _ in self.spans(text))
        return self._seen[text]

    def spans(self, text: str) -> list[tuple[str, frozenset[int]]]:
        """Return the named topics, and where among a text's words the names stand."""
        looked_at = _Text(text)
        found = [
            (name.topic, span)
            for position in looked_at.significant
            for name in self._names.get(looked_at.stems[position], ())
            if (span := name.span(looked_at, position))
        ]
        return [
            (topic, span)
            for topic, span in found
            if not any(span < other for name, other in found if name != topic)
        ]


@cache
def read_toml(path: Path) -> Mapping[str, Any]:
    """Return a TOML file's content, which nobody may change."""
    with path.open("rb") as file:
        return tomllib.load(file)


@cache
def syllabus_of(curriculum: str) -> TopicList | None:
    """Return the published topics of a curriculum's subject, or None if we have no syllabus."""
    path = SYLLABI / f"{curriculum}.toml"
    if not path.exists():
        return None
    rows = read_toml(path)["topics"]
    return TopicList(
        Topic(row["name"], tuple(row["synonyms"]), tuple(row.get("needs", ()))) for row in rows
    )


@cache
def curriculum_of(name: str) -> TopicList:
    """Return the topics of a curriculum by their names."""
    rows = read_toml(CURRICULA / f"{name}.toml")["topics"]
    names = {row["id"]: row["name"] for row in rows}
    return TopicList(
        Topic(row["name"], (), tuple(names[need] for need in row.get("needs", ()))) for row in rows
    )


@cache
def words_of_curriculum(name: str) -> TopicList:
    """Return a curriculum's topics with the words that belong to one of them alone.

    "Hold the knife" names the topic "knife grip"; a word that several topics share names none. Of
    the sentences that were written for a subject's own topics nine in ten name one of them in this
    sense, and one in five of other subjects' sentences.
    """
    topics = curriculum_of(name).topics
    common = set(stems(str(read_toml(CURRICULA / f"{name}.toml")["subject"])))
    counts = Counter(word for topic in topics for word in set(stems(topic.name)))
    return TopicList(
        Topic(
            topic.name,
            tuple(
                word
                for word in stems(topic.name)
                if counts[word] == 1 and len(word) >= MIN_WORD and word not in common
            ),
        )
        for topic in topics
    )


@cache
def topics_of(subjects: tuple[str, ...]) -> TopicList:
    """Return the topics by which plans for subjects are judged; empty for an unknown subject."""
    lists = [syllabus_of(subject) or words_of_curriculum(subject) for subject in subjects]
    return TopicList(topic for topics in lists for topic in topics.topics)


@cache
def _aliases() -> dict[tuple[str, ...], str]:
    """Return the curricula by the words of every name under which people ask for them.

    A name of one letter ("C") is no word of a goal that we could trust.
    """
    return {
        tuple(words(alias)): path.stem
        for path in sorted(CURRICULA.glob("*.toml"))
        for alias in (read_toml(path)["subject"], *read_toml(path)["aliases"])
        if len(alias) > 1
    }


def subjects_in(goal: str) -> tuple[str, ...]:
    """Return the curricula that a goal names as whole words; empty if it names none.

    Where names overlap, the first and longest counts: "Thai cooking at home" is not "cooking".
    """
    names = _aliases()
    text = words(goal)
    found: list[str] = []
    start = 0
    while start < len(text):
        ends = range(len(text), start, -1)
        phrase = next((end for end in ends if tuple(text[start:end]) in names), None)
        if phrase:
            found.append(names[tuple(text[start:phrase])])
        start = phrase or start + 1
    return tuple(dict.fromkeys(found))
