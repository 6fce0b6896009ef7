"""The interface of what stores know of progress and of dates."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol
from uuid import UUID

from src.domain.progress import ProgressFacts, RoadmapTotals, TaskGroup
from src.domain.roadmap import Task
from src.domain.schedule import CalendarFeed, DatedPlan, NewDates


class Schedules(Protocol):
    """Progress, and the dates of tasks; each method is one atomic step.

    Every method acts for a user. Unless it says otherwise, the id of another user's roadmap or
    task raises `RoadmapNotFoundError` or `TaskNotFoundError`, as if there were none. Every method
    can also raise the errors listed at `Store`.
    """

    async def list_totals(self, user_id: UUID) -> list[RoadmapTotals]:
        """Return the user's roadmaps with their numbers of tasks, newest first."""

    async def list_facts(self, user_id: UUID, roadmap_id: int | None = None) -> list[ProgressFacts]:
        """Return what progress is computed from, of all the user's roadmaps or of one.

        Newest roadmap first; groups by week and day, completions by time. Completions of one
        quarter of an hour (by the clock of UTC) in one zone are one, at its beginning: no zone's
        day begins within a quarter. Of all roadmaps, the groups distinguish neither effort nor
        category, which are empty then: they would be nearly as many as the tasks.
        """

    async def list_open_tasks(
        self, user_id: UUID, groups: Mapping[int, Sequence[TaskGroup]]
    ) -> dict[int, list[Task]]:
        """Return the open tasks of some groups, by roadmap id, in the plan's order.

        A group stands for all tasks of its day of the plan that have its due date. A roadmap that
        the user does not have, or not any more, is left out: this follows a read of the groups.
        """

    async def get_plan(self, user_id: UUID, roadmap_id: int) -> DatedPlan:
        """Return a roadmap's tasks with their dates."""

    async def get_plan_of_task(self, user_id: UUID, task_id: str) -> DatedPlan:
        """Return the plan to which a task belongs."""

    async def set_dates(self, user_id: UUID, roadmap_id: int, new: NewDates) -> int:
        """Store dates and settings, keep the ones before for `undo`, and return the new version.

        A repetition whose `applied.request` is that of the last schedule changes nothing and
        returns its version, since the first answer may have been lost.

        Raises:
            ScheduleChangedError: the plan has another version than the one it is based on.
        """

    async def undo(self, user_id: UUID, roadmap_id: int) -> int:
        """Restore the dates and settings from before the last `set_dates`; return the new version.

        What was completed since stays completed.

        Raises:
            NothingToUndoError: nothing was set, or something has changed a date since.
        """

    async def move_task(self, user_id: UUID, task_id: str, due_date: date | None) -> Task:
        """Move one task by hand, or let go of it with None; return it.

        A task that is moved by hand keeps its date in later schedules. Moving it to where it was
        moved before changes nothing.
        """

    async def create_feed(self, feed: CalendarFeed, token_hash: str) -> None:
        """Store a feed's secret as a hash. It replaces the roadmap's earlier feed."""

    async def delete_feed(self, user_id: UUID, roadmap_id: int) -> None:
        """Revoke a roadmap's feed, if it has one."""

    async def poll_feed(self, token_hash: str) -> CalendarFeed:
        """Count a poll and return the feed.

        Raises:
            CalendarFeedNotFoundError: no feed has this secret.
            CalendarPolledTooOftenError: more than `FEED_POLLS_PER_HOUR` times within an hour.
        """
