"""The interface of reads whose answers go to clients as the database writes them."""

from typing import Protocol
from uuid import UUID


class Documents(Protocol):
    """Reads that return JSON in UTF-8, in the form of the API's answers.

    The database writes it, and nothing parses it on its way. Every method can raise what the
    methods of `Store` raise.
    """

    async def list_roadmaps(self, user_id: UUID) -> bytes:
        """Return a `list[Roadmap]`, newest first; empty for an unknown user."""

    async def list_tasks(self, roadmap_id: int, user_id: UUID | None = None) -> bytes:
        """Return an object whose `tasks` are all tasks, ordered by week, day and position."""

    async def list_weeks(self, roadmap_id: int, user_id: UUID | None = None) -> bytes:
        """Return a `list[WeekProgress]` of every week that has tasks, ordered by week number."""

    async def get_week(
        self, roadmap_id: int, week_number: int, user_id: UUID | None = None
    ) -> bytes:
        """Return a `WeekDetail`.

        Raises:
            WeekNotFoundError: the roadmap has no such week.
        """
