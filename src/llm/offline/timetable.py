"""When a plan does what: each day's tasks before they have words."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate, cycle, pairwise
from math import ceil

from src.domain.plan import PlanRequest
from src.domain.plan_rules import tasks_for_day
from src.domain.vocabulary import DAYS_PER_WEEK, Category, Effort, Value
from src.llm.offline.curricula import Curriculum, Project, Topic, read_data

_TEACHING_SHARE = 0.6  # of the days; afterwards no topic is new
_HASTE = 1.4  # above 1, new topics follow each other faster at first
_PLAIN_SHARES = (0.5, 0.1, 0)  # of a day's tasks those that explain, in each third of a plan
_EXAMS_FROM, _EXAM_DAYS = 0.7, (5, 6)  # of the plan's days, and of a week's
_MOST_TURNS = 8  # on a milestone
LONG_MINUTES = 60  # longer tasks are sessions of several steps
_LONGEST_SESSION = 170  # in characters, of two exercises that make a long task
_HEAD_START = 10  # how much more often new topics are practised than those known before
_MOST_TOGETHER = 3
_NEW_FIRST = 2  # times, that new topics are explained before known ones
_MOST_EXPLAINED = 8  # times, of a topic: fewer than there are patterns for it
_GAPS = (0.1, 0.2)
"""A topic comes back after this share of the days that are left: what is asked for again after
such a gap is remembered best at the end (Cepeda et al. 2008, doi:10.1111/j.1467-9280.2008.02209.x).
"""


class Purpose(Value):
    """What a task is for. Plain ones ask to read and explain, others to use and judge."""

    effort: Effort
    category: Category | None = None  # None means that of its curriculum
    most_minutes: int
    is_plain: bool = False
    patterns: tuple[str, ...]
    kinds: Mapping[str, tuple[str, ...]] = {}


@cache
def purposes() -> Mapping[str, Purpose]:
    """Return what tasks can be for by name, in the order of a day."""
    found = read_data("patterns.toml")["purposes"]
    return {name: Purpose.model_validate(found[name]) for name in found}


@dataclass(eq=False)
class Lesson:
    """A topic in a plan and what became of it; one check is enough if the learner knows it."""

    curriculum: Curriculum
    topic: Topic
    is_known: bool
    visits: list[int] = field(default_factory=list)  # days on which it was met and brought back
    exercises: tuple[str, ...] = ()  # in the order in which they are done
    uses: int = 0
    explained: int = 0

    @property
    def cost(self) -> float:
        """How many tasks it takes: a new topic is met, practised, challenged and brought back."""
        return 1.5 if self.is_known else 5


@dataclass(frozen=True)
class Slot:
    """A task before it has words: its purpose, its topics and the sentence at its core."""

    purpose: str
    lessons: tuple[Lesson, ...]
    sentence: str
    project: Project | None = None


class Timetable:
    """Fills the days of one plan; they have to be asked for in order, from day 0."""

    def __init__(
        self, request: PlanRequest, lessons: list[Lesson], projects: list[Project], *, is_exam: bool
    ) -> None:
        self.begun: list[Lesson] = []  # the topics that have been met so far, in order
        self._days, self._is_exam = request.duration_weeks * DAYS_PER_WEEK, is_exam
        self._teaching_days = self._days * _TEACHING_SHARE
        self._count = tasks_for_day(request.level, request.daily_hours)
        self._has_long_tasks = request.daily_hours * 60 / self._count > LONG_MINUTES
        self._returns = min(request.duration_weeks, 2 + self._count // 5)
        self._plain_shares = _PLAIN_SHARES if request.duration_weeks > 1 else (0.5, 0, 0)
        costs = list(accumulate((lesson.cost**2 for lesson in lessons), initial=0.0))
        starts = (self._teaching_days * (cost / costs[-1]) ** _HASTE for cost in costs)
        # What is known need not wait: it is only checked.
        pairs = zip(starts, lessons, strict=False)
        self._pending = deque((start - lesson.is_known, lesson) for start, lesson in pairs)
        has_time = request.duration_weeks > 1 or request.daily_hours > 1
        self._projects, self._work = deque(projects if has_time else ()), deque[Slot]()

    def day(self, day: int) -> list[Slot]:
        """Return the tasks of a day in the order in which they are to be done."""
        slots: list[Slot] = []
        self._begin_topics(day, slots)
        self._bring_back(day, slots)
        is_late = day >= self._days * _EXAMS_FROM
        if self._is_exam and is_late and day % DAYS_PER_WEEK in _EXAM_DAYS:
            first = day * 4 % len(self.begun)
            slots.append(_exercise("mock", *(self.begun * 2)[first : first + 4]))
        if self._is_for_projects(day) and len(slots) < self._count:
            slots += self._build(day)
        self._explain(day, slots)
        while len(slots) < self._count:
            slots.append(self._practise(day, day * self._count + len(slots)))
        order = list(purposes())
        return sorted(slots, key=lambda slot: order.index(slot.purpose))

    def _begin_topics(self, day: int, slots: list[Slot]) -> None:
        while self._pending and self._pending[0][0] <= day:
            start, lesson = self._pending[0]
            # Where reading cannot fill a long task, reading and practice share a session.
            new = "lesson" if self._has_long_tasks else "learn"
            purpose = "check" if lesson.is_known else new
            # Half of a day is enough, unless topics wait for long.
            is_enough = len(slots) >= max(1, self._count // 2) and start > day - 2
            if is_enough or _is_review(day) or not self._has_room(purpose, slots):
                return
            self._pending.popleft()
            self.begun.append(lesson)
            lesson.visits.append(day)
            lesson.exercises = _exercises(lesson.topic, in_sessions=self._has_long_tasks)
            lesson.uses += purpose != "learn"
            core = lesson.topic.practice[0] if lesson.uses else lesson.topic.explain
            slots.append(Slot(purpose, (lesson,), core))

    def _bring_back(self, day: int, slots: list[Slot]) -> None:
        soonest = 1 + (day < self._days / 3)  # days: at first, explaining comes before recalling
        for _ in range(1 + self._count // 4):
            due = []
            for turn, lesson in enumerate(self.begun):
                last = lesson.visits[-1]
                opens, closes = (last + share * (self._days - 1 - last) for share in _GAPS)
                is_due = day >= max(opens, last + soonest) and len(lesson.visits) <= self._returns
                if is_due or _is_review(day):
                    due.append((last == day, closes, turn, lesson))
            is_pressing = bool(due) and (_is_review(day) or min(due)[1] < day + 1)
            if not is_pressing or not self._has_room("recall", slots):
                return
            lessons = [lesson for *_, lesson in sorted(due)[:_MOST_TOGETHER]]
            for lesson in lessons:
                lesson.visits.append(day)
            slots.append(_exercise("recall", *sorted(lessons, key=lambda each: -each.uses)))

    def _build(self, day: int) -> Iterator[Slot]:
        """Yield the day's work on a project, if all of its topics for which there is time began."""
        pending = {lesson.topic.id for _, lesson in self._pending}
        if not self._work and self._projects and pending.isdisjoint(self._projects[0].needs):
            left = sum(map(self._is_for_projects, range(day, self._days)))
            self._work.extend(self._steps(ceil(left / len(self._projects))))
        if self._work:
            yield self._work.popleft()

    def _steps(self, turns: int) -> Iterator[Slot]:
        """Yield the steps of the next project; what a short plan has no topics for is left out."""
        project = self._projects.popleft()
        used = [each for each in self.begun if each.topic.id in project.needs] or self.begun
        share = min(len(used) / len(project.needs), 2 * turns / len(project.milestones), 1)
        steps = project.milestones[: ceil(share * len(project.milestones))]
        turns = min(turns, _MOST_TURNS * len(steps))
        ends = [ceil(turn * len(steps) / turns) for turn in range(turns + 1)]
        for (first, last), lesson in zip(pairwise(ends), cycle(used)):
            text = " Then: ".join(steps[first:last]) or steps[last - 1]
            yield Slot("project" if first < last else "improve", (lesson,), text, project)

    def _explain(self, day: int, slots: list[Slot]) -> None:
        """Add tasks that explain topics, so that a plan asks for more from third to third."""
        a_day = self._plain_shares[int(3 * (day + 0.5) / self._days)] * self._count
        wanted = int(a_day * (day + 1)) - int(a_day * day)
        # One explanation of a topic a day is enough.
        times = {each: each.explained + _NEW_FIRST * each.is_known for each in self.begun}
        for lesson in sorted(times, key=lambda each: (times[each], -each.visits[0])):
            plain = sum(purposes()[slot.purpose].is_plain for slot in slots)
            is_enough = plain >= wanted or lesson.explained == _MOST_EXPLAINED
            if is_enough or not self._has_room("teach", slots):
                break
            lesson.explained += 1
            slots.append(Slot("teach", (lesson,), lesson.topic.explain))

    def _practise(self, day: int, turn: int) -> Slot:
        """Return practice of the topic that has had the least; what was known before waits."""
        lesson = min(self.begun, key=lambda each: each.uses + _HEAD_START * each.is_known)
        uses, lesson.uses = lesson.uses, lesson.uses + 1
        if uses < len(lesson.exercises):
            is_hard = lesson.exercises[uses] == lesson.topic.challenge
            return Slot("challenge" if is_hard else "practise", (lesson,), lesson.exercises[uses])
        deeper = read_data("patterns.toml")["deeper"]
        choices = deeper[day * len(deeper) // self._days]
        purpose = choices[uses % len(choices)]
        partners = [each for each in self.begun if not each.is_known] or self.begun
        other = partners[turn % len(partners)]
        if purpose != "pair":
            return _exercise(purpose, lesson)
        return _exercise("vary", lesson) if other is lesson else _exercise("pair", lesson, other)

    def _has_room(self, purpose: str, slots: list[Slot]) -> bool:
        """Return whether the day still has practice, and long tasks enough to fill its hours."""
        kept = min(self._count - 1, 1 + self._has_long_tasks)
        names = [purpose, *(slot.purpose for slot in slots)]
        short = sum(purposes()[name].most_minutes <= LONG_MINUTES for name in names)
        return len(slots) < self._count - 1 and short <= self._count - kept

    def _is_for_projects(self, day: int) -> bool:
        """Return true on a day a week, or two if days have many tasks, and often at the end."""
        weekly = (5, 2)[: 1 + self._count // 4]
        is_last = day >= self._teaching_days and day % max(1, 4 - self._count) == 0
        return is_last or day % DAYS_PER_WEEK in weekly


def _exercises(topic: Topic, *, in_sessions: bool) -> tuple[str, ...]:
    """Return a topic's practice and challenge; after the first, two short ones share a session."""
    first, *others = topic.practice
    both = " Then: ".join(others)
    if in_sessions and len(both) <= _LONGEST_SESSION:
        others = [both]
    return (first, others[0], topic.challenge, *others[1:])


def _exercise(purpose: str, *lessons: Lesson) -> Slot:
    """Return a task with an exercise of the first topic: each that was done already in turn."""
    topic, uses = lessons[0].topic, lessons[0].uses
    has_challenge = topic.challenge in lessons[0].exercises[:uses]
    done = topic.practice[: max(1, uses - has_challenge)]
    turn = uses + len(lessons[0].visits)
    sentence = topic.challenge if purpose == "rethink" else done[turn % len(done)]
    return Slot(purpose, tuple(dict.fromkeys(lessons)), sentence)


def _is_review(day: int) -> bool:
    return day % DAYS_PER_WEEK == DAYS_PER_WEEK - 1
