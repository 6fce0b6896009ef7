"""A learner's progress with a roadmap, with its lists.

pandas takes half a second to import and 30 MB of memory, so this module is imported, in a thread,
when somebody first asks for lists or pictures.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import TypeVar

import pandas as pd

from src.domain.progress import ProgressFacts, TaskGroups
from src.services.progress.days import Reader
from src.services.progress.figures import DayOfWork, ProgressReport, Totals
from src.services.progress.summary import done_work, summable, summarize
from src.services.progress.timeline import timeline

K = TypeVar("K", int, str)


def by_day(done: Sequence[DayOfWork]) -> tuple[DayOfWork, ...]:
    """Return what was completed on each day that has something, by day."""
    days = pd.DataFrame(done, columns=DayOfWork._fields).groupby("date").sum()
    return tuple(
        DayOfWork(day, int(tasks), float(minutes)) for day, tasks, minutes in days.itertuples()
    )


def report(facts: ProgressFacts, reader: Reader) -> ProgressReport:
    """Return a roadmap's progress with its lists."""
    done = done_work(facts, reader)
    return ProgressReport(
        summary=summarize(facts, timeline(facts, reader), done, reader),
        weeks=_totals_by(facts.groups.week_number, facts.groups),
        by_category=_totals_by(facts.groups.category, facts.groups),
        by_effort=_totals_by(facts.groups.effort, facts.groups),
        completions=by_day(done),
    )


def _totals_by(keys: Sequence[K], groups: TaskGroups) -> dict[K, Totals]:
    """Return the totals of what has the same key, by key; faster than a data frame for so few."""
    columns = []
    for values in summable(groups):
        sums: defaultdict[K, float] = defaultdict(int)
        for key, value in zip(keys, values, strict=True):
            sums[key] += value
        columns.append(sums)
    return {key: Totals(*(round(sums[key]) for sums in columns)) for key in sorted(columns[0])}
