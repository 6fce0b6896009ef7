"""The assistant that works without a model: it answers from the roadmap itself."""

import re
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from itertools import groupby

from src.domain.plan import ModelUsage
from src.domain.roadmap import AssistantAnswer, Task
from src.llm import AssistantContext

MAX_ANSWER_LENGTH = 4_000

_MOST_NEXT = 5
_MOST_MATCHES = 5
_MOST_WEEKS = 12
_MOST_DAY_TASKS = 10
_LONGEST_TEXT = 160
_LONGEST_GOAL = 120

_OFFLINE_NOTE = (
    "This answer comes from the roadmap alone: the assistant is offline. With OPENAI_API_KEY set, "
    "a language model answers questions in full."
)
_ABOUT_PROGRESS = re.compile(
    r"\b(progress|done|complete[d]?|finish(?:ed)?|how far|percent|how many|so far)\b|%",
    re.IGNORECASE,
)
_ABOUT_NEXT = re.compile(
    r"\b(next|today|tomorrow|now|start|begin|continue|should i do|first)\b", re.IGNORECASE
)
_WORD = re.compile(r"\w+")
_SHORTEST_KEYWORD = 4
_COMMON_WORDS = frozenset(
    {
        *("about", "after", "again", "also", "been", "before", "could", "does", "each", "from"),
        *("give", "have", "help", "here", "into", "just", "know", "learn", "like", "make", "many"),
        *("more", "most", "much", "need", "only", "other", "plan", "please", "roadmap", "should"),
        *("some", "task", "tasks", "tell", "than", "that", "their", "them", "then", "there"),
        *("these", "they", "this", "those", "time", "today", "tomorrow", "want", "week", "weeks"),
        *("well", "were", "what", "when", "where", "which", "will", "with", "work", "would"),
        *("your", "next", "done", "days", "progress", "write", "read", "find"),
    }
)
"""Words that say nothing about which task is meant."""


class OfflineAssistant:
    """Says what a scope contains, what is done in it and what comes next; deterministic."""

    async def answer(
        self,
        question: str,
        context: AssistantContext,
        report: Callable[[ModelUsage], None],  # noqa: ARG002  no model is asked
    ) -> AsyncGenerator[str | AssistantAnswer, None]:
        """Tell the roadmap's facts that suit the question, as plain text, never empty."""
        sections = [section for section in _sections(question, context) if section]
        # The note must survive whatever has to be cut.
        body = _cut("\n\n".join(sections), MAX_ANSWER_LENGTH - len(_OFFLINE_NOTE) - 2)
        text = f"{body}\n\n{_OFFLINE_NOTE}"
        yield text
        yield AssistantAnswer(response=text)

    async def close(self) -> None:
        """Do nothing: there are no connections."""


def _sections(question: str, context: AssistantContext) -> list[str]:
    scope = _scope_name(context)
    tasks = context.tasks_in_scope()
    if not context.tasks:
        return ["This roadmap has no tasks yet."]
    if not tasks:
        return [f"There are no tasks in {scope}.", _what_is_next([], context)]
    progress, upcoming = _progress(tasks, scope), _what_is_next(tasks, context)
    contents, matches = _contents(tasks, context), _matches(question, tasks)
    if _ABOUT_NEXT.search(question):
        return [upcoming, matches, progress, contents]
    if _ABOUT_PROGRESS.search(question):
        return [progress, upcoming, contents]
    return [matches, progress, upcoming, contents]


def _scope_name(context: AssistantContext) -> str:
    match context.week_number, context.day_number:
        case None, None:
            return "the whole roadmap"
        case week, None:
            return f"week {week}"
        case None, day:
            return f"day {day} of every week"
        case week, day:
            return f"week {week}, day {day}"


def _progress(tasks: Sequence[Task], scope: str) -> str:
    done = sum(task.completed for task in tasks)
    return f"Done in {scope}: {done} of {len(tasks)} tasks ({_percent(done, len(tasks))} %)."


