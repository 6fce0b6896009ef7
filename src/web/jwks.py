"""The public keys that a Supabase project publishes to verify its tokens (a JWKS), cached."""

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Any

import httpx
import jwt
from pydantic import BaseModel, ConfigDict

from src.certificates import trusted_certificates
from src.domain.errors import IdentityUnavailableError, UnauthenticatedError

logger = logging.getLogger(__name__)

PUBLISHED_ALGORITHMS = {"EC": "ES256", "RSA": "RS256"}
"""The algorithm accepted for each type of key (`kty`)."""

MAX_JWKS_BYTES = 64 * 1024

FRESH_SECONDS = 600
"""How long keys are used before they are fetched again; Supabase's edge caches them as long."""

STALE_SECONDS = 86_400
"""How long keys are used while they cannot be fetched again."""

REFETCH_SECONDS = 30
"""The shortest time between two fetches because of unknown keys."""

RETRY_SECONDS = 5
"""The shortest time between a failed fetch and the next one."""

KNOWN_KEY_WAIT_SECONDS = 1.0
"""How long a request whose key is known waits for newer keys, at most."""


class KeySet(BaseModel):
    """A JWKS document."""

    model_config = ConfigDict(hide_input_in_errors=True)

    keys: list[dict[str, Any]]

    def parse_keys(self) -> dict[str, jwt.PyJWK]:
        """Return the public keys for our algorithms by their ids; skip all others."""
        found = {}
        for entry in self.keys:
            algorithm = PUBLISHED_ALGORITHMS.get(str(entry.get("kty")))
            if algorithm is None or entry.get("alg", algorithm) != algorithm or "d" in entry:
                continue
            if entry.get("use") not in ("sig", None):  # as PyJWT's own client does
                continue
            try:
                key = jwt.PyJWK(entry, algorithm)
            except jwt.PyJWTError:
                continue
            if isinstance(key.key_id, str):
                found[key.key_id] = key
        return found


class PublishedKeys:
    """The keys at `url`, fetched again when they are old or when a key is unknown.

    `clock` returns seconds and never goes back; `fetch_timeout` is in seconds.
    """

    def __init__(self, url: str, fetch_timeout: float, clock: Callable[[], float]) -> None:
        self._url = url
        self._timeout = fetch_timeout
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = -math.inf
        self._next_fetch_at = -math.inf
        self._last_fetch_failed = False
        self._fetch_task: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None) -> jwt.PyJWK:
        """Return the key with this id.

        Raises:
            UnauthenticatedError: the project has no such key.
            IdentityUnavailableError: the keys cannot be fetched to find out.
        """
        if key_id is None:
            raise UnauthenticatedError("no key named")
        known = key_id in self._keys and self._age() < STALE_SECONDS
        if not known or self._age() >= FRESH_SECONDS:
            await self._refresh(known=known)
        if key_id in self._keys and self._age() < STALE_SECONDS:
            return self._keys[key_id]
        if self._last_fetch_failed or self._fetch_task:
            raise IdentityUnavailableError("the project's keys cannot be fetched")
        raise UnauthenticatedError("unknown key")

    async def close(self) -> None:
        """Cancel a fetch that is running."""
        if self._fetch_task:
            self._fetch_task.cancel()
            await asyncio.gather(self._fetch_task, return_exceptions=True)

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    async def _refresh(self, *, known: bool) -> None:
        """Start a fetch if it is time, and wait for the running one: not for long if `known`."""
        if self._fetch_task is None and self._clock() >= self._next_fetch_at:
            self._fetch_task = asyncio.create_task(self._fetch())
        # A cancelled request must not cancel the fetch: others wait for it.
        if self._fetch_task and not known:
            await asyncio.shield(self._fetch_task)
        elif self._fetch_task and not self._last_fetch_failed:
            await asyncio.wait({self._fetch_task}, timeout=KNOWN_KEY_WAIT_SECONDS)

    async def _fetch(self) -> None:
        failed = True
        try:
            async with asyncio.timeout(self._timeout):
                document = await self._download()
            self._keys = KeySet.model_validate_json(document).parse_keys()
            self._fetched_at = self._clock()
            failed = False
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            logger.warning("could not fetch the project's keys: %s", type(error).__name__)
        except Exception:  # logged here, since maybe no request waits for this task
            logger.exception("could not fetch the project's keys")
        finally:
            self._last_fetch_failed = failed
            wait = RETRY_SECONDS if failed else REFETCH_SECONDS
            self._next_fetch_at = self._clock() + wait
            self._fetch_task = None

    async def _download(self) -> bytes:
        document = b""
        # A client for each fetch, since there is one in ten minutes, and none without tokens.
        async with (
            httpx.AsyncClient(timeout=self._timeout, verify=trusted_certificates()) as client,
            client.stream("GET", self._url) as response,
        ):
            response.raise_for_status()
            async for part in response.aiter_bytes():
                document += part
                if len(document) > MAX_JWKS_BYTES:
                    raise ValueError("larger than any set of keys")
        return document
