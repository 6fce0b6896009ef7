"""Calls SQL functions with the Supabase client's address and headers, past the client itself.

Built, sent and parsed by the client, a call takes 1.6 ms of CPU, of which httpx takes 0.4 ms. What
is sent here takes 0.2 ms.
"""

import json
from collections.abc import Mapping

import httpx
from postgrest import APIError
from supabase import AsyncClient
from yarl import URL

from src.dao.supabase.client_errors import raise_gateway_error
from src.dao.supabase.connections import Sender


class SqlFunctions:
    """The SQL functions of a Supabase project."""

    def __init__(self, client: AsyncClient, sender: Sender) -> None:
        self._sender = sender
        self._base_url = client.postgrest.base_url
        self._urls: dict[str, URL] = {}
        self._headers = dict(client.postgrest.headers) | {
            "Accept-Encoding": "gzip",
            "Content-Type": "application/json",
        }

    async def call(self, function: str, parameters: Mapping[str, object]) -> bytes:
        """Return the body of the answer, unparsed.

        Raises:
            APIError: PostgREST refused the call.
            StoreError, aiohttp.ClientError, httpx.HTTPError: as `Sender.post` does, and what the
                gateway's refusal means.
        """
        url = self._urls.get(function)
        if url is None:
            url = self._urls[function] = self._base_url.joinpath("rpc", function)
        status, body = await self._sender.post(url, self._headers, json.dumps(parameters).encode())
        if not httpx.codes.is_success(status):
            raise_gateway_error(status, body)
            raise APIError(json.loads(body))
        return body
