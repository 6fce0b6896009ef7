"""Requests to the servers that the service needs, and in plain words why one has failed."""

import asyncio
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

import httpx

from src.doctor.findings import Finding, wrong

WAIT_SECONDS = 10.0
"""How long the doctor waits for one answer."""

MAX_BODY_BYTES = 1_000_000


class UnreachableError(Exception):
    """A server cannot be reached; says what happened and what to do."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend

    def finding(self, subject: str) -> Finding:
        """Return this as a finding about a variable."""
        return wrong(subject, self.what, self.mend)


@dataclass(frozen=True)
class Reply:
    """What a server has answered."""

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def text(self) -> str:
        """The body as text, whatever its encoding."""
        return self.body.decode(errors="replace")

    @property
    def is_page(self) -> bool:
        """Whether the body is a page for people."""
        kind = self.headers.get("content-type", "")
        return "html" in kind or self.text.lstrip()[:1] == "<"

    def json(self) -> Any:  # noqa: ANN401  any JSON
        """Return the body's value, or None if it is no JSON."""
        try:
            return httpx.Response(self.status, content=self.body).json()
        except ValueError:
            return None


class Network:
    """Sends requests as the service does: through the proxies that the environment names."""

    def __init__(self) -> None:
        self.clock_offsets: dict[str, float] = {}
        """By how many seconds each server's clock is ahead of ours, as far as one can tell."""

    async def fetch(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: object = None,
    ) -> Reply:
        """Send a request and return the answer, whatever its status.

        Raises:
            UnreachableError: there was no answer within `WAIT_SECONDS`.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await _resolve(url)
                return await self._send(method, url, headers or {}, json)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise _explain(error, url) from None

    async def _send(self, method: str, url: str, headers: Mapping[str, str], json: object) -> Reply:
        sent_at = time.time()
        body = b""
        async with (
            httpx.AsyncClient(timeout=WAIT_SECONDS) as client,
            client.stream(method, url, headers=dict(headers), json=json) as response,
        ):
            self._note_clock(url, response.headers, sent_at)
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > MAX_BODY_BYTES:
                    break
        if response.status_code == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            raise httpx.ProxyError("407")
        return Reply(response.status_code, response.headers, body)

    def _note_clock(self, url: str, headers: httpx.Headers, sent_at: float) -> None:
        """Keep the least difference that explains an answer's `Date`, which has whole seconds."""
        try:
            date = parsedate_to_datetime(headers["date"]).timestamp()
            date += float(headers.get("age", 0))  # a cache has kept the answer for so long
        except (KeyError, ValueError):
            return
        ahead, behind = date - time.time(), date + 1 - sent_at
        offset = ahead if ahead > 0 else min(behind, 0.0)
        self.clock_offsets[urlsplit(url).hostname or ""] = offset


def proxy_variable(url: str) -> str | None:
    """Return the name of the variable whose proxy requests to this URL take; None without one."""
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return None
    names = (f"{parts.scheme}_proxy", "all_proxy")
    variables = [variable for name in names for variable in (name, name.upper())]
    return next((name for name in variables if os.environ.get(name, "").strip()), None)


async def _resolve(url: str) -> None:
    """Raise `socket.gaierror` if the host has no address; a proxy looks that up by itself.

    In a thread of its own: the loop's own threads would keep the doctor from ending while a
    resolver hangs.
    """
    if proxy_variable(url):
        return
    loop = asyncio.get_running_loop()
    resolved: asyncio.Future[None] = loop.create_future()

    def finish(error: Exception | None) -> None:
        if resolved.done():
            return
        if error:
            resolved.set_exception(error)
        else:
            resolved.set_result(None)

    def look_up() -> None:
        error: Exception | None = None
        try:
            socket.getaddrinfo(urlsplit(url).hostname, None)
        except (OSError, UnicodeError) as caught:
            error = caught
        if not loop.is_closed():
            loop.call_soon_threadsafe(finish, error)

    threading.Thread(target=look_up, daemon=True).start()
    await resolved


def _explain(error: Exception, url: str) -> UnreachableError:
    """Return why a request has failed, and the mend."""
    host = urlsplit(url).netloc.rpartition("@")[2]
    causes = list(_causes(error))
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if tls is not None:
        return _explain_tls(tls, host)
    if proxy := proxy_variable(url):
        if isinstance(error, httpx.ProxyError):
            return UnreachableError(
                f"the proxy in {proxy} refuses to connect to {host}",
                f"Correct {proxy}, with name and password if the proxy wants them, or unset it.",
            )
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return UnreachableError(
                f"the proxy in {proxy} cannot be reached", f"Correct {proxy}, or unset it."
            )
    return _explain_connection(error, causes, host)


def _explain_connection(
    error: Exception, causes: Sequence[BaseException], host: str
) -> UnreachableError:
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return UnreachableError(
            f"no server has the name {host} (DNS)",
            "Compare it letter by letter; a project that was deleted has no name any more.",
        )
    if any(isinstance(cause, TimeoutError | httpx.TimeoutException) for cause in causes):
        return UnreachableError(
            f"{host} does not answer within {WAIT_SECONDS:.0f} s",
            "See whether a firewall lets this machine out, and whether the server is up.",
        )
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return UnreachableError(
            f"{host} accepts the connection and does not answer in HTTP",
            "Correct the port, and write https:// if the server speaks TLS.",
        )
    return UnreachableError(
        f"{host} refuses the connection",
        "Correct the host and the port, and see whether the server is up.",
    )


def _explain_tls(error: ssl.SSLError, host: str) -> UnreachableError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return UnreachableError(
            f"the certificate of {host} is not trusted (TLS)",
            "If a proxy or a company's own authority signs it, name its certificates in"
            " SSL_CERT_FILE; otherwise correct the host.",
        )
    return UnreachableError(
        f"{host} does not speak TLS on this port",
        "Correct the port, or write http:// if the server has no TLS.",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
