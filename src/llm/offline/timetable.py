"""When a plan does what: each day's tasks before they have words.

Topics come back when 10 to 20 % of the time between their last visit and the end of the plan has
passed, the gap after which most is remembered at the end (Cepeda et al. 2008,
doi:10.1111/j.1467-9280.2008.02209.x).
"""

from collections import Counter, deque
from itertools import accumulate

from src.domain.plan import PlanRequest
from src.domain.plan_rules import tasks_for_day
from src.domain.vocabulary import DAYS_PER_WEEK
from src.llm.offline.course import Course, Lesson
from src.llm.offline.patterns import Slot, patterns
from src.llm.offline.projects import ProjectWork

_TEACHING_SHARE = 0.65
"""New topics begin in this share of the days; afterwards all are combined."""
_HASTE = 1.2
"""Above 1, topics follow each other faster at first, and practice more slowly later."""
_GAPS = (0.1, 0.2)
_MOST_TOGETHER = 3
"""One task asks for so many topics at most."""
_PLAIN_SHARES = (0.6, 0.2)
"""The share of tasks that only recall and explain, at the start and at the end of a plan."""
_LONG_TASK_MINUTES = 60
_FIRST_USES = 3
_DEEPER = (
    ("vary", "pair", "vary", "rethink"),
    ("pair", "vary", "create", "rethink"),
    ("create", "pair", "rethink", "create"),
)
"""What is done with a familiar topic, in each third of a plan."""


