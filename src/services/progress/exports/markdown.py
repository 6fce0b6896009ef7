"""A roadmap as a list with check boxes."""

from collections.abc import Iterable
from itertools import groupby

from src.services.progress.exports import ExportedTask


def to_markdown(name: str, tasks: Iterable[ExportedTask]) -> bytes:
    """Return a heading for each week and day, and a check box for each task, in UTF-8.

    Texts stand as they were written: most of their signs mean in Markdown what they mean in them.
    """
    lines = [f"# {' '.join(name.split())}"]
    for (week, goal), in_week in groupby(tasks, lambda task: (task.week_number, task.weekly_goal)):
        lines += ["", f"## Week {week}: {goal}"]
        for day, in_day in groupby(in_week, lambda task: task.day_number):
            first, *others = in_day
            lines += ["", f"### Day {day}, {first.due:%Y-%m-%d}", ""]
            lines += [_line(task) for task in (first, *others)]
    return ("\n".join(lines) + "\n").encode()


def _line(task: ExportedTask) -> str:
    box = "[x]" if task.completed_at else "[ ]"
    minutes = f" ({task.minutes} min)" if task.minutes else ""
    return f"- {box} {task.text}{minutes}"
