"""The access tokens of learners: with which keys they can be verified, and who issues them."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from http import HTTPStatus

import jwt
from pydantic import ValidationError

from src.doctor.findings import Finding, note, ok, wrong
from src.doctor.network import Network, Reply, UnreachableError
from src.doctor.supabase_address import KEY, URL
from src.settings import Settings
from src.web.jwks import KeySet
from src.web.tokens import SHARED_ALGORITHM, TokenVerifier

SECRET, ISSUER = "SUPABASE_JWT_SECRET", "SUPABASE_JWT_ISSUER"

_ISSUER = re.compile(r"https?://[!-~]{1,200}")

_ONE_WAY = (
    f"Set {SECRET} (Project settings, JWT keys, legacy JWT secret), or let the project sign with"
    " a signing key (ES256)."
)


async def check_tokens(settings: Settings, network: Network) -> AsyncIterator[Finding]:
    """Yield whether tokens can be verified. Keys and issuer are public: no key is sent."""
    if settings.open_access_warning:
        yield note("AUTH_MODE", settings.open_access_warning.partition(": ")[2].rstrip("."))
    if settings.supabase_url is None:
        yield _check_without_project(settings)
        return
    yield _check_secret(settings)
    auth_url = f"{settings.supabase_url.rstrip('/')}/auth/v1"
    try:
        keys = await network.fetch("GET", f"{auth_url}/.well-known/jwks.json")
        yield _check_keys(keys, has_secret=settings.supabase_jwt_secret is not None)
        about = await network.fetch("GET", f"{auth_url}/.well-known/openid-configuration")
        yield await _check_issuer(settings, about)
    except UnreachableError as error:
        yield error.finding(URL)


def _check_without_project(settings: Settings) -> Finding:
    if settings.supabase_jwt_secret is None:
        return note("access tokens", "none can be verified, so every request is without one")
    if settings.supabase_jwt_issuer is None:
        return note(ISSUER, f"it is not set, so every token that {SECRET} signed is accepted")
    return ok("access tokens", f"{SECRET} verifies them")


def _check_secret(settings: Settings) -> Finding:
    """Try the secret on the legacy key, which the project signed with it."""
    secret, key = settings.supabase_jwt_secret, settings.supabase_service_role_key
    if secret is None or key is None:
        return ok(SECRET, "not set, so tokens need the project's published keys")
    try:
        if jwt.get_unverified_header(key.get_secret_value()).get("alg") != SHARED_ALGORITHM:
            return ok(SECRET, "set; nothing here is signed with it that could prove it")
        jwt.decode(
            key.get_secret_value(),
            secret.get_secret_value(),
            algorithms=[SHARED_ALGORITHM],
            options={"verify_exp": False, "verify_aud": False, "verify_iat": False},
        )
    except jwt.InvalidSignatureError:
        return wrong(
            SECRET,
            f"it did not sign {KEY}, so it is not this project's",
            "Copy it again: Project settings, JWT keys, legacy JWT secret.",
        )
    except jwt.PyJWTError:  # a key of the new kind
        return ok(SECRET, "set; nothing here is signed with it that could prove it")
    return ok(SECRET, f"it also signed {KEY}")


def _check_keys(reply: Reply, *, has_secret: bool) -> Finding:
    subject = "access tokens"
    try:
        keys = KeySet.model_validate(reply.json())
    except ValidationError:
        what = f"the project publishes no keys at /auth/v1/.well-known/jwks.json ({reply.status})"
        if has_secret:
            return note(subject, f"{what}; {SECRET} alone verifies tokens")
        return wrong(subject, f"{what}, and {SECRET} is not set", _ONE_WAY)
    usable = keys.parse_keys()
    if usable:
        counts = Counter(key.algorithm_name for key in usable.values())
        shown = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        return ok(subject, f"the project publishes {shown}")
    if has_secret:
        return ok(subject, f"the project publishes no key that we take; {SECRET} verifies tokens")
    if keys.keys:
        what = "the project publishes only keys that this service does not take (not ES256, RS256)"
        return wrong(subject, what, _ONE_WAY)
    what = f"the project signs with its legacy secret (HS256), and {SECRET} is not set"
    return wrong(subject, what, _ONE_WAY)


async def _check_issuer(settings: Settings, reply: Reply) -> Finding:
    verifier = TokenVerifier(
        project_url=settings.supabase_url, secret=None, issuer=settings.supabase_jwt_issuer
    )
    await verifier.close()
    document = reply.json()
    stated = document.get("issuer") if isinstance(document, dict) else None
    if reply.status != HTTPStatus.OK or not _ISSUER.fullmatch(str(stated)):
        return note(ISSUER, f"the project does not say who it is; {verifier.issuer} is expected")
    if stated != verifier.issuer:
        return wrong(
            ISSUER,
            f"tokens are issued by {stated}, and the service expects {verifier.issuer}, so every"
            " token is refused",
            f"Set {ISSUER}={stated}",
        )
    return ok(ISSUER, f"tokens are issued by {stated}, as expected")
