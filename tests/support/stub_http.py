"""An HTTP server in a thread whose answers a test states by path."""

import json
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.support.threaded_http import ThreadedServer


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


class StubServer(ThreadedServer):
    """Answers 404 wherever `answers` has nothing for the path. Enter it with `with`."""

    def __init__(self, answers: dict[str, StubAnswer], tls: ssl.SSLContext | None = None) -> None:
        super().__init__(_Handler, tls)
        self.answers = answers
        self.otherwise = StubAnswer(404, {})


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
