"""The connections to a Supabase project: its client's, and calls past the client over the same."""

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from yarl import URL

from src.certificates import trusted_certificates
from src.dao.supabase.bounded_transport import (
    BoundedConnector,
    BoundedTransport,
    bounded_pieces,
    is_gzip,
)
from src.dao.supabase.client_errors import check_response


class Sender(Protocol):
    """Sends single requests, within the bounds that `BoundedTransport` keeps."""

    async def post(self, url: URL, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Send a request; return the status of the answer and its body.

        Raises:
            StoreError, aiohttp.ClientError, httpx.HTTPError: no answer came, or one beyond the
                bounds.
        """


def open_connections(url: str, pool_size: int, timeout: float) -> tuple[httpx.AsyncClient, Sender]:
    """Open a pool of connections to a URL, for httpx and for calls past it; nothing is sent yet.

    httpx's own pool is scanned on every request: with 20 connections that takes several times as
    long as the request itself (httpx issue 3215). `timeout` bounds each wait of httpx, in seconds.
    """
    proxy, ssl_context = _environment_proxy(url), trusted_certificates()
    if proxy and proxy.url.scheme in {"socks5", "socks5h"}:  # aiohttp knows no SOCKS
        limits = httpx.Limits(max_connections=pool_size, max_keepalive_connections=pool_size)
        http = _client(httpx.AsyncHTTPTransport(ssl_context, proxy=proxy, limits=limits), timeout)
        return http, _HttpxSender(http)
    session = aiohttp.ClientSession(
        connector=BoundedConnector(limit=pool_size, ssl=ssl_context),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),  # callers bound whole requests themselves
    )
    transport = AiohttpTransport(verify=ssl_context, proxy=proxy, client=session)
    return _client(transport, timeout), _AiohttpSender(session, proxy)


def _client(transport: httpx.AsyncBaseTransport, timeout: float) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        timeout=timeout,
        transport=BoundedTransport(transport),
        event_hooks={"response": [check_response]},
    )


def _environment_proxy(url: str) -> httpx.Proxy | None:
    """Return the proxy that the environment names for a URL, as `HTTPS_PROXY` and the like."""
    target, proxies = urlsplit(url), getproxies()
    proxy = proxies.get(target.scheme) or proxies.get("all")
    return httpx.Proxy(proxy) if proxy and not proxy_bypass(target.netloc) else None


class _AiohttpSender:
    """Sends over the session of an `AiohttpTransport`, without httpx around it."""

    def __init__(self, session: aiohttp.ClientSession, proxy: httpx.Proxy | None) -> None:
        self._session = session
        self._proxy = None if proxy is None else str(proxy.url)
        self._proxy_auth = aiohttp.BasicAuth(*proxy.auth) if proxy and proxy.auth else None
        self._proxy_headers = None if proxy is None else proxy.headers

    async def post(self, url: URL, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        async with self._session.post(
            url,
            data=body,
            headers=headers,
            allow_redirects=False,
            auto_decompress=False,
            proxy=self._proxy,
            proxy_auth=self._proxy_auth,
            proxy_headers=self._proxy_headers,
        ) as answer:
            pieces = bounded_pieces(
                answer.content.iter_any(),
                is_gzip=is_gzip(answer.headers),
                needs_body=httpx.codes.is_success(answer.status),
            )
            return answer.status, b"".join([piece async for piece in pieces])


class _HttpxSender:
    """Sends through the client's own httpx client."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def post(self, url: URL, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        answer = await self._http.post(str(url), headers=headers, content=body)
        return answer.status_code, answer.content
