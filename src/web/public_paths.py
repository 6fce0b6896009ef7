"""Which paths need no access token."""

_PATHS = {"/health", "/health/ready", "/openapi.json", "/docs", "/redoc"}
_DOCS_ASSETS = "/static-offline-docs/"
_CALENDARS = "/calendar/"


def is_public(path: str) -> bool:
    """Return whether a path holds no personal data: health and the docs."""
    return path in _PATHS or path.startswith(_DOCS_ASSETS)


def needs_no_token(path: str) -> bool:
    """Return whether a path is served without an access token.

    A calendar's path holds a secret of its own: programs that subscribe to it send no token.
    """
    return is_public(path) or path.startswith(_CALENDARS)
