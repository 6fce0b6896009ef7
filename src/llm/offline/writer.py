"""The words of an offline plan: patterns joined with the sentences of its curricula."""

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from zlib import crc32

from rapidfuzz import fuzz, process

from src.domain.plan import PlannedDay, PlannedTask, PlanRequest
from src.domain.plan_rules import tasks_for_day
from src.domain.vocabulary import DAYS_PER_WEEK, MAX_TASK_LENGTH, MAX_WEEKLY_GOAL_LENGTH, Effort
from src.llm.offline.curricula import read_data
from src.llm.offline.timetable import LONG_MINUTES, Lesson, Slot, purposes

_MOST_ALIKE = 88  # in percent of the letters, while there is another wording
_ALONE_AGAIN = 50.0  # how bad it is that an exercise stands alone again, or in a long sentence
_LONGEST_SENTENCE = 175  # in characters, of a pattern and the exercise that it introduces
_MANY_TASKS, _TASKS_PER_LETTER = 1056, 32
"""With more tasks than these, exercises come back so often that sentences have to be longer."""

_ROOM_FOR_STEPS = 14  # in characters: sessions have long sentences of steps already
_THREE_STEPS_UP_TO = 120  # minutes; longer sessions have four
_LONGEST_GOAL = MAX_WEEKLY_GOAL_LENGTH - 40  # the first week's may have a note in front
_WEIGHTS: dict[Effort, int] = {"light": 2, "medium": 3, "deep": 4}


class Writer:
    """Writes one plan; no two of its tasks are alike."""

    def __init__(self, request: PlanRequest) -> None:
        self._goal, self._minutes = request.goal, int(request.daily_hours * 60)
        tasks_a_day = tasks_for_day(request.level, request.daily_hours)
        tasks = tasks_a_day * request.duration_weeks * DAYS_PER_WEEK
        longer = (tasks - _MANY_TASKS) // _TASKS_PER_LETTER
        if self._minutes >= tasks_a_day * LONG_MINUTES:
            longer -= _ROOM_FOR_STEPS
        self._longest_sentence = _LONGEST_SENTENCE + max(0, longer)
        self._texts: defaultdict[str, list[str]] = defaultdict(list)

    def day(self, number: int, slots: Sequence[Slot]) -> PlannedDay:
        """Return a day with the words and the minutes of its tasks."""
        lengths = _divide(tuple(slot.purpose for slot in slots), self._minutes)
        return PlannedDay(day_number=number, tasks=tuple(map(self._task, slots, lengths)))

    def goal(self, lessons: Sequence[Lesson]) -> str:
        """Return a week's goal: as many topics as it can name, and an exercise that proves them."""
        exercises = [*chain.from_iterable(each.topic.practice for each in lessons)]
        exercises.sort(key=lambda each: len(self._texts[each]))
        sizes, patterns = range(len(lessons), 0, -1), read_data("patterns.toml")["goals"]
        slots = (Slot("goal", tuple(lessons[:size]), each) for size in sizes for each in exercises)
        return next(filter(None, (self._word(slot, patterns, 0, _LONGEST_GOAL) for slot in slots)))

    def _task(self, slot: Slot, minutes: int) -> PlannedTask:
        purpose, curriculum = purposes()[slot.purpose], slot.lessons[0].curriculum
        choices = purpose.patterns + purpose.kinds.get(curriculum.kind, ())
        return PlannedTask(
            text=self._word(slot, choices, minutes, MAX_TASK_LENGTH),
            effort=purpose.effort,
            category=purpose.category or curriculum.practice_category,
            estimated_minutes=minutes,
        )

    def _word(self, slot: Slot, choices: Sequence[str], minutes: int, longest: int) -> str:
        """Return a short enough wording unlike the others, or the least alike; empty if none is.

        Patterns take turns, and each goal begins with another one.
        """
        first = crc32(f"{self._goal} {slot.purpose}".encode()) % len(choices)
        in_turn = [*choices[first:], *choices[:first]]
        used = self._texts[slot.sentence]
        longest_sentence = self._longest_sentence if used else 0
        steps = _steps(slot, len(used), minutes)
        best, chosen, wording = 100.0, "", ""
        for pattern in sorted(in_turn, key=lambda each: len(self._texts[slot.purpose + each])):
            text = self._render(pattern, slot, longest_sentence)
            # Only texts with the same exercise or the same pattern can be nearly the same.
            others = used + self._texts[slot.purpose + pattern]
            twin = process.extractOne(text, others, scorer=fuzz.ratio, score_cutoff=_MOST_ALIKE)
            is_long = max(map(len, text.split(". "))) > self._longest_sentence
            is_alone = longest_sentence > 0 and (is_long or slot.sentence in text)
            alike = twin[1] if twin else _ALONE_AGAIN * is_alone
            if alike < best and len(text) + len(steps) <= longest:
                best, chosen, wording = alike, pattern, text
            if not best:
                break
        if not wording:
            return ""
        self._texts[slot.sentence].append(wording)
        self._texts[slot.purpose + chosen].append(wording)
        return wording + steps

    def _render(self, pattern: str, slot: Slot, longest_sentence: int) -> str:
        """Return a pattern with its gaps filled, and the exercise after it.

        Both become one sentence if it is short or the pattern ends with a colon, else two.
        """
        first, names = slot.lessons[0], [lesson.topic.name for lesson in slot.lessons]
        text = pattern.format(
            topic=names[0],
            topics=_listed(names),
            other=names[-1],
            explain=first.topic.explain,
            read=first.topic.read,
            project=slot.project and slot.project.name,
            **read_data("patterns.toml")["words"][first.curriculum.kind],
        ).replace("?.", "?")
        exercise = slot.sentence
        if exercise in text:
            return text
        start = re.sub("`.*?`", "code", exercise).split(". ")[0]
        length = len(text.rsplit(". ", maxsplit=1)[-1]) + len(start)
        if text.endswith(":") or (length <= longest_sentence and ":" not in start):
            # An exercise begins with a verb.
            return f"{text.rstrip(':')}: {exercise[0].lower()}{exercise[1:]}"
        return f"{text}. {exercise}"


