"""Which week of an offline plan is about what: from the number of weeks to topics and aspects."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from src.domain.vocabulary import DAYS_PER_WEEK, MAX_WEEKS, Level
from src.llm.offline.topics import (
    BY_IMPORTANCE,
    PHASES,
    SHORT_PLANS,
    TOPICS,
    WEEKS_OF_A_YEAR,
    Phase,
    Topic,
)

LEARNING_DAYS = DAYS_PER_WEEK - 1
"""The last day of each week is for review."""

_MOST_TOPICS = 3
"""More topics would leave less than two days for each."""


@dataclass(frozen=True)
class Lesson:
    """What one day is about."""

    phase: Phase
    topic: str
    aspect: str


@dataclass(frozen=True)
class Week:
    """What a week is about: a lesson for each learning day, in order."""

    number: int
    lessons: tuple[Lesson, ...]

    @property
    def topics(self) -> tuple[str, ...]:
        """The names of the week's topics, in order, each once."""
        return tuple(dict.fromkeys(lesson.topic for lesson in self.lessons))

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases that the week belongs to, in order, each once."""
        return tuple(dict.fromkeys(lesson.phase for lesson in self.lessons))


def curriculum(level: Level, weeks: int) -> tuple[Week, ...]:
    """Return every week's lessons; no aspect occurs twice."""
    phases = SHORT_PLANS.get(weeks) or _phases_by_week(level, weeks)
    wanted = Counter(phase for week in phases for phase in week)
    supply = {phase: _chosen(phase, count) for phase, count in wanted.items()}
    return tuple(
        Week(number, tuple(_lessons(week, supply, level)))
        for number, week in enumerate(phases, start=1)
    )


def weekly_goal(week: Week, subject: str, weeks: int) -> str:
    """Return the week's goal as a sentence that names the subject."""
    if weeks == 1:
        return (
            f"A first tour of {subject} in seven days: foundations, a core technique, applied "
            "practice, a small project, and a last day that consolidates it all."
        )
    stage = " and ".join(_STAGES[phase] for phase in week.phases)
    topics = week.topics
    if len(topics) == 1:
        first, last = week.lessons[0].aspect, week.lessons[-1].aspect
        about = f"{topics[0]}. It begins with {first} and ends with {last}"
    else:
        about = f"{', '.join(topics[:-1])}, then {topics[-1]}"
    return f"{stage[0].upper()}{stage[1:]} in {subject}: {about}."


_STAGES: dict[Phase, str] = {
    "foundations": "foundations",
    "core": "core skills",
    "applied": "applied practice",
    "project": "project work",
    "consolidation": "consolidation",
}


def _phases_by_week(level: Level, weeks: int) -> tuple[tuple[Phase, ...], ...]:
    shares = WEEKS_OF_A_YEAR[level]
    # Every phase gets a week; what is left goes to those whose rounding lost the most.
    counts = [max(1, share * weeks // MAX_WEEKS) for share in shares]
    lost = [share * weeks - count * MAX_WEEKS for share, count in zip(shares, counts, strict=True)]
    by_loss = sorted(range(len(PHASES)), key=lambda index: -lost[index])
    for index in by_loss[: weeks - sum(counts)]:
        counts[index] += 1
    return tuple(
        (phase,) * max(1, min(_MOST_TOPICS, len(TOPICS[phase]) // count))
        for phase, count in zip(PHASES, counts, strict=True)
        for _ in range(count)
    )


def _chosen(phase: Phase, count: int) -> Iterator[Topic]:
    return iter([TOPICS[phase][index] for index in sorted(BY_IMPORTANCE[phase][:count])])


def _lessons(
    phases: tuple[Phase, ...], supply: dict[Phase, Iterator[Topic]], level: Level
) -> Iterator[Lesson]:
    days = LEARNING_DAYS // len(phases)
    easiest = {"beginner": 0, "intermediate": (LEARNING_DAYS - days) // 2}
    # The demanding aspects come last in each topic.
    start = easiest.get(level, LEARNING_DAYS - days)
    for phase in phases:
        topic = next(supply[phase])
        for aspect in topic.aspects[start : start + days]:
            yield Lesson(phase, topic.name, aspect)
