"""Who sent a request: verifies Supabase Auth's access tokens.

PyJWT does the cryptography and checks the claims. The Supabase client's own `get_claims` does not
fit: it checks neither `aud` nor `iss`, and asks the network for every HS256 token and unknown key.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import jwt
from pydantic import BaseModel, ConfigDict, SecretStr

from src.domain.errors import IdentityUnavailableError, UnauthenticatedError

logger = logging.getLogger(__name__)

AUDIENCE = "authenticated"
"""What Supabase Auth writes into a signed-in user's tokens, and into no API key."""

PUBLISHED_ALGORITHMS = {"EC": "ES256", "RSA": "RS256"}
"""What is verified with the keys that the project publishes, by the kind of key."""

SHARED_ALGORITHM = "HS256"
"""What is verified with the project's secret, where it is known."""

LEEWAY_SECONDS = 10
"""How far the project's clock and ours may be apart."""

LATEST_EXPIRY = 253_402_300_799
"""The last second of the year 9999; no token lives longer than some days."""

MAX_TOKEN_CHARACTERS = 8 * 1024
MAX_JWKS_BYTES = 64 * 1024

FRESH_SECONDS = 600
"""How long fetched keys are used without asking again; Supabase's edge keeps them as long."""

STALE_SECONDS = 86_400
"""How long they are used while they cannot be fetched again."""

REFETCH_SECONDS = 30
"""How often at most an unknown key has them fetched again."""

RETRY_SECONDS = 5
"""The same after a fetch that failed."""

PATIENCE_SECONDS = 1.0
"""How long a request whose key is known waits at most for newer ones."""


class TokenVerifier:
    """Tells whose an access token is.

    ES256 and RS256 are verified with the keys that the project at `project_url` publishes, HS256
    with `secret`. Without a project there is no issuer to compare with: then `iss` is not checked,
    whoever knows the secret is trusted, and without a secret every token is refused.

    `clock` returns seconds and never goes back; `fetch_timeout` is in seconds.
    """

    def __init__(
        self,
        *,
        project_url: str | None,
        secret: SecretStr | None,
        fetch_timeout: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secret = secret and secret.get_secret_value()
        self._issuer: str | None = None
        self._keys: _PublishedKeys | None = None
        if project_url:
            self._issuer = f"{project_url.rstrip('/')}/auth/v1"
            self._keys = _PublishedKeys(
                f"{self._issuer}/.well-known/jwks.json", fetch_timeout, clock
            )

    async def verify(self, token: str) -> UUID:
        """Return the user whose token this is.

        Raises:
            UnauthenticatedError: anything at all is wrong with the token.
            IdentityUnavailableError: the project's keys are needed and cannot be fetched.
        """
        try:
            key, algorithms = await self._key_of(_header(token))
            claims = jwt.decode(
                token,
                key,
                algorithms=algorithms,
                audience=AUDIENCE,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "sub"], "enforce_minimum_key_length": True},
            )
            subject = _subject(claims)
        except UnauthenticatedError as refusal:
            logger.info("token refused: %s", refusal)
            raise
        except jwt.PyJWTError as error:
            # Its message may quote the token, so its name has to do, here and in tracebacks.
            reason = type(error).__name__
            logger.info("token refused: %s", reason)
            raise UnauthenticatedError(reason) from None
        return subject

    async def close(self) -> None:
        """Release the connection. The verifier is not used afterwards."""
        if self._keys:
            await self._keys.close()

    async def _key_of(self, header: dict[str, Any]) -> tuple[jwt.PyJWK | str, list[str]]:
        """Return what this header's token is to be verified with, and the algorithms for that.

        The kinds of key are never mixed: a published key is not a secret.
        """
        algorithm = header.get("alg")
        if self._secret and algorithm == SHARED_ALGORITHM:
            return self._secret, [SHARED_ALGORITHM]
        published = list(PUBLISHED_ALGORITHMS.values())
        if self._keys and algorithm in published:
            return await self._keys.find(header.get("kid")), published
        raise UnauthenticatedError("algorithm not accepted")


def _header(token: str) -> dict[str, Any]:
    # Asked before anything is parsed; and PyJWT lets encoding errors through.
    if len(token) > MAX_TOKEN_CHARACTERS or not token.isascii():
        raise UnauthenticatedError("too long, or not ASCII")
    return jwt.get_unverified_header(token)


