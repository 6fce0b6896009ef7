"""The assistant that works without a model: it answers from the roadmap and its curriculum."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import NamedTuple

from src.domain.plan import ModelUsage
from src.domain.roadmap import AssistantAnswer, Task
from src.domain.vocabulary import DAYS_PER_WEEK
from src.llm import AssistantContext
from src.llm.offline.curricula import Topic, read_data
from src.llm.offline.goals import understand
from src.llm.offline.wording import longest_name, phrase

MAX_LINES = 6
MAX_TEXT_LENGTH = 200
"""In characters, of a task or a weekly goal inside an answer."""

_NEAR_TASKS = 20  # open tasks that are near enough to be done early, if there is little time
_LONGEST_FORECAST = 3_650  # days; a date further away says nothing to a learner
_MOST_WORDS_BESIDE_A_TOPIC = 2  # for a question that is little more than the topic's name
_PERIODS = {"today": 0, "tomorrow": 1, "day": 0, "week": 0, "next week": DAYS_PER_WEEK}
"""Questions about a day or a week, and how many days after today's that is."""


class Question(NamedTuple):
    """A question, understood. The intent is one of `questions.toml`, `explain` or `unknown`."""

    intent: str
    week: int | None = None
    day: int | None = None
    minutes: int | None = None
    topic: Topic | None = None


def understand_question(text: str, topics: Sequence[Topic]) -> Question:
    """Return what a question means to a learner of these topics; never fails."""
    data, words = read_data("questions.toml"), phrase(text)
    said = " ".join(words)
    for number, digits in data["numbers"].items():
        said = re.sub(rf"\b{number}\b", digits, said)
    if re.search(data["beyond"], said):
        return Question("unknown")
    topic = max(topics, key=lambda topic: longest_name(topic, words), default=None)
    if topic and (named := longest_name(topic, words)):
        is_bare = len(words) - named <= _MOST_WORDS_BESIDE_A_TOPIC
        if is_bare or re.search(data["explaining"], said):
            return Question("explain", topic=topic)
    intents = data["intents"].items()
    intent = next((name for name, pattern in intents if re.search(pattern, said)), "unknown")
    minutes = _number("min", said) or (_number("h", said) or 0) * 60 or None
    return Question(intent, _number("week", said), _number("day", said), minutes)


