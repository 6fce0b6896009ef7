"""Routes that share a path and are chosen by the request's `Accept` or `Prefer` header."""

import re
from typing import ClassVar

from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import Scope

from src.web.json_bodies import StrictJSONRoute

_ZERO_WEIGHT = re.compile(r"q=0(?:\.0{0,3})?")


def is_zero_weight(parameter: str) -> bool:
    """Return whether what is listed with it is not acceptable (RFC 9110, section 12.4.2)."""
    return _ZERO_WEIGHT.fullmatch(parameter) is not None


class _NegotiatedRoute(StrictJSONRoute):
    """Matches only requests with its preference; others fall through to the path's next route."""

    header: ClassVar[str]
    preference: ClassVar[str]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as usual if the header lists the preference."""
        is_requested = any(
            self._is_preference(item)
            for value in Headers(scope=scope).getlist(self.header)
            for item in value.split(",")
        )
        return super().matches(scope) if is_requested else (Match.NONE, {})

    def _is_preference(self, item: str) -> bool:
        value, *parameters = (part.strip().lower() for part in item.split(";"))
        is_excluded = any(map(is_zero_weight, parameters))
        return value == self.preference and not is_excluded


class EventStreamRoute(_NegotiatedRoute):
    """Serves clients that accept server-sent events."""

    header = "accept"
    preference = "text/event-stream"


class RespondAsyncRoute(_NegotiatedRoute):
    """Serves clients that do not want to wait (RFC 7240)."""

    header = "prefer"
    preference = "respond-async"
