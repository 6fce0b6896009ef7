"""An HTTP server on loopback, in threads of its own."""

import ssl
import threading
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class ThreadedServer:
    """Serves while it is entered with `with`.

    `handler` makes a handler of this server and of what the library passes to each.
    """

    def __init__(
        self, handler: Callable[..., BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None
    ) -> None:
        self.open = threading.Event()
        """While cleared, requests hang."""
        self.open.set()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, self))
        if tls:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.open.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(10)
