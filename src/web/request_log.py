"""Logs one line for each request."""

import logging

from fastapi.routing import iter_route_contexts
from starlette.routing import Match
from starlette.types import Scope

from src.telemetry import Spending

logger = logging.getLogger(__name__)

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}


def log_request(scope: Scope, status: int, seconds: float, spending: Spending) -> None:
    """Log how a request ended; `status` is 0 if no response was started.

    In JSON the line has the `fields` as members of their own; times are in milliseconds.
    """
    if not logger.isEnabledFor(logging.INFO):
        return
    method = scope["method"] if scope["method"] in _METHODS else "OTHER"
    route = _route_template(scope)
    fields = {
        "method": method,
        "route": route,
        "status": status,
        "duration_ms": round(seconds * 1000),
        "database_ms": round(spending.seconds["database"] * 1000),
        "database_calls": spending.calls["database"],
        "model_ms": round(spending.seconds["model"] * 1000),
        "model_calls": spending.calls["model"],
    }
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


def server_timing(seconds: float, spending: Spending) -> str:
    """Return the value of `Server-Timing`, in milliseconds, which browsers show for a request.

    It says how long the response took to begin, and what of that went to the database and the
    model.
    """
    parts = [f"total;dur={seconds * 1000:.1f}"]
    for name, calls in spending.calls.items():
        if calls:
            parts.append(f'{name};dur={spending.seconds[name] * 1000:.1f};desc="{calls} calls"')
    return ", ".join(parts)
