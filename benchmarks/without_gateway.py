"""The application on a bare PostgREST, for benchmarks.

Supabase's gateway maps `/rest/v1` to PostgREST. Here it would take a share of the cores, so the
address of PostgREST comes in a variable of its own, `POSTGREST_URL`.
"""

import os
from typing import cast

import supabase
from fastapi import FastAPI
from yarl import URL

import api
import src.dao.supabase.client as client_module

_create = supabase.acreate_client


async def _create_without_gateway(
    url: str, key: str, options: supabase.AsyncClientOptions
) -> supabase.AsyncClient:
    client = await _create(url, key, options)
    client.rest_url = URL(os.environ["POSTGREST_URL"])
    return client


setattr(client_module, "acreate_client", _create_without_gateway)  # noqa: B010  imported there


def __getattr__(name: str) -> FastAPI:
    """Build `app` when a server asks for it, as `api` does."""
    return cast("FastAPI", getattr(api, name))