def _subject(claims: dict[str, Any]) -> UUID:
    """Return the user that verified claims name. PyJWT reads times from strings too: not here."""
    if any(type(claims.get(name, 0)) not in {int, float} for name in ("exp", "iat", "nbf")):
        raise UnauthenticatedError("a time is not a number")
    if claims["exp"] > LATEST_EXPIRY:
        raise UnauthenticatedError("never expires")
    try:
        subject = UUID(claims["sub"])
    except ValueError:
        raise UnauthenticatedError("the subject is not a UUID") from None
    if str(subject) != claims["sub"].lower():  # Python reads other notations, too
        raise UnauthenticatedError("the subject is not a UUID")
    return subject


class _KeySet(BaseModel):
    """A JWKS document."""

    model_config = ConfigDict(hide_input_in_errors=True)

    keys: list[dict[str, Any]]

    def usable(self) -> dict[str, jwt.PyJWK]:
        """Return the public keys of our algorithms by their ids; others are passed over."""
        found = {}
        for entry in self.keys:
            algorithm = PUBLISHED_ALGORITHMS.get(str(entry.get("kty")))
            if algorithm is None or entry.get("alg", algorithm) != algorithm or "d" in entry:
                continue
            if entry.get("use") not in ("sig", None):  # as PyJWT's own client has it
                continue
            try:
                key = jwt.PyJWK(entry, algorithm)
            except jwt.PyJWTError:
                continue
            if isinstance(key.key_id, str):
                found[key.key_id] = key
        return found


class _PublishedKeys:
    """The project's public keys: kept for a while, and fetched no more often than allowed."""

    def __init__(self, url: str, fetch_timeout: float, clock: Callable[[], float]) -> None:
        self._url = url
        self._timeout = fetch_timeout
        self._clock = clock
        self._http = httpx.AsyncClient(timeout=fetch_timeout)
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = -math.inf
        self._fetch_from = -math.inf
        self._failed = False  # the last fetch that ended
        self._fetch: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None) -> jwt.PyJWK:
        """Return the key with this id.

        Raises:
            UnauthenticatedError: the project has no such key.
            IdentityUnavailableError: whether it has cannot be found out now.
        """
        if key_id is None:
            raise UnauthenticatedError("no key named")
        known = key_id in self._keys and self._age() < STALE_SECONDS
        if not known or self._age() >= FRESH_SECONDS:
            await self._refresh(known=known)
        if key_id in self._keys and self._age() < STALE_SECONDS:
            return self._keys[key_id]
        if self._failed or self._fetch:
            raise IdentityUnavailableError("the project's keys cannot be fetched")
        raise UnauthenticatedError("unknown key")

    async def close(self) -> None:
        if self._fetch:
            self._fetch.cancel()
            await asyncio.gather(self._fetch, return_exceptions=True)
        await self._http.aclose()

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    async def _refresh(self, *, known: bool) -> None:
        """Start a fetch if it is time, and wait for the one that runs: not for long with a key."""
        if self._fetch is None and self._clock() >= self._fetch_from:
            self._fetch = asyncio.create_task(self._fetch_keys())
        # Whoever leaves must not take the fetch from the others that wait for it.
        if self._fetch and not known:
            await asyncio.shield(self._fetch)
        elif self._fetch and not self._failed:
            await asyncio.wait({self._fetch}, timeout=PATIENCE_SECONDS)

    async def _fetch_keys(self) -> None:
        failed = True
        try:
            async with asyncio.timeout(self._timeout):
                document = await self._download()
            self._keys = _KeySet.model_validate_json(document).usable()
            self._fetched_at = self._clock()
            failed = False
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            logger.warning("cannot fetch the project's keys: %s", type(error).__name__)
        except Exception:  # nobody may be waiting to hear of it
            logger.exception("cannot fetch the project's keys")
        finally:
            self._failed = failed
            wait = RETRY_SECONDS if failed else REFETCH_SECONDS
            self._fetch_from = self._clock() + wait
            self._fetch = None

    async def _download(self) -> bytes:
        document = b""
        async with self._http.stream("GET", self._url) as response:
            response.raise_for_status()
            async for part in response.aiter_bytes():
                document += part
                if len(document) > MAX_JWKS_BYTES:
                    raise ValueError("larger than any set of keys")
        return document
