"""References from a task to another day or week, and whether they are true.

A reference is "week 3", "weeks 3 and 5", "day 2 of this week", "day 2 of week 3", "yesterday",
"last week". It is untrue if the plan has no such day or week; if the task sends the learner back to
it ("go back to", "recall from") and it is not earlier; and if the sentence says what stood there,
in parentheses or by naming topics of the plan, and it did not. A day by itself and
"yesterday" count only with one or the other. A capital letter inside a sentence makes a week the
title of a source's chapter ("CS50's Introduction, Week 0: Functions") and no reference. A day and a
week of something else ("week 1 of Couch to 5K") cannot be told apart from the plan's otherwise,
unless it is quoted.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from benchmarks.plan_checks.plans import PlacedTask, Plan
from benchmarks.plan_checks.text import sentences, stems, without_quotations
from benchmarks.plan_checks.topics import Topic, TopicList, topics_of

_REFERENCE = re.compile(
    r"\bday (?P<day>[1-9]\d*)(?: of (?:this week|week (?P<week_of_day>\d+)))?(?! of (?!this|week))"
    r"|\bweeks? (?P<week>\d+)(?:(?:, \d+)*,? (?:and|to) (?P<week_too>\d+))?(?! of )"
    r"|\b(?P<relative>yesterday|the day before|last week|the week before)\b",
    re.IGNORECASE,
)
_BACKWARDS = re.compile(
    r"\b(go(ing)? back to|return(ing)? to|recall|redo|repeat|revise|review|rebuild|look(ing)? back"
    r"|(from|since) (week|day|last)|you (made|learned|wrote|built|did|met))\b",
    re.IGNORECASE,
)
_THEME = re.compile(r"^\s*\(([^)]+)\)")


@dataclass(frozen=True)
class Place:
    """A week, or one of its days, that a task refers to."""

    week: int
    day: int | None = None

    @property
    def name(self) -> str:
        """Return how the place is called in a fault."""
        return f"week {self.week}" + (f" day {self.day}" if self.day else "")

    def holds(self, placed: PlacedTask) -> bool:
        """Whether a task stands there."""
        return placed.week_number == self.week and self.day in (None, placed.day_number)

    def exists_in(self, plan: Plan) -> bool:
        """Whether a plan has such a place."""
        return 1 <= self.week <= plan.goal.weeks and (self.day is None or 1 <= self.day <= 7)

    def is_before(self, placed: PlacedTask) -> bool:
        """Whether the place lies before a task's day; a task's own week has begun before it."""
        if self.day is None:
            return self.week <= placed.week_number
        return (self.week - 1) * 7 + self.day < placed.day


@dataclass
class _Reader:
    plan: Plan

    @cached_property
    def topics(self) -> TopicList:
        """The topics that the plan could say stood there."""
        focus = [Topic(name) for _, name in self.plan.focus()]
        return TopicList([*topics_of(self.plan.goal.subjects).topics, *focus])

    def faults(self, placed: PlacedTask) -> Iterator[str]:
        for sentence in sentences(without_quotations(placed.text, "it")):
            for match in _REFERENCE.finditer(sentence):
                theme = _THEME.match(sentence[match.end() :])
                if match[0].startswith("Week") and match.start() > 0:
                    continue
                if _is_ambiguous(match) and not (theme or _BACKWARDS.search(sentence)):
                    continue
                for place in _places(match, placed):
                    if fault := self._fault(placed, place, sentence, theme and theme[1]):
                        yield f"week {placed.week_number} day {placed.day_number}: {fault}"

    def _fault(
        self, placed: PlacedTask, place: Place, sentence: str, theme: str | None
    ) -> str | None:
        if not place.exists_in(self.plan):
            return f"there is no {place.name}"
        is_back = bool(_BACKWARDS.search(sentence))
        if is_back and not place.is_before(placed):
            return f"{place.name} is not over"
        said = self._said(sentence, theme, is_back=is_back)
        there = [other.text for other in self.plan.tasks if place.holds(other) and other != placed]
        if place.day is None:
            there += [name for week, name in self.plan.focus() if week == place.week]
        named = frozenset(chain.from_iterable(self._named(text, theme) for text in there))
        if said and len(said & named) < (len(said) / 2 if theme else 1):
            return f"{place.name} had nothing of {', '.join(sorted(said)[:3])}"
        return None

    def _said(self, sentence: str, theme: str | None, *, is_back: bool) -> frozenset[str]:
        """Return what the sentence says stood there."""
        if theme:
            return frozenset(stems(theme))
        return self.topics.named_in(sentence) if is_back else frozenset()

    def _named(self, text: str, theme: str | None) -> frozenset[str]:
        return frozenset(stems(text)) if theme else self.topics.named_in(text)


def _is_ambiguous(match: re.Match[str]) -> bool:
    """Whether it may be no reference: the data of day 3, or a price and that of the day before."""
    return bool(match["relative"] or (match["day"] and "week" not in match[0].lower()))


def _places(match: re.Match[str], placed: PlacedTask) -> Iterator[Place]:
    if match["relative"]:
        if "week" in match["relative"].lower():
            yield Place(placed.week_number - 1)
        else:
            before = placed.day - 1
            yield Place((before + 6) // 7, (before - 1) % 7 + 1)
    elif match["day"]:
        yield Place(int(match["week_of_day"] or placed.week_number), int(match["day"]))
    else:
        for number in re.findall(r"\d+", match[0]):
            yield Place(int(number))


def untrue_references(plan: Plan) -> list[str]:
    """Return a sentence for every reference to another day or week that is not true."""
    reader = _Reader(plan)
    return [fault for placed in plan.tasks for fault in reader.faults(placed)]
