"""The assistant that works without a model: it answers from the roadmap and its curriculum."""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from math import ceil

from src.domain.plan import ModelUsage
from src.domain.roadmap import AssistantAnswer, Task
from src.domain.vocabulary import DAYS_PER_WEEK
from src.llm import AssistantContext
from src.llm.offline.curricula import Topic
from src.llm.offline.goals import understand
from src.llm.offline.questions import Question, understand_question
from src.llm.offline.wording import longest_name, phrase

MAX_LINES = 6
MAX_TEXT_LENGTH = 200
"""In characters, of a task or a weekly goal inside an answer."""

_MOST_TASKS = MAX_LINES - 1
_NEAR_TASKS = 20
"""So many open tasks are near enough to be done early, if there is little time."""
_LONGEST_FORECAST = timedelta(days=3_650)
"""A date further away says nothing to a learner."""

_CAN = (
    "say what to do now or today, what a week or a day holds, how far you are, when you will be "
    "finished, how to catch up, what fits into a few minutes, what a topic of your plan means, and "
    "what comes after the plan."
)
_ON_YOUR_OWN = (
    "Make something of your own with what you have learned. What you miss while you do is a good "
    "goal for your next roadmap."
)
_REPLIES = {
    "hello": f"Hello! I can {_CAN}",
    "help": f"I can {_CAN}",
    "thanks": "You are welcome. Ask me what to do next whenever you like.",
    "unknown": f"I cannot answer that without a language model, but I can {_CAN}",
}

_PERIODS = {"today": 0, "tomorrow": 1, "day": 0, "week": 0, "next week": DAYS_PER_WEEK}
"""Questions about a day or a week, and how many days after today's it is."""


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
        lines = _Answer(context, self._clock().astimezone(UTC).date()).lines(question)
        text = "\n".join(lines[:MAX_LINES])
        yield text
        yield AssistantAnswer(response=text)

    async def close(self) -> None:
        """Do nothing: there are no connections."""


