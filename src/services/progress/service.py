"""Progress: of one roadmap, of all, and in pictures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from src.dao import Schedules
from src.domain.progress import ProgressFacts, TaskGroup
from src.domain.schedule import ONE_DAY
from src.services.progress.charts import Theme, View, burnup_chart, weeks_chart, year_chart
from src.services.progress.computing import Computing
from src.services.progress.dashboard import (
    Dashboard,
    due_groups,
    overall_streaks,
    tasks_for_today,
)
from src.services.progress.days import Reader
from src.services.progress.figures import ProgressReport, ProgressSummary
from src.services.progress.streaks import Streaks
from src.services.progress.summary import done_work, summarize
from src.services.progress.timeline import timeline

ALL_ROADMAPS = "All roadmaps"
"""The title of the picture that shows everything."""


class ProgressService:
    """Answers where a learner is. Another user's roadmap raises `RoadmapNotFoundError`.

    Every method can raise `ProgressOverloadedError`, and the errors of a store.
    """

    def __init__(self, schedules: Schedules, computing: Computing) -> None:
        self._schedules = schedules
        self._computing = computing

    async def get_report(self, user_id: UUID, roadmap_id: int, reader: Reader) -> ProgressReport:
        """Return a roadmap's progress."""
        (facts,) = await self._schedules.list_facts(user_id, roadmap_id)
        return await self._computing.run(_report, facts, reader)

    async def get_dashboard(self, user_id: UUID, reader: Reader) -> Dashboard:
        """Return all of a learner's roadmaps, and what is to be done today."""
        all_facts = await self._schedules.list_facts(user_id)
        overview = await self._computing.run(_overview, all_facts, reader)
        open_tasks = {}
        if overview.due:
            open_tasks = await self._schedules.list_open_tasks(user_id, overview.due)
        today = [
            task
            for facts in all_facts
            for task in tasks_for_today(facts, open_tasks.get(facts.roadmap.roadmap_id, ()), reader)
        ]
        # Sorting is stable, and keeps the plan's order within a roadmap.
        today.sort(key=lambda task: (task.due_date or date.max, task.roadmap_id))
        return Dashboard(reader.today, overview.streaks, tuple(today), overview.roadmaps)

    async def draw(
        self, user_id: UUID, roadmap_id: int, reader: Reader, view: View, theme: Theme
    ) -> str:
        """Return a picture of one roadmap's progress as SVG."""
        (facts,) = await self._schedules.list_facts(user_id, roadmap_id)
        return await self._computing.run(_draw, facts, reader, view, theme)

    async def draw_everything(self, user_id: UUID, reader: Reader, theme: Theme) -> str:
        """Return a picture of what a learner has completed in a year, as SVG."""
        all_facts = await self._schedules.list_facts(user_id)
        return await self._computing.run(_draw_year, ALL_ROADMAPS, all_facts, reader, theme)


@dataclass(frozen=True, slots=True)
class _Overview:
    streaks: Streaks
    roadmaps: tuple[tuple[int, ProgressSummary], ...]
    due: Mapping[int, Sequence[TaskGroup]]
    """What the tasks for today are chosen from, by roadmap."""


# These run in a thread, and those that need pandas import it there.


def _report(facts: ProgressFacts, reader: Reader) -> ProgressReport:
    from src.services.progress.report import report  # noqa: PLC0415

    return report(facts, reader)


def _overview(all_facts: Sequence[ProgressFacts], reader: Reader) -> _Overview:
    ids = [facts.roadmap.roadmap_id for facts in all_facts]
    plans = [timeline(facts, reader) for facts in all_facts]
    due = {
        roadmap_id: due_groups(facts, plan)
        for roadmap_id, facts, plan in zip(ids, all_facts, plans, strict=True)
    }
    return _Overview(
        overall_streaks(all_facts, reader),
        tuple(
            (roadmap_id, summarize(facts, plan, done_work(facts, reader), reader))
            for roadmap_id, facts, plan in zip(ids, all_facts, plans, strict=True)
        ),
        {roadmap_id: groups for roadmap_id, groups in due.items() if groups},
    )


def _draw(facts: ProgressFacts, reader: Reader, view: View, theme: Theme) -> str:
    title = " ".join(facts.roadmap.description.split())
    if view == "year":
        return _draw_year(title, [facts], reader, theme)
    from src.services.progress.report import by_day, report  # noqa: PLC0415

    if view == "weeks":
        weeks = report(facts, reader).weeks.items()
        totals = [(number, week.total_tasks, week.completed_tasks) for number, week in weeks]
        return weeks_chart(title, totals, theme)
    planned: Counter[date] = Counter()
    work = timeline(facts, reader).work
    for due, tasks in zip(work.due, work.tasks, strict=True):
        planned[reader.today + due * ONE_DAY] += tasks
    done = {day.date: day.tasks for day in by_day(done_work(facts, reader))}
    return burnup_chart(title, planned, done, reader.today, theme)


def _draw_year(title: str, all_facts: Sequence[ProgressFacts], reader: Reader, theme: Theme) -> str:
    from src.services.progress.report import by_day  # noqa: PLC0415

    work = [each for facts in all_facts for each in done_work(facts, reader)]
    done = {day.date: day.tasks for day in by_day(work)}
    return year_chart(title, done, reader.today, theme)
