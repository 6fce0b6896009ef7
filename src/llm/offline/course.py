"""What a plan teaches: the topics that fit into its time, in the order of learning."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import get_args

from src.domain.plan import PlanRequest
from src.domain.plan_rules import tasks_for_day
from src.domain.vocabulary import DAYS_PER_WEEK, Level
from src.llm.offline.curricula import Curriculum, Project, Topic, general_curriculum
from src.llm.offline.goals import UnderstoodGoal

_rank = get_args(Level).index
_SHARE_FOR_TOPICS = 0.75  # the rest of the tasks builds the project and goes deeper
_MINUTES_PER_TASK = 15  # days with shorter tasks than this take fewer topics


@dataclass(eq=False)
class Lesson:
    """A topic in a plan and what became of it; one check is enough if the learner knows it."""

    curriculum: Curriculum
    topic: Topic
    is_known: bool
    visits: list[int] = field(default_factory=list)  # days on which it was met and brought back
    ahead: list[tuple[str, str]] = field(default_factory=list)  # purposes and sentences to come
    uses: int = 0
    explained: int = 0

    @property
    def cost(self) -> float:
        """How many tasks it takes: a new topic is met, practised, challenged and brought back."""
        return 1.5 if self.is_known else 5


def course_for(request: PlanRequest, goal: UnderstoodGoal) -> tuple[list[Lesson], list[Project]]:
    """Return topics in order and what to build; several subjects get equal shares and take turns.

    The first project of a subject may need topics for which there is no time, others may not.
    """
    subjects = goal.subjects or (general_curriculum(),)
    longest = request.daily_hours * 60 / _MINUTES_PER_TASK
    tasks = min(tasks_for_day(request.level, request.daily_hours), longest)
    room = tasks * request.duration_weeks * DAYS_PER_WEEK * _SHARE_FOR_TOPICS / len(subjects)
    turns: list[tuple[float, Lesson]] = []
    projects: list[Project] = []
    for subject in subjects:
        fitting = [each for each in subject.projects if _rank(each.level) >= _rank(request.level)]
        first, *further = fitting or subject.projects[-1:]
        chosen = list(_choose(subject, request.level, goal.known, first, room))
        turns += (((turn + 0.5) / len(chosen), lesson) for turn, lesson in enumerate(chosen))
        taught = {lesson.topic.id for lesson in chosen}
        projects += [first, *(each for each in further if taught.issuperset(each.needs))]
    lessons = [lesson for _, lesson in sorted(turns, key=lambda turn: turn[0])]
    return lessons, sorted(projects, key=lambda project: _rank(project.level))


def _choose(
    curriculum: Curriculum, level: Level, known: tuple[str, ...], project: Project, room: float
) -> Iterator[Lesson]:
    """Yield the topics for so many tasks: first those of the project, each with its needs."""
    lessons = {
        topic.id: Lesson(curriculum, topic, _rank(topic.level) < _rank(level) or topic.id in known)
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
    new = [i for i in lessons if i in chosen and not lessons[i].is_known]
    places = {i: place * len(new) // len(lessons) for place, i in enumerate(lessons)}
    for place, topic_id in reversed(list(enumerate(new))):
        places |= dict.fromkeys(_with_needs(topic_id, lessons), place)
    # What is known is brushed up just before the first new topic that rests on it.
    yield from (lessons[i] for i in sorted(places, key=lambda i: places[i]) if i in chosen)


def _with_needs(topic_id: str, lessons: dict[str, Lesson]) -> Iterator[str]:
    """Yield a topic and what it rests on, down to topics that are known."""
    yield topic_id
    for need in lessons[topic_id].topic.needs if not lessons[topic_id].is_known else ():
        yield from _with_needs(need, lessons)
