"""What a plan teaches: the topics that fit into its time, in the order of learning."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from src.domain.plan import PlanRequest
from src.domain.plan_rules import tasks_for_day
from src.domain.vocabulary import DAYS_PER_WEEK, Level
from src.llm.offline.curricula import Curriculum, Project, Topic, general_curriculum
from src.llm.offline.goals import UnderstoodGoal

_LEVELS: tuple[Level, ...] = get_args(Level)
_SHARE_FOR_TOPICS = 0.75
"""The rest of the tasks brings topics back and builds the project."""
_MINUTES_PER_TASK = 15
"""Days with shorter tasks than this take fewer topics."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """A topic in a plan. `is_known` says that the learner knows it, so that one check is enough."""

    curriculum: Curriculum
    topic: Topic
    is_known: bool

    @property
    def cost(self) -> float:
        """How many tasks it takes: a new topic is met, practised, challenged and brought back."""
        return 1.5 if self.is_known else 5


@dataclass(frozen=True)
class Course:
    """The topics of a plan in the order of learning, and the projects to build with them."""

    lessons: tuple[Lesson, ...]
    projects: tuple[Project, ...]
    has_mock_exams: bool


def course_for(request: PlanRequest, goal: UnderstoodGoal) -> Course:
    """Return what to teach; several subjects get equal shares and take turns."""
    subjects = goal.subjects or (general_curriculum(),)
    minutes = request.daily_hours * 60
    tasks = min(tasks_for_day(request.level, request.daily_hours), minutes / _MINUTES_PER_TASK)
    room = tasks * request.duration_weeks * DAYS_PER_WEEK * _SHARE_FOR_TOPICS / len(subjects)
    turns: list[tuple[float, Lesson]] = []
    projects: list[Project] = []
    for subject in subjects:
        first, *further = _projects(subject, request.level)
        lessons = _choose(subject, request.level, goal.known, first, room)
        turns += (((turn + 0.5) / len(lessons), lesson) for turn, lesson in enumerate(lessons))
        taught = {lesson.topic.id for lesson in lessons}
        projects += [first, *(each for each in further if taught.issuperset(each.needs))]
    return Course(
        lessons=tuple(lesson for _, lesson in sorted(turns, key=lambda turn: turn[0])),
        projects=tuple(sorted(projects, key=lambda project: _LEVELS.index(project.level))),
        has_mock_exams=goal.is_exam,
    )


def _choose(
    curriculum: Curriculum, level: Level, known: tuple[str, ...], project: Project, room: float
) -> list[Lesson]:
    """Return the topics for so many tasks: first those of the project, each with its needs."""
    lessons = {
        topic.id: Lesson(curriculum, topic, _is_below(topic.level, level) or topic.id in known)
        for topic in curriculum.topics
    }
    needed = {each for need in project.needs for each in _with_needs(need, lessons)}
    chosen: set[str] = set()
    for topic_id in sorted(lessons, key=lambda i: (lessons[i].is_known, i not in needed)):
        added = set(_with_needs(topic_id, lessons)) - chosen
        cost = sum(lessons[each].cost for each in added)
        # Half a topic too much is better than half a topic too little.
        if chosen and cost > room + 2:
            break
        chosen |= added
        room -= cost
    return [lesson for topic_id, lesson in lessons.items() if topic_id in chosen]


def _with_needs(topic_id: str, lessons: dict[str, Lesson]) -> Iterator[str]:
    """Yield a topic and what it rests on; of known topics one check is enough."""
    yield topic_id
    for need in lessons[topic_id].topic.needs if not lessons[topic_id].is_known else ():
        yield from _with_needs(need, lessons)


def _projects(curriculum: Curriculum, level: Level) -> list[Project]:
    """Return the projects that are not below a level; the last one if all are."""
    fitting = [each for each in curriculum.projects if not _is_below(each.level, level)]
    return fitting or [curriculum.projects[-1]]


def _is_below(level: Level, other: Level) -> bool:
    return _LEVELS.index(level) < _LEVELS.index(other)
