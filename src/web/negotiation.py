"""Routes that share a path and are chosen by the request's `Accept` or `Prefer` header."""

from typing import ClassVar

from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import Scope

from src.web.json_bodies import StrictJSONRoute


class _NegotiatedRoute(StrictJSONRoute):
    """Matches only requests with its preference; others fall through to the path's next route."""

    header: ClassVar[str]
    preference: ClassVar[str]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as usual if the header lists the preference."""
        requested = (
            item.partition(";")[0].strip().lower()
            for value in Headers(scope=scope).getlist(self.header)
            for item in value.split(",")
        )
        return super().matches(scope) if self.preference in requested else (Match.NONE, {})


class EventStreamRoute(_NegotiatedRoute):
    """Serves clients that accept server-sent events."""

    header = "accept"
    preference = "text/event-stream"


class RespondAsyncRoute(_NegotiatedRoute):
    """Serves clients that do not want to wait (RFC 7240)."""

    header = "prefer"
    preference = "respond-async"
