"""The words of an offline plan: patterns joined with the sentences of its curricula."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha256

from rapidfuzz import fuzz, process

from src.domain.plan import PlannedDay, PlannedTask, PlanRequest
from src.domain.vocabulary import MAX_TASK_LENGTH, MAX_WEEKLY_GOAL_LENGTH, Effort
from src.llm.offline.course import Lesson
from src.llm.offline.patterns import Slot, patterns

_MOST_ALIKE = 84
"""In percent of the letters, how alike two tasks of a plan may be."""
_LONGEST_SENTENCE = 22
"""In words; a pattern and an exercise that are longer together become two sentences."""
_SESSION_MINUTES = 60
_LONG_SESSION_MINUTES = 120
"""Longer tasks are sessions of three steps, and of four from the second bound on."""
_LONGEST_GOAL = MAX_WEEKLY_GOAL_LENGTH - 40
"""In characters; the first week's goal may have a note in front."""
_WEIGHTS: dict[Effort, int] = {"light": 2, "medium": 3, "deep": 4}


class Writer:
    """Writes one plan; no two of its tasks are alike."""

    def __init__(self, request: PlanRequest, names: Sequence[str]) -> None:
        self._subject = listed(names)
        self._seed = request.model_dump_json()
        self._minutes = int(request.daily_hours * 60)
        self._queues: dict[str, list[str]] = {}
        self._texts: dict[str, list[str]] = {}
        self._proofs: set[str] = set()

    def day(self, number: int, slots: Sequence[Slot]) -> PlannedDay:
        """Return a day with the words and the minutes of its tasks."""
        minutes = minutes_of(tuple(slot.purpose for slot in slots), self._minutes)
        tasks = (self._task(slot, each) for slot, each in zip(slots, minutes, strict=True))
        return PlannedDay(day_number=number, tasks=tuple(tasks))

    def goal(self, lessons: Sequence[Lesson], exercises: Sequence[str]) -> str:
        """Return a week's goal, proved by the first exercise that proves no other week's."""
        queue = self._queue("goals", patterns().goals)
        names = [lesson.topic.name for lesson in lessons]
        for count in range(len(names), 0, -1):
            for exercise in exercises:
                text = _joined(queue[0].format(topics=listed(names[:count])), exercise)
                text = text.replace("{subject}", self._subject)
                if exercise not in self._proofs and len(text) <= _LONGEST_GOAL:
                    self._proofs.add(exercise)
                    queue.append(queue.pop(0))
                    return text
        raise AssertionError("too few exercises for the goals of so many weeks")

    def _task(self, slot: Slot, minutes: int) -> PlannedTask:
        purpose = patterns().purposes[slot.purpose]
        own = slot.lessons[0].curriculum.practice_category
        return PlannedTask(
            text=self._text(slot, minutes),
            effort=purpose.effort,
            category=own if purpose.category == "own" else purpose.category,
            estimated_minutes=minutes,
        )

    def _text(self, slot: Slot, minutes: int) -> str:
        """Return the first wording that is unlike the others, or the one that is most unlike."""
        kind, purpose = slot.lessons[0].curriculum.kind, patterns().purposes[slot.purpose]
        queue = self._queue(slot.purpose + kind, purpose.patterns + purpose.kinds.get(kind, ()))
        best = (101.0, "", "")
        for pattern in queue:
            text = _render(pattern, slot).replace("{subject}", self._subject)
            if not pattern and slot.lessons[0].topic.name.casefold() not in text.casefold():
                continue
            text = self._with_steps(text, minutes)
            if len(text) <= MAX_TASK_LENGTH:
                best = min(best, (self._likeness(text, slot, pattern), text, pattern))
                if best[0] <= _MOST_ALIKE:
                    break
        _, text, pattern = best
        queue.remove(pattern)
        queue.append(pattern)
        for key in (slot.sentence, slot.purpose + pattern):
            self._texts.setdefault(key, []).append(text)
        return text

    def _likeness(self, text: str, slot: Slot, pattern: str) -> float:
        """Return in percent how alike a text is to those with its sentence or its pattern."""
        keys = (slot.sentence, slot.purpose + pattern)
        others = [other for key in keys for other in self._texts.get(key, ())]
        found = process.extractOne(text, others, scorer=fuzz.ratio, score_cutoff=_MOST_ALIKE)
        return found[1] if found else 0.0

    def _with_steps(self, text: str, minutes: int) -> str:
        """Return a long task as a session of three or four named steps."""
        if minutes <= _SESSION_MINUTES:
            return text
        pools = dict(patterns().steps)
        if minutes <= _LONG_SESSION_MINUTES:
            pools.pop(self._shuffled(text, ("begin", "finish"))[0])
        steps = [self._shuffled(text, pool)[0] for pool in pools.values()]
        return f"{text} Steps: {'; '.join(f'({n}) {step}' for n, step in enumerate(steps, 1))}."

    def _queue(self, name: str, choices: Sequence[str]) -> list[str]:
        """Return choices, least recently used first; the caller moves what it uses to the end."""
        if name not in self._queues:
            self._queues[name] = self._shuffled(name, dict.fromkeys(choices))
        return self._queues[name]

    def _shuffled(self, name: str, choices: Iterable[str]) -> list[str]:
        """Return choices in an order that depends on the request and a name alone."""
        seed = f"{self._seed} {name}"
        return sorted(choices, key=lambda each: sha256(f"{seed} {each}".encode()).digest())


@lru_cache(maxsize=1000)
def minutes_of(names: tuple[str, ...], budget: int) -> tuple[int, ...]:
    """Divide a day's minutes among purposes by effort, in steps of 5, within their bounds."""
    purposes = [patterns().purposes[name] for name in names]
    minutes = [5] * len(names)
    for _ in range(budget // 5 - len(names)):
        rising = [i for i, each in enumerate(purposes) if minutes[i] < each.most_minutes]
        minutes[min(rising, key=lambda i: minutes[i] / _WEIGHTS[purposes[i].effort])] += 5
    return tuple(minutes)


def listed(items: Sequence[str]) -> str:
    """Return items as an enumeration in which names with an `and` or a comma stay apart."""
    *others, last = items
    comma = ";" if any("," in item for item in items) else ","
    if len(items) == 2 and not any("," in item or " and " in item for item in items):
        comma = ""
    return f"{f'{comma} '.join(others)}{comma} and {last}" if others else last


def _render(pattern: str, slot: Slot) -> str:
    """Return a pattern with its gaps filled and the exercise after it."""
    first, *others = slot.lessons
    gaps = {
        "topic": first.topic.name,
        "topics": listed([lesson.topic.name for lesson in slot.lessons]),
        "other": others[0].topic.name if others else "",
        "explain": first.topic.explain,
        "read": first.topic.read.rstrip("."),
        "project": slot.project.name if slot.project else "",
        **patterns().words[first.curriculum.kind],
    }
    text = pattern.format(**gaps)
    return text if slot.sentence in text else _joined(text, slot.sentence)


def _joined(opening: str, exercise: str) -> str:
    """Return both as one sentence if it is short or the opening ends with a colon, else as two."""
    if not opening:
        return exercise
    start = exercise.split(". ")[0]
    words = len(f"{opening.split('. ')[-1]} {start}".split())
    if ":" not in start and (opening.endswith(":") or words <= _LONGEST_SENTENCE):
        # An exercise begins with a verb.
        return f"{opening.rstrip(':')}: {exercise[0].lower()}{exercise[1:]}"
    return f"{opening.rstrip(':')}. {exercise}"
