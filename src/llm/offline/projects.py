"""How a plan's projects grow: a milestone at a time, as soon as its topics have begun."""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from math import ceil

from src.llm.offline.course import Course, Lesson
from src.llm.offline.patterns import Slot

_MOST_AT_ONCE = 2
"""Milestones in one task, where a plan is short."""


class ProjectWork:
    """Spreads the milestones of the projects over the days that are kept for them."""

    def __init__(self, course: Course, days: Sequence[int]) -> None:
        self._waiting = deque(course.projects)
        self._days = days
        self._taught = {lesson.topic.id for lesson in course.lessons}
        self._done = self._turns = self._turns_in_all = 0

    def work(self, day: int, begun: Sequence[Lesson]) -> Slot | None:
        """Return the day's work on a project; None if there is none."""
        if day not in self._days or not self._waiting:
            return None
        project = self._waiting[0]
        if not self._turns:
            left = sum(each >= day for each in self._days)
            self._turns_in_all = ceil(left / len(self._waiting))
        by_id = {lesson.topic.id: lesson for lesson in begun}
        needs = [need for need in project.needs if need in self._taught]
        used = [by_id[need] for need in needs if need in by_id]
        # A course without all the topics of a project gets only its first milestones; and the
        # first half of the milestones waits until the topics that it rests on have begun.
        total = max(2, ceil(len(project.milestones) * len(needs) / len(project.needs)))
        ready = total if len(used) == len(needs) else total * len(used) // len(needs) // 2
        wanted = ceil((self._turns + 1) * total / self._turns_in_all)
        new = list(islice(project.milestones, self._done, min(wanted, ready)))[:_MOST_AT_ONCE]
        if not new and not self._done:
            return None
        self._done += len(new)
        self._turns += 1
        lesson = (used or list(begun))[self._turns % len(used or begun)]
        text = " Then ".join(new) if new else project.milestones[self._done - 1]
        if self._turns == self._turns_in_all and len(self._waiting) > 1:
            self._waiting.popleft()
            self._done = self._turns = 0
        return Slot("project" if new else "improve", (lesson,), text, project)
