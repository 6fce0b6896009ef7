"""Verifies Supabase Auth's access tokens.

PyJWT does the cryptography and checks the claims. The Supabase client's own `get_claims` does not
fit: it checks neither `aud` nor `iss`, and it makes a request for every HS256 token and every
unknown key.
"""

import logging
import re
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt
from pydantic import SecretStr

from src.domain.errors import UnauthenticatedError
from src.web.jwks import PUBLISHED_ALGORITHMS, PublishedKeys
from src.web.log_limit import LogLimit
from src.web.verified_tokens import VerifiedTokens

logger = logging.getLogger(__name__)

AUDIENCE = "authenticated"
"""Supabase Auth writes it into the tokens of signed-in users, and into no API key."""

SHARED_ALGORITHM = "HS256"
"""The algorithm of tokens signed with the project's secret."""

LEEWAY_SECONDS = 10
"""How far the project's clock and ours may differ."""

LATEST_EXPIRY = 253_402_300_799
"""The last second of the year 9999; real tokens live for some days at most."""

MAX_TOKEN_CHARACTERS = 8 * 1024

MAX_HEADERS = 8
"""How many headers of tokens are kept parsed. All tokens of one key have the same; a project has
the secret and a few keys. Forged ones take some 100 kB each at most."""


class TokenVerifier:
    """Verifies access tokens and returns their users.

    ES256 and RS256 tokens are verified with the keys that the project at `project_url` publishes,
    HS256 tokens with `secret`. Tokens must come from `issuer`, by default the project's Auth at
    `project_url`. With neither there is no issuer to compare with: `iss` is not checked, anyone who
    knows the secret is trusted, and without a secret every token is refused.

    `clock` returns seconds and never goes back; `fetch_timeout` is in seconds.
    """

    def __init__(
        self,
        *,
        project_url: str | None,
        secret: SecretStr | None,
        issuer: str | None = None,
        fetch_timeout: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secret = secret and secret.get_secret_value()
        self._log_limit = LogLimit()
        self._verified = VerifiedTokens()
        self._parse_header = lru_cache(maxsize=MAX_HEADERS)(_parse_header)
        self.issuer = issuer
        """What `iss` of every token has to be; None if it is not checked."""
        self._keys: PublishedKeys | None = None
        if project_url:
            auth_url = f"{project_url.rstrip('/')}/auth/v1"
            self.issuer = issuer or _lower_host(auth_url)
            self._keys = PublishedKeys(f"{auth_url}/.well-known/jwks.json", fetch_timeout, clock)

    async def verify(self, token: str) -> UUID:
        """Return the user to whom this token was issued.

        Raises:
            UnauthenticatedError: the token is not valid.
            IdentityUnavailableError: the project's keys are needed and cannot be fetched.
        """
        try:
            key, algorithms = await self._select_key(self._read_header(token))
            return self._verified.find(token, key) or self._verify_with(key, algorithms, token)
        except jwt.InvalidIssuerError:
            reason = jwt.InvalidIssuerError.__name__
            if self._log_limit.allows_line(reason):
                logger.warning(
                    "token refused: its issuer is not %s, see SUPABASE_JWT_ISSUER", self.issuer
                )
            raise UnauthenticatedError(reason) from None
        except (UnauthenticatedError, jwt.PyJWTError) as error:
            # PyJWT's messages may quote the token, so the log and tracebacks get only a name.
            reason = str(error) if isinstance(error, UnauthenticatedError) else type(error).__name__
            if self._log_limit.allows_line(reason):
                logger.info("token refused: %s", reason)
            raise UnauthenticatedError(reason) from None

    def _verify_with(self, key: jwt.PyJWK | str, algorithms: list[str], token: str) -> UUID:
        claims = jwt.decode(
            token,
            key,
            algorithms=algorithms,
            audience=AUDIENCE,
            issuer=self.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "sub"], "enforce_minimum_key_length": True},
        )
        user = _read_subject(claims)
        self._verified.remember(token, key, user, claims["exp"] + LEEWAY_SECONDS)
        return user

    def _read_header(self, token: str) -> dict[str, Any]:
        # Checked before anything is parsed; PyJWT also lets encoding errors through.
        if len(token) > MAX_TOKEN_CHARACTERS or not token.isascii():
            raise UnauthenticatedError("too long, or not ASCII")
        return self._parse_header(token.partition(".")[0])

    async def close(self) -> None:
        """End what is running. The verifier cannot be used afterwards."""
        if self._keys:
            await self._keys.close()

    async def _select_key(self, header: dict[str, Any]) -> tuple[jwt.PyJWK | str, list[str]]:
        """Return the key for a token with this header, and the algorithms that the key allows.

        A published key is never used as a secret, nor the secret as a published key.
        """
        algorithm = header.get("alg")
        if self._secret and algorithm == SHARED_ALGORITHM:
            return self._secret, [SHARED_ALGORITHM]
        published = list(PUBLISHED_ALGORITHMS.values())
        if self._keys and algorithm in published:
            return await self._keys.find(header.get("kid")), published
        raise UnauthenticatedError("algorithm not accepted")


def _lower_host(url: str) -> str:
    return re.sub(r"^[^/]*//[^/]*", lambda host: host[0].lower(), url)


def _parse_header(encoded: str) -> dict[str, Any]:
    # Of a whole token, PyJWT would decode the claims and the signature, too, which takes 30 us.
    return jwt.get_unverified_header(f"{encoded}..")


def _read_subject(claims: dict[str, Any]) -> UUID:
    """Return the user in verified claims. Unlike PyJWT, do not accept times in strings."""
    if any(type(claims.get(name, 0)) not in {int, float} for name in ("exp", "iat", "nbf")):
        raise UnauthenticatedError("a time is not a number")
    if claims["exp"] > LATEST_EXPIRY:
        raise UnauthenticatedError("never expires")
    try:
        subject = UUID(claims["sub"])
    except ValueError:
        raise UnauthenticatedError("the subject is not a UUID") from None
    if str(subject) != claims["sub"].lower():  # Python's UUID accepts other notations, too
        raise UnauthenticatedError("the subject is not a UUID")
    return subject
