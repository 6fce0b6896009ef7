"""The assistant that works without a model: it answers from the roadmap and its curriculum."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import NamedTuple

from src.domain.minutes import equal_share
from src.domain.plan import ModelUsage
from src.domain.roadmap import AssistantAnswer, Task
from src.domain.schedule import days_before
from src.domain.vocabulary import DAYS_PER_WEEK, shortened
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
    amounts: Mapping[str, int]  # the `week`, the `day` and the `minutes`, as far as it names them
    topic: Topic | None = None


def understand_question(text: str, topics: Sequence[Topic]) -> Question:
    """Return what a question means to a learner of these topics; never fails."""
    data, words = read_data("questions.toml"), phrase(text)
    said = " ".join(words)
    for number, digits in data["numbers"].items():
        said = re.sub(rf"\b{number}\b", digits, said)
    found = [name for name, pattern in data["intents"].items() if re.search(pattern, said)]
    topic = max(topics, key=lambda topic: longest_name(topic, words), default=None)
    named = longest_name(topic, words) if topic else 0
    is_bare = len(words) - named <= _MOST_WORDS_BESIDE_A_TOPIC
    if named and (is_bare or re.search(data["explaining"], said)) and "unknown" not in found:
        return Question("explain", {}, topic)
    numbers = {unit: re.search(pattern, said) for unit, pattern in data["amounts"].items()}
    amounts = {unit: int(match[match.lastindex or 0]) for unit, match in numbers.items() if match}
    amounts.setdefault("minutes", amounts.pop("hours", 0) * 60)
    return Question(found[0] if found else "unknown", amounts)


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
        intent, replies = self._asked.intent, read_data("questions.toml")["replies"]
        if intent in replies:
            return [replies[intent].format(**replies)]
        if not self._context.tasks:
            return ["This roadmap has no tasks yet."]
        if self._asked.topic:
            return self._explain(self._asked.topic)
        # Methods have the names of the intents that they answer.
        name = "_period" if intent in _PERIODS else f"_{intent}"
        answer: Callable[[], list[str]] = getattr(self, name)
        return answer()

    def _now(self) -> list[str]:
        scope = self._context.tasks_in_scope()
        if not self._open:
            return ["Every task of the roadmap is done. Well done!"]
        if upcoming := _open(scope):
            return self._listed("Next:", upcoming)
        done = "All of this is done. " if scope else ""
        return self._listed(f"{done}Next on the roadmap:", self._open)

    def _period(self) -> list[str]:
        """Return the open tasks of a week or a day, with the week's goal."""
        asked, scope = self._asked, self._context
        week, day = divmod(self._place + _PERIODS[asked.intent], DAYS_PER_WEEK)
        week, day = week + 1, day + 1
        if asked.intent in ("week", "day"):
            week = asked.amounts.get("week") or scope.week_number or week
            day = asked.amounts.get("day") or scope.day_number or day
        is_day = "week" not in asked.intent
        scope = replace(scope, week_number=week, day_number=day if is_day else None)
        tasks = scope.tasks_in_scope()
        if not tasks:
            return [_done(scope), *self._now()]
        goal = "" if is_day else f"{shortened(tasks[0].weekly_goal, MAX_TEXT_LENGTH)} "
        return self._listed(f"{goal}{_done(scope)}", _open(tasks))

    def _minutes(self) -> list[str]:
        near, fitting, left = self._open[:_NEAR_TASKS], [], self._asked.amounts["minutes"]
        for task in near:
            if self._length(task) <= left:
                fitting.append(task)
                left -= self._length(task)
        if fitting:
            heading = f"This fits into {self._asked.amounts['minutes']} minutes:"
            return self._listed(heading, fitting)
        shortest = sorted(near, key=self._length)[:1]
        heading = "No task is that short. Begin this one, and stop in time:"
        return self._listed(heading, shortest) if near else self._now()

    def _explain(self, topic: Topic) -> list[str]:
        lines = [topic.explain, f"To read: {topic.read.rstrip('.')}"]
        planned = [t for t in self._open if longest_name(topic, phrase(t.task_text))]
        if planned:
            return lines + self._listed("In your plan:", planned[:2])
        return [*lines, f"To practise: {topic.practice[0]}"]

    def _missed(self) -> list[str]:
        missed = [task for task in self._open if _place(task) < self._place]
        if not missed:
            return ["You have missed nothing: every task before today is done.", *self._now()]
        hours, daily = sum(map(self._length, missed)) / 60, self._context.roadmap.daily_hours
        advice = f"Do {ceil(len(missed) / DAYS_PER_WEEK)} of them a day besides today's for a week:"
        if hours > daily * DAYS_PER_WEEK / 2:
            # Half as much again is what a day can bear.
            advice = f"Go on from here, and you end about {ceil(hours / daily)} days later:"
        heading = f"Tasks left from before today: {len(missed)}, about {hours:.1f} hours. {advice}"
        return self._listed(heading, missed)

    def _progress(self) -> list[str]:
        return [_done(self._context), *self._now()]

    def _finish(self) -> list[str]:
        done = [task.completed_at.date() for task in self._context.tasks if task.completed_at]
        left = len(self._open)
        if not left:
            return self._now()
        if not done:
            last = self._today + timedelta(self._days - 1)
            return [f"If you begin today and keep to the plan, on {last.day} {last:%B %Y}."]
        pace = len(done) / max((self._today - min(done)).days + 1, 1)
        days = ceil(left / pace)
        if days > _LONGEST_FORECAST:
            return ["At your pace so far it would take more than ten years."]
        last = self._today + timedelta(days)
        heading = f"If you go on as you do, on {last.day} {last:%B %Y}"
        return [f"{heading}: {pace:.1f} tasks a day, and {left} are left."]

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
            f" {shortened(task.task_text, MAX_TEXT_LENGTH)}"
            for task in shown
        )
        return [heading, *lines, *rest]

    def _length(self, task: Task) -> int:
        """Return a task's minutes; in rows of older code, its share of the day."""
        share = equal_share(self._context.roadmap.daily_hours, self._tasks_a_day[_place(task)])
        return task.estimated_minutes or round(share)


def _open(tasks: Sequence[Task]) -> list[Task]:
    return [task for task in tasks if not task.completed]


def _place(task: Task) -> int:
    """Return a task's day, counted from the plan's first, which is 0."""
    return days_before(task.week_number, task.day_number)


def _done(scope: AssistantContext) -> str:
    """Return a sentence that counts what is done of a week, a day or the whole roadmap."""
    numbers, tasks = {"week": scope.week_number, "day": scope.day_number}, scope.tasks_in_scope()
    name = ", ".join(f"{unit} {number}" for unit, number in numbers.items() if number)
    name += " of every week" if name and not scope.week_number else ""
    name = name or "the whole roadmap"
    if not tasks:
        return f"There are no tasks in {name}."
    done = sum(task.completed for task in tasks)
    # Rounded down, so that 100 always means that everything is done.
    return f"Done in {name}: {done} of {len(tasks)} tasks ({done * 100 // len(tasks)} %)."