def _percent(done: int, total: int) -> int:
    # Rounded down, so that 100 always means that everything is done.
    return done * 100 // total


def _what_is_next(tasks: Sequence[Task], context: AssistantContext) -> str:
    if open_tasks := [task for task in tasks if not task.completed]:
        return _task_list("Next:", open_tasks, _MOST_NEXT)
    if beyond := [task for task in context.tasks if not task.completed]:
        heading = "All of this is done. Next on the roadmap:" if tasks else "Next on the roadmap:"
        return _task_list(heading, beyond, _MOST_NEXT)
    return "Every task of the roadmap is done. Well done!"


def _matches(question: str, tasks: Sequence[Task]) -> str:
    wanted = _keywords(question)
    scored = [(len(wanted & _keywords(task.task_text)), task) for task in tasks]
    best = max(score for score, _ in scored)
    matching = [task for score, task in scored if score == best]
    # What is said of most tasks, such as the subject's name, singles out none of them.
    is_vague = len(matching) > max(_MOST_MATCHES, len(tasks) // 4)
    if best == 0 or is_vague:
        return ""
    return _task_list("Tasks that touch on your question:", matching, _MOST_MATCHES)


def _keywords(text: str) -> set[str]:
    words = _WORD.findall(text.casefold())
    # A word of another script than ASCII says much in few characters.
    return {
        word
        for word in words
        if (len(word) >= _SHORTEST_KEYWORD or not word.isascii()) and word not in _COMMON_WORDS
    }


def _contents(tasks: Sequence[Task], context: AssistantContext) -> str:
    if context.week_number is None:
        return _by_week(tasks)
    goal = f"Week {context.week_number}: {_cut(tasks[0].weekly_goal, _LONGEST_TEXT)}"
    if context.day_number is None:
        return f"{goal}\n{_by_day(tasks)}"
    return _task_list(goal, tasks, _MOST_DAY_TASKS)


def _by_week(tasks: Sequence[Task]) -> str:
    weeks = [(n, list(group)) for n, group in groupby(tasks, key=lambda task: task.week_number)]
    lines = [
        f"- Week {number}: {_cut(group[0].weekly_goal, _LONGEST_GOAL)} ({_count(group)})"
        for number, group in _around_first_open(weeks)
    ]
    if len(lines) < len(weeks):
        lines.append(f"- {len(weeks) - len(lines)} more weeks are not shown here.")
    return _joined("Week by week:", lines)


def _around_first_open(weeks: list[tuple[int, list[Task]]]) -> list[tuple[int, list[Task]]]:
    """Return as many weeks as are shown, from the one in which the learner is."""
    is_open = [not all(task.completed for task in group) for _, group in weeks]
    current = is_open.index(True) if True in is_open else 0
    start = max(0, min(current - 1, len(weeks) - _MOST_WEEKS))
    return weeks[start : start + _MOST_WEEKS]


def _by_day(tasks: Sequence[Task]) -> str:
    lines = []
    for day, group in groupby(tasks, key=lambda task: task.day_number):
        of_day = list(group)
        lines.append(f"- Day {day} ({_count(of_day)}): {_cut(of_day[0].task_text, _LONGEST_TEXT)}")
    return "\n".join(lines)


def _count(tasks: Sequence[Task]) -> str:
    return f"{sum(task.completed for task in tasks)} of {len(tasks)} done"


def _task_list(heading: str, tasks: Sequence[Task], most: int) -> str:
    lines = [
        f"- Week {task.week_number}, day {task.day_number}: {_cut(task.task_text, _LONGEST_TEXT)}"
        + (" (done)" if task.completed else "")
        for task in tasks[:most]
    ]
    if len(tasks) > most:
        lines.append(f"- and {len(tasks) - most} more.")
    return _joined(heading, lines)


def _joined(heading: str, lines: Iterable[str]) -> str:
    return "\n".join([heading, *lines])


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    return text[: longest - 1].rstrip() + "…"