class _Answer:
    """What there is to say on a day.

    Today's place in the plan is counted from the day on which the roadmap was made: that is day 1
    of week 1, whatever the learner has done since. After the plan's last day it stays there.
    """

    def __init__(self, context: AssistantContext, today: date) -> None:
        self._context = context
        self._today = today
        self._start = context.roadmap.created_at.date()
        self._length = timedelta(days=context.roadmap.duration_weeks * DAYS_PER_WEEK)
        self._place = min(max(today - self._start, timedelta()), self._length - timedelta(1)).days
        """In days since the plan's first."""
        self._open = _open(context.tasks)
        self._tasks_a_day = Counter(map(_place, context.tasks))
        self._subjects = understand(context.roadmap.description).subjects

    def lines(self, question: str) -> list[str]:
        topics = [topic for subject in self._subjects for topic in subject.topics]
        asked = understand_question(question, topics)
        if not self._context.tasks:
            return ["This roadmap has no tasks yet."]
        if asked.intent in _REPLIES:
            return [_REPLIES[asked.intent]]
        if asked.topic:
            return self._explain(asked.topic)
        if asked.intent == "minutes" and asked.minutes:
            return self._fitting(asked.minutes)
        if asked.intent in _PERIODS:
            return self._period(asked)
        answers = {
            "missed": self._missed,
            "after": self._after,
            "finish": self._finish,
            "progress": self._progress,
        }
        return answers.get(asked.intent, self._next)()

    def _next(self) -> list[str]:
        scope = self._context.tasks_in_scope()
        if upcoming := _open(scope):
            return self._listed("Next:", upcoming)
        if self._open:
            heading = (
                "All of this is done. Next on the roadmap:" if scope else "Next on the roadmap:"
            )
            return self._listed(heading, self._open)
        return ["Every task of the roadmap is done. Well done!"]

    def _period(self, asked: Question) -> list[str]:
        """Return the open tasks of a week or a day, with the week's goal."""
        week, day = divmod(self._place + _PERIODS[asked.intent], DAYS_PER_WEEK)
        scope = self._context
        if asked.intent in ("week", "day"):
            week = (asked.week or scope.week_number or week + 1) - 1
            day = (asked.day or scope.day_number or day + 1) - 1
        is_day = "week" not in asked.intent
        name = f"week {week + 1}, day {day + 1}" if is_day else f"week {week + 1}"
        days = [week * DAYS_PER_WEEK + day] if is_day else range(week * 7, week * 7 + 7)
        tasks = [task for task in scope.tasks if _place(task) in days]
        if not tasks:
            return [f"There are no tasks in {name}.", *self._next()]
        goal = "" if is_day else f" {_cut(tasks[0].weekly_goal)}"
        return self._listed(f"{name.capitalize()}:{goal} Done: {_count(tasks)}", _open(tasks))

    def _fitting(self, minutes: int) -> list[str]:
        near, chosen, left = self._open[:_NEAR_TASKS], [], minutes
        for task in near:
            if self._minutes(task) <= left:
                chosen.append(task)
                left -= self._minutes(task)
        if chosen or not near:
            return (
                self._listed(f"This fits into {minutes} minutes:", chosen) if near else self._next()
            )
        shortest = min(near, key=self._minutes)
        return self._listed(
            "No task is that short. Begin the shortest, and stop in time:", [shortest]
        )

    def _explain(self, topic: Topic) -> list[str]:
        lines = [topic.explain, f"To read: {topic.read.rstrip('.')}."]
        planned = [task for task in self._open if longest_name(topic, phrase(task.task_text))]
        if planned:
            return lines + self._listed("In your plan:", planned[:2])
        return [*lines, f"To practise: {topic.practice[0]}"]

    def _missed(self) -> list[str]:
        missed = [task for task in self._open if _place(task) < self._place]
        if not missed:
            return ["You have missed nothing: every task before today is done.", *self._next()]
        hours = sum(map(self._minutes, missed)) / 60
        a_day = ceil(len(missed) / DAYS_PER_WEEK)
        tasks = f"{len(missed)} task{'s' if len(missed) > 1 else ''}"
        return self._listed(
            f"Open from before today: {tasks}, about {hours:.1f} hours. To catch up "
            f"within a week, do {a_day} of them a day besides today's:",
            missed,
        )

    def _progress(self) -> list[str]:
        week, day = self._context.week_number, self._context.day_number
        name = f"day {day}" if day else "the whole roadmap"
        if week:
            name = f"week {week}, {name}" if day else f"week {week}"
        elif day:
            name += " of every week"
        tasks = self._context.tasks_in_scope()
        done = f"Done in {name}: {_count(tasks)}" if tasks else f"There are no tasks in {name}."
        return [done, *self._next()]

    def _finish(self) -> list[str]:
        if not self._open:
            return self._next()
        planned = self._start + self._length - timedelta(1)
        days = [task.completed_at.date() for task in self._context.tasks if task.completed_at]
        if not days:
            if planned >= self._today:
                return [f"By the plan, on {_written(planned)}. You have done no task yet."]
            return [
                f"If you begin today, on {_written(self._today + self._length - timedelta(1))}."
            ]
        a_day = len(days) / max((self._today - min(days)).days + 1, 1)
        left = timedelta(ceil(len(self._open) / a_day))
        if left > _LONGEST_FORECAST:
            return ["At your pace so far it would take more than ten years."]
        return [
            f"On {_written(self._today + left)}, if you go on as you do: {a_day:.1f} tasks a day, "
            f"and {len(self._open)} are left.",
            f"By the plan it is {_written(planned)}.",
        ]

    def _after(self) -> list[str]:
        if not self._subjects:
            return [_ON_YOUR_OWN]
        subject, said = self._subjects[0], [phrase(task.task_text) for task in self._context.tasks]
        new = [t.name for t in subject.topics if not any(longest_name(t, words) for words in said)]
        project = subject.projects[-1]
        lines = [f"A project to go on with: {project.name}. It begins so: {project.milestones[0]}"]
        if new:
            lines = [
                f"Topics of {subject.subject} that this plan leaves out: {', '.join(new[:4])}.",
                *lines,
            ]
        return lines

    def _listed(self, heading: str, tasks: Sequence[Task]) -> list[str]:
        shown = tasks if len(tasks) <= _MOST_TASKS else tasks[: _MOST_TASKS - 1]
        lines = [
            f"- Week {task.week_number}, day {task.day_number} ({self._minutes(task)} min): "
            f"{_cut(task.task_text)}"
            for task in shown
        ]
        rest = [f"- and {len(tasks) - len(shown)} more."] if len(shown) < len(tasks) else []
        return [heading, *lines, *rest]

    def _minutes(self, task: Task) -> int:
        """Return a task's minutes; in rows of older code, its share of the day."""
        shared = self._context.roadmap.daily_hours * 60 / self._tasks_a_day[_place(task)]
        return getattr(task, "estimated_minutes", None) or round(shared)


def _open(tasks: Sequence[Task]) -> list[Task]:
    return [task for task in tasks if not task.completed]


def _place(task: Task) -> int:
    """Return a task's day, counted from the plan's first, which is 0."""
    return (task.week_number - 1) * DAYS_PER_WEEK + task.day_number - 1


def _count(tasks: Sequence[Task]) -> str:
    done = sum(task.completed for task in tasks)
    # Rounded down, so that 100 always means that everything is done.
    return f"{done} of {len(tasks)} tasks ({done * 100 // len(tasks)} %)."


def _written(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT_LENGTH else f"{text[: MAX_TEXT_LENGTH - 1].rstrip()}…"
