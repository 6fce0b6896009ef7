"""The production worker."""

from typing import Any

from uvicorn_worker import UvicornWorker


class Worker(UvicornWorker):
    """Ends open connections before Gunicorn's own patience ends, so that the lifespan always runs.

    Gunicorn kills a worker after `graceful_timeout` (25 s, see gunicorn.conf.py).
    """

    CONFIG_KWARGS: dict[str, Any] = {  # noqa: RUF012  as the base class declares it
        **UvicornWorker.CONFIG_KWARGS,
        "timeout_graceful_shutdown": 20,
        "server_header": False,
        "access_log": False,  # src.request_context logs each request without personal data
    }
