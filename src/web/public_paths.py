"""Which paths need no access token."""

_PATHS = {"/health", "/openapi.json", "/docs", "/redoc"}
_DOCS_ASSETS = "/static-offline-docs/"


def is_public(path: str) -> bool:
    """Return whether an address has nothing personal, whoever asks: liveness and the docs."""
    return path in _PATHS or path.startswith(_DOCS_ASSETS)
