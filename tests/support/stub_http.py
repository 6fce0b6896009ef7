"""An HTTP server in a thread whose answers a test states by path."""

import json
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class StubAnswer:
    """One answer; a body that is no text is sent as JSON. `Date` in `headers` replaces our own."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0
    """In seconds, before the last byte."""

    def content(self) -> bytes:
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return text.encode()


class StubServer:
    """Answers 404 wherever `answers` has nothing for the path. Enter it with `with`."""

    def __init__(self, answers: dict[str, StubAnswer], tls: ssl.SSLContext | None = None) -> None:
        self.answers = answers
        self.otherwise = StubAnswer(404, {})
        self.open = threading.Event()
        """While cleared, requests hang."""
        self.open.set()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
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


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, server: StubServer, *args: Any) -> None:  # noqa: ANN401  as the base
        self._stub = server
        super().__init__(*args)

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self._answer()

    def _answer(self) -> None:
        self._stub.open.wait()
        answer = self._stub.answers.get(self.path, self._stub.otherwise)
        content = answer.content()
        kind = "text/html" if isinstance(answer.body, str) else "application/json"
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Date": self.date_time_string(),
        }
        self.send_response_only(answer.status)
        for name, value in (headers | answer.headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[:-1])
        time.sleep(answer.pause)
        with suppress(OSError):  # the client need not wait
            self.wfile.write(content[-1:])

    def log_message(self, *_args: object) -> None:
        """Stay silent."""
