"""Routes of one path that answer in different ways, chosen by what a request prefers."""

from typing import ClassVar

from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import Scope

from src.web.json_bodies import StrictJSONRoute


class _NegotiatedRoute(StrictJSONRoute):
    """Serves only those who ask for its way to answer; others find the next route of its path."""

    header: ClassVar[str]
    preference: ClassVar[str]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as usual, where a header names the preference."""
        wanted = (
            item.partition(";")[0].strip().lower()
            for value in Headers(scope=scope).getlist(self.header)
            for item in value.split(",")
        )
        return super().matches(scope) if self.preference in wanted else (Match.NONE, {})


class EventStreamRoute(_NegotiatedRoute):
    """Serves those who accept server-sent events."""

    header = "accept"
    preference = "text/event-stream"


class RespondAsyncRoute(_NegotiatedRoute):
    """Serves those who do not want to wait (RFC 7240)."""

    header = "prefer"
    preference = "respond-async"
