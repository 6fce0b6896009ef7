"""Logs one line for each request."""

import logging

from fastapi.routing import iter_route_contexts
from starlette.routing import Match
from starlette.types import Scope

logger = logging.getLogger(__name__)

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}


def log_request(scope: Scope, status: int, seconds: float) -> None:
    """Log how a request ended; `status` is 0 if no response was started.

    In JSON the line has the `fields` as members of their own.
    """
    method = scope["method"] if scope["method"] in _METHODS else "OTHER"
    route = _route_template(scope)
    fields = {"method": method, "route": route, "status": status}
    logger.info(
        "%s %s %d in %.0f ms", method, route, status, seconds * 1000, extra={"fields": fields}
    )


def _route_template(scope: Scope) -> str:
    """Return the route's template, since paths and queries can identify people."""
    if "route" in scope:
        return str(scope["route"].path)
    if "endpoint" in scope:
        # Starlette's own routes have no template: mounts have a prefix, the others are literal.
        return str(scope.get("root_path") or scope["path"])
    # A middleware may have refused it before routing: find the route that it would have matched.
    for route in iter_route_contexts(scope["app"].routes):
        if route.original_route.matches(scope)[0] is not Match.NONE:
            return str(route.path)
    return "unmatched"
