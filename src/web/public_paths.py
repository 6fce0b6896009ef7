"""Which paths need no access token."""

_PATHS = {"/health", "/health/ready", "/openapi.json", "/docs", "/redoc"}
_DOCS_ASSETS = "/static-offline-docs/"


def is_public(path: str) -> bool:
    """Return whether a path holds no personal data: health and the docs."""
    return path in _PATHS or path.startswith(_DOCS_ASSETS)
