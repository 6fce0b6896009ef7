"""Calendars at secret addresses, which other programs subscribe to."""

import hashlib
import secrets
from datetime import UTC, datetime
from uuid import UUID

from src.dao import Schedules
from src.domain.schedule import CalendarFeed
from src.services.progress.days import Reader, stored_zone, zone_of
from src.services.progress.exports.service import ExportService

TOKEN_BYTES = 32
"""256 random bits: nobody guesses them, so that a plain hash of them is enough."""


class CalendarFeeds:
    """Creates, serves and revokes feeds. Every method can raise the errors of a store."""

    def __init__(self, schedules: Schedules, exports: ExportService) -> None:
        self._schedules = schedules
        self._exports = exports

    async def create(self, feed: CalendarFeed) -> str:
        """Return the secret of a new feed, which replaces the roadmap's earlier one.

        Only its hash is stored: nobody can read it again.

        Raises:
            RoadmapNotFoundError: the user has no such roadmap.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        await self._schedules.create_feed(feed, _hash(token))
        return token

    async def revoke(self, user_id: UUID, roadmap_id: int) -> None:
        """Let a roadmap's feed answer nobody any more.

        Raises:
            RoadmapNotFoundError: the user has no such roadmap.
        """
        await self._schedules.delete_feed(user_id, roadmap_id)

    async def read(self, token: str) -> bytes:
        """Return the calendar of the feed with this secret.

        Raises:
            CalendarFeedNotFoundError: no feed has this secret.
            CalendarPolledTooOftenError: it was read too often.
            ProgressOverloadedError: too much is being computed.
        """
        feed = await self._schedules.poll_feed(_hash(token))
        zone = stored_zone(feed.time_zone, zone_of("UTC"))
        reader = Reader(datetime.now(UTC), zone, feed.rollover)
        return await self._exports.export(
            feed.user_id, feed.roadmap_id, reader, "ics", feed.alarm_hour
        )


def _hash(token: str) -> str:
    # What no header can hold is no token, and has a hash all the same.
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