def _listed(items: Sequence[str]) -> str:
    """Return items as an enumeration in which names with an `and` or a comma stay apart."""
    *others, last = items
    comma = ";" if any("," in item for item in items) else ","
    if not others[1:] and not any(" and " in item for item in items):
        comma = comma.strip(",")
    return f"{f'{comma} '.join(others)}{comma} and {last}" if others else last


@lru_cache(maxsize=1000)
def _divide(names: tuple[str, ...], budget: int) -> tuple[int, ...]:
    """Divide a day's minutes among purposes by effort, in steps of 5, within their bounds."""
    kinds = [purposes()[name] for name in names]
    minutes = [5] * len(names)
    for _ in range(budget // 5 - len(names)):
        rising = [i for i, each in enumerate(kinds) if minutes[i] < each.most_minutes]
        minutes[min(rising, key=lambda i: minutes[i] / _WEIGHTS[kinds[i].effort])] += 5
    return tuple(minutes)


def _steps(slot: Slot, turn: int, minutes: int) -> str:
    """Return the steps of a long task: three, and four if it is very long.

    Each turn of the same exercise has other ones.
    """
    named = read_data("patterns.toml")["steps"]
    pools = named["all"] | named.get(slot.lessons[0].curriculum.kind, {})
    if minutes <= LONG_MINUTES:
        return ""
    if minutes <= _THREE_STEPS_UP_TO:
        del pools[("begin", "finish")[turn % 2]]
    turns = {row: crc32(f"{row} {slot.sentence}".encode()) + turn for row in pools}
    steps = (pool[turns[row] % len(pool)] for row, pool in pools.items())
    return f" Steps: {' '.join(f'({n}) {step}.' for n, step in enumerate(steps, 1))}"