class Timetable:
    """Fills the days of one plan, in order."""

    def __init__(self, course: Course, request: PlanRequest) -> None:
        self._course = course
        self._days = request.duration_weeks * DAYS_PER_WEEK
        self._teaching_days = self._days * _TEACHING_SHARE
        self._count = tasks_for_day(request.level, request.daily_hours)
        self._most_returns = 2 if self._count < 4 else 3
        self._has_long_tasks = request.daily_hours * 60 / self._count > _LONG_TASK_MINUTES
        costs = list(accumulate((lesson.cost**2 for lesson in course.lessons), initial=0.0))
        starts = (self._teaching_days * (cost / costs[-1]) ** _HASTE for cost in costs)
        self._pending = deque(zip(starts, course.lessons, strict=False))
        has_project = request.duration_weeks > 1 or request.daily_hours > 1
        self._projects = ProjectWork(course, self._project_days() if has_project else ())
        self.begun: list[Lesson] = []
        """The topics that have been met so far, in order."""
        self._ladders: dict[Lesson, deque[tuple[str, str]]] = {}
        self._visits: dict[Lesson, list[int]] = {}
        self._uses: Counter[Lesson | str] = Counter()
        self._explained: Counter[Lesson] = Counter()
        self._plain = self._total = 0

    def week(self, number: int) -> list[list[Slot]]:
        """Return the days of a week, numbered from 1; the weeks have to be asked for in order."""
        first = (number - 1) * DAYS_PER_WEEK
        return [self._day(day) for day in range(first, first + DAYS_PER_WEEK)]

    def _day(self, day: int) -> list[Slot]:
        is_review = day % DAYS_PER_WEEK == DAYS_PER_WEEK - 1
        slots: list[Slot] = []
        if not is_review:
            self._begin_topics(day, slots)
        self._bring_back(day, slots, is_review=is_review)
        is_late = day >= self._days * 0.75 and (is_review or day % 3 == 0)
        if self._course.has_mock_exams and is_late and len(slots) < self._count:
            first = day * 4 % len(self.begun)
            asked = (self.begun + self.begun)[first : first + 4]
            slots.append(self._slot("mock", *dict.fromkeys(asked)))
        if len(slots) < self._count and (work := self._projects.work(day, self.begun)):
            slots.append(work)
        while len(slots) < self._count:
            slots.append(self._explanation(day, slots) or self._practice(day))
        self._total += len(slots)
        self._plain += self._plain_in(slots)
        order = list(patterns().purposes)
        return sorted(slots, key=lambda slot: order.index(slot.purpose))

    def _begin_topics(self, day: int, slots: list[Slot]) -> None:
        while self._pending and self._pending[0][0] <= day:
            lesson = self._pending[0][1]
            # Where reading cannot fill a long task, reading and practice share a session.
            new = "lesson" if self._has_long_tasks else "learn"
            purpose = "check" if lesson.is_known else new
            if not self._has_room(purpose, slots):
                return
            self._pending.popleft()
            self.begun.append(lesson)
            self._visits[lesson] = [day]
            ladder = deque(("practise", sentence) for sentence in lesson.topic.practice)
            ladder.insert(2, ("challenge", lesson.topic.challenge))
            core = lesson.topic.explain if purpose == "learn" else ladder[0][1]
            slots.append(Slot(purpose, (lesson,), core))
            if purpose != "learn":
                ladder.popleft()
            self._ladders[lesson] = ladder

    def _bring_back(self, day: int, slots: list[Slot], *, is_review: bool) -> None:
        for _ in range(2 if self._count > 4 else 1):
            due = []
            for turn, (lesson, visits) in enumerate(self._visits.items()):
                opens, closes = (gap * (self._days - 1 - visits[-1]) for gap in _GAPS)
                gap = day - visits[-1]
                if is_review or (gap >= max(opens, 1) and len(visits) <= self._most_returns):
                    due.append((gap == 0, closes - gap, turn, lesson))
            due.sort()
            is_pressing = bool(due) and (is_review or due[0][1] < 1)
            if not is_pressing or not self._has_room("recall", slots):
                return
            lessons = [lesson for *_, lesson in due[:_MOST_TOGETHER]]
            for lesson in lessons:
                self._visits[lesson].append(day)
            slots.append(self._slot("recall", *sorted(lessons, key=lambda each: -self._uses[each])))

    def _explanation(self, day: int, slots: list[Slot]) -> Slot | None:
        """Return a task that explains a topic, if by this day there are too few that do."""
        start, end = _PLAIN_SHARES
        wanted = start + (end - start) * day / self._days
        plain = self._plain + self._plain_in(slots)
        is_enough = plain >= wanted * (self._total + len(slots) + 1)
        if is_enough or not self._has_room("teach", slots):
            return None
        lesson = min(reversed(self.begun), key=lambda each: self._explained[each])
        self._explained[lesson] += 1
        return Slot("teach", (lesson,), lesson.topic.explain)

    def _practice(self, day: int) -> Slot:
        turn = self._uses.total()
        owed = (each for each in self.begun if not each.is_known and self._uses[each] < _FIRST_USES)
        least_used = min(self.begun, key=lambda each: self._uses[each])
        is_new = turn % 3 and day < self._teaching_days
        lesson = next(owed, self.begun[-1] if is_new else least_used)
        self._uses[lesson] += 1
        if self._ladders[lesson]:
            purpose, sentence = self._ladders[lesson].popleft()
            self._uses[sentence] += 1
            return Slot(purpose, (lesson,), sentence)
        purposes = _DEEPER[day * len(_DEEPER) // self._days]
        purpose = purposes[self._uses[lesson] % len(purposes)]
        if purpose == "rethink":
            return Slot(purpose, (lesson,), lesson.topic.challenge)
        others = [each for each in self.begun if each is not lesson]
        if purpose == "pair" and others:
            return self._slot("pair", lesson, others[turn % len(others)])
        return self._slot("vary" if purpose == "pair" else purpose, lesson)

    def _slot(self, purpose: str, *lessons: Lesson) -> Slot:
        """Return a task with the exercise of the first topic that has been used least."""
        waiting = {sentence for _, sentence in self._ladders[lessons[0]]}
        practice = lessons[0].topic.practice
        seen = [each for each in practice if each not in waiting] or practice[:1]
        sentence = min(seen, key=lambda each: self._uses[each])
        self._uses[sentence] += 1
        return Slot(purpose, lessons, sentence)

    def _has_room(self, purpose: str, slots: list[Slot]) -> bool:
        """Return whether the day still has practice, and long tasks enough to fill its hours."""
        kept = 2 if self._has_long_tasks and self._count > 2 else 1
        names = [purpose, *(slot.purpose for slot in slots)]
        short = sum(patterns().purposes[name].most_minutes <= _LONG_TASK_MINUTES for name in names)
        return len(slots) < self._count - 1 and short <= self._count - kept

    @staticmethod
    def _plain_in(slots: list[Slot]) -> int:
        return sum(patterns().purposes[slot.purpose].is_plain for slot in slots)

    def _project_days(self) -> list[int]:
        """Return one day a week, two where days have many tasks, and most days at the end."""
        weekly = (2, 5) if self._count > 3 else (5,)
        return [
            day
            for day in range(self._days)
            if day % DAYS_PER_WEEK in weekly
            or (day >= self._teaching_days and (self._count > 2 or day % 2))
        ]
