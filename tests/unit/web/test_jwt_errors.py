"""The libraries behind tokens: each of their errors becomes one of ours."""

from contextlib import nullcontext
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from pydantic import SecretStr

from src.domain.errors import IdentityUnavailableError, UnauthenticatedError
from src.web.tokens import TokenVerifier
from tests.support.tokens import TokenMint
from tests.support.vendor_errors import build_errors, error_classes

REQUEST = httpx.Request("GET", "http://project.test/auth/v1/.well-known/jwks.json")
SECRET = "a part of the token"  # noqa: S105  no password
HTTPX_VALUES = {
    "message": SECRET,
    "request": REQUEST,
    "response": httpx.Response(500, request=REQUEST),
}
JWT_ERRORS = build_errors(jwt, {"claim": SECRET, "message": SECRET}, {})
HTTPX_ERRORS = build_errors(httpx, HTTPX_VALUES, {})
MINT = TokenMint("http://127.0.0.1:9")


def name(error: Exception) -> str:
    return type(error).__name__


def raising(error: Exception) -> Any:  # noqa: ANN401  stands in for any function
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_walk_finds_the_errors_of_pyjwt() -> None:
    """A walk that finds nothing would prove nothing."""
    assert error_classes(jwt) >= {jwt.ExpiredSignatureError, jwt.PyJWKError, jwt.InvalidKeyError}


@pytest.mark.parametrize("function", ["decode", "get_unverified_header"])
@pytest.mark.parametrize("error", JWT_ERRORS, ids=name)
async def test_every_error_of_pyjwt_means_a_bad_token(
    monkeypatch: pytest.MonkeyPatch, function: str, error: Exception
) -> None:
    """The reason is the class's name: messages may quote the token."""
    verifier = TokenVerifier(project_url=None, secret=SecretStr(MINT.secret))
    monkeypatch.setattr(jwt, function, raising(error))
    with pytest.raises(UnauthenticatedError) as raised:
        await verifier.verify(MINT.hs256(uuid4()))
    assert str(raised.value) == type(error).__name__
    await verifier.close()


@pytest.mark.parametrize("error", JWT_ERRORS, ids=name)
async def test_keys_that_pyjwt_refuses_are_skipped(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """One broken key in the project's document must not hide the others."""
    document = httpx.Response(200, request=REQUEST, json=MINT.jwks())
    build = jwt.PyJWK

    def build_ec_only(entry: dict[str, Any], algorithm: str) -> jwt.PyJWK:
        if entry["kty"] == "RSA":
            raise error
        return build(entry, algorithm)

    def answer(*_: object, **__: object) -> nullcontext[httpx.Response]:
        return nullcontext(document)

    monkeypatch.setattr(httpx.AsyncClient, "stream", answer)
    monkeypatch.setattr(jwt, "PyJWK", build_ec_only)
    verifier = TokenVerifier(project_url=MINT.project_url, secret=None)
    user = uuid4()
    assert await verifier.verify(MINT.es256(user)) == user
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(MINT.rs256(user))
    await verifier.close()


@pytest.mark.parametrize("error", HTTPX_ERRORS, ids=name)
async def test_every_error_of_the_transport_means_unknown_keys(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A failed fetch does not make a token bad."""
    monkeypatch.setattr(httpx.AsyncClient, "stream", raising(error))
    verifier = TokenVerifier(project_url=MINT.project_url, secret=None)
    with pytest.raises(IdentityUnavailableError):
        await verifier.verify(MINT.es256(uuid4()))
    await verifier.close()