class OfflineAssistant:
    """Answers what a roadmap and its curriculum answer; a day's answers are always the same."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock

    async def answer(
        self,
        question: str,
        context: AssistantContext,
        report: Callable[[ModelUsage], None],  # noqa: ARG002  no model is asked
    ) -> AsyncGenerator[str | AssistantAnswer, None]:
        """Yield the lines that answer, at most six, or a sentence that says what can be asked."""
        today = self._clock().astimezone(UTC).date()
        # In a thread: the first answer reads the curricula, and a year's plan has many tasks.
        lines = await asyncio.to_thread(lambda: _Answer(question, context, today).lines())
        text = "\n".join(lines[:MAX_LINES])
        yield text
        yield AssistantAnswer(response=text)

    async def close(self) -> None:
        """Do nothing: there are no connections."""


class _Answer:
    """The answer to a question on a day.

    Today's place in the plan is counted from the day on which the roadmap was made: that is day 1
    of week 1, whatever the learner has done since. After the plan's last day it stays there.
    """

    def __init__(self, question: str, context: AssistantContext, today: date) -> None:
        self._context, self._today = context, today
        self._days = context.roadmap.duration_weeks * DAYS_PER_WEEK
        day = (today - context.roadmap.created_at.date()).days
        self._place = min(max(day, 0), self._days - 1)
        self._open = _open(context.tasks)
        self._tasks_a_day = Counter(map(_place, context.tasks))
        self._subjects = understand(context.roadmap.description).subjects
        topics = [topic for subject in self._subjects for topic in subject.topics]
        self._asked = understand_question(question, topics)

    def lines(self) -> list[str]:
        replies = read_data("questions.toml")["replies"]
        if self._asked.intent in replies:
            return [replies[self._asked.intent].replace("CAN", replies["CAN"])]
        if not self._context.tasks:
            return ["This roadmap has no tasks yet."]
        if self._asked.intent in _PERIODS:
            return self._period()
        if self._asked.topic:
            return self._explain(self._asked.topic)
        # Methods have the names of the intents that they answer.
        answer: Callable[[], list[str]] = getattr(self, f"_{self._asked.intent}", self._next)
        return answer()

    def _next(self) -> list[str]:
        scope = self._context.tasks_in_scope()
        if upcoming := _open(scope):
            return self._listed("Next:", upcoming)
        if self._open:
            done = "All of this is done. " if scope else ""
            return self._listed(f"{done}Next on the roadmap:", self._open)
        return ["Every task of the roadmap is done. Well done!"]

    def _period(self) -> list[str]:
        """Return the open tasks of a week or a day, with the week's goal."""
        asked, scope = self._asked, self._context
        week, day = divmod(self._place + _PERIODS[asked.intent], DAYS_PER_WEEK)
        week, day = week + 1, day + 1
        if asked.intent in ("week", "day"):
            week = asked.week or scope.week_number or week
            day = asked.day or scope.day_number or day
        is_day = "week" not in asked.intent
        scope = replace(scope, week_number=week, day_number=day if is_day else None)
        tasks = scope.tasks_in_scope()
        if not tasks:
            return [f"There are no tasks in {_name(scope)}.", *self._next()]
        goal = "" if is_day else f" {_cut(tasks[0].weekly_goal)}"
        heading = f"{_name(scope).capitalize()}:{goal} Done: {_count(tasks)}"
        return self._listed(heading, _open(tasks))

    def _minutes(self) -> list[str]:
        near, chosen, left = self._open[:_NEAR_TASKS], [], self._asked.minutes or 0
        for task in near:
            if self._length(task) <= left:
                chosen.append(task)
                left -= self._length(task)
        if chosen:
            return self._listed(f"This fits into {self._asked.minutes} minutes:", chosen)
        if not near:
            return self._next()
        shortest = min(near, key=self._length)
        return self._listed("No task is that short. Begin this one, and stop in time:", [shortest])

    def _explain(self, topic: Topic) -> list[str]:
        lines = [topic.explain, f"To read: {topic.read.rstrip('.')}"]
        planned = [t for t in self._open if longest_name(topic, phrase(t.task_text))]
        if planned:
            return lines + self._listed("In your plan:", planned[:2])
        return [*lines, f"To practise: {topic.practice[0]}"]

    def _missed(self) -> list[str]:
        missed = [task for task in self._open if _place(task) < self._place]
        if not missed:
            return ["You have missed nothing: every task before today is done.", *self._next()]
        tasks = f"{len(missed)} task{'s' if len(missed) > 1 else ''}"
        hours, daily = sum(map(self._length, missed)) / 60, self._context.roadmap.daily_hours
        advice = f"Do {ceil(len(missed) / DAYS_PER_WEEK)} of them a day besides today's for a week:"
        if hours > daily * DAYS_PER_WEEK / 2:
            # Half as much again is what a day can bear.
            advice = f"Go on from here, and you end about {ceil(hours / daily)} days later:"
        heading = f"Open from before today: {tasks}, about {hours:.1f} hours. {advice}"
        return self._listed(heading, missed)

    def _progress(self) -> list[str]:
        name, tasks = _name(self._context), self._context.tasks_in_scope()
        done = f"Done in {name}: {_count(tasks)}" if tasks else f"There are no tasks in {name}."
        return [done, *self._next()]

    def _finish(self) -> list[str]:
        done = [task.completed_at.date() for task in self._context.tasks if task.completed_at]
        if not self._open:
            return self._next()
        days, course, pace = self._days - 1, "begin today and keep to the plan", ""
        if done:
            a_day = len(done) / max((self._today - min(done)).days + 1, 1)
            days, course = ceil(len(self._open) / a_day), "go on as you do"
            pace = f": {a_day:.1f} tasks a day, and {len(self._open)} are left"
        if days > _LONGEST_FORECAST:
            return ["At your pace so far it would take more than ten years."]
        last = self._today + timedelta(days)
        return [f"If you {course}, on {last.day} {last:%B %Y}{pace}."]

    def _after(self) -> list[str]:
        if not self._subjects:
            return ["Make something of your own. What you miss for it is your next roadmap's goal."]
        subject, project = self._subjects[0], self._subjects[0].projects[-1]
        said = phrase("\n".join(task.task_text for task in self._context.tasks))
        new = [topic.name for topic in subject.topics if not longest_name(topic, said)]
        lines = [f"Topics that this plan leaves out: {', '.join(new[:4])}."] if new else []
        return [*lines, f"A project to go on with: {project.name}.", project.milestones[0]]

    def _listed(self, heading: str, tasks: Sequence[Task]) -> list[str]:
        shown = tasks if len(tasks) < MAX_LINES else tasks[: MAX_LINES - 2]
        rest = [f"- and {len(tasks) - len(shown)} more."] if len(shown) < len(tasks) else []
        lines = (
            f"- Week {task.week_number}, day {task.day_number} ({self._length(task)} min):"
            f" {_cut(task.task_text)}"
            for task in shown
        )
        return [heading, *lines, *rest]

    def _length(self, task: Task) -> int:
        """Return a task's minutes; in rows of older code, its share of the day."""
        shared = self._context.roadmap.daily_hours * 60 / self._tasks_a_day[_place(task)]
        return task.estimated_minutes or round(shared)


def _open(tasks: Sequence[Task]) -> list[Task]:
    return [task for task in tasks if not task.completed]


def _place(task: Task) -> int:
    """Return a task's day, counted from the plan's first, which is 0."""
    return (task.week_number - 1) * DAYS_PER_WEEK + task.day_number - 1


def _name(scope: AssistantContext) -> str:
    week, day = scope.week_number, scope.day_number
    if day is None:
        return f"week {week}" if week else "the whole roadmap"
    return f"week {week}, day {day}" if week else f"day {day} of every week"


def _count(tasks: Sequence[Task]) -> str:
    done = sum(task.completed for task in tasks)
    # Rounded down, so that 100 always means that everything is done.
    return f"{done} of {len(tasks)} tasks ({done * 100 // len(tasks)} %)."


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT_LENGTH else f"{text[: MAX_TEXT_LENGTH - 1].rstrip()}…"


def _number(unit: str, said: str) -> int | None:
    before = re.search(rf"\b(\d+)(?:st|nd|rd|th)? ?{unit}", said)
    found = re.search(rf"\b{unit} (\d+)", said) or before
    return int(found[1]) if found else None
