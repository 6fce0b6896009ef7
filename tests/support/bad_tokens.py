"""Access tokens that nobody may accept, by what is wrong with them.

Each names a user and would otherwise be good. It is signed with the right key where its defect
leaves it one, so that nothing but that defect can refuse it.
"""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from tests.support.tokens import (
    ABSENT,
    SigningKey,
    TokenMint,
    base64url,
    compact,
    encoded,
    new_ec_key,
    new_rsa_key,
    shared,
    signed,
)

Defect = Callable[[TokenMint, UUID], str]


def _with(**changes: Any) -> Defect:  # noqa: ANN401  any JSON
    return lambda mint, user: mint.es256(user, **changes)


def _from_now(**seconds: int) -> Defect:
    return lambda mint, user: mint.es256(
        user, **{name: int(time.time()) + distance for name, distance in seconds.items()}
    )


def _headed(**header: Any) -> Defect:  # noqa: ANN401  any JSON
    return lambda mint, user: signed(mint.claims(user), mint.ec_key, **header)


def _said(text: str) -> Defect:
    return lambda _mint, _user: text


def _own_key(name: str, mint: TokenMint, user: UUID) -> str:
    key = new_ec_key()
    brought = {"jwk": key.jwk(), "jku": "http://127.0.0.1:9/jwks.json", "x5c": ["AAAA"]}[name]
    return signed(mint.claims(user), key, kid=mint.ec_key.id, **{name: brought})


def _other_project(mint: TokenMint, user: UUID) -> str:
    return TokenMint("https://another.supabase.co", "of another project" * 2).es256(
        user, iss=f"{mint.project_url}/auth/v1"
    )


def _unsigned(algorithm: object, mint: TokenMint, user: UUID) -> str:
    header = {"alg": algorithm, "typ": "JWT", "kid": mint.ec_key.id}
    return compact(header, mint.claims(user), lambda _text: b"")


def _tampered(part: int, mint: TokenMint, user: UUID) -> str:
    good = mint.es256(uuid4()).split(".")
    good[part] = mint.es256(user).split(".")[part]
    return ".".join(good)


def _secret(secret_of: Callable[[TokenMint], str | bytes], mint: TokenMint, user: UUID) -> str:
    return shared(mint.claims(user), secret_of(mint), kid=mint.ec_key.id)


def _rsa_as(algorithm: str, mint: TokenMint, user: UUID) -> str:
    return signed(mint.claims(user), SigningKey(algorithm, mint.rsa_key.private, mint.rsa_key.id))


def _claims_of(text: bytes, mint: TokenMint, _user: UUID) -> str:
    """Return a rightly signed token whose claims are this text."""
    body = f"{encoded({'alg': 'ES256', 'kid': mint.ec_key.id})}.{base64url(text)}"
    return f"{body}.{base64url(mint.ec_key.sign(body.encode()))}"


DEFECTS: dict[str, Defect] = {
    "empty": _said(""),
    "blank": _said(" "),
    "dots": _said(".."),
    "garbage": _said("garbage"),
    "garbage in three parts": _said("gar.ba.ge"),
    "garbage that decodes": _said(f"{base64url(b'no')}.{base64url(b'no')}.{base64url(b'no')}"),
    "not ASCII": _said("tökén.tökén.tökén"),
    "half a surrogate pair": _said("\ud800.a.b"),
    "two parts": lambda mint, user: mint.es256(user).rpartition(".")[0],
    "four parts": lambda mint, user: f"{mint.es256(user)}.AAAA",
    "a line break": lambda mint, user: f"{mint.es256(user)}\n",
    "oversized": lambda mint, user: mint.es256(user, padding="x" * 8_192),
    "header is a list": lambda mint, user: f"{encoded([1])}.{mint.es256(user).partition('.')[2]}",
    "header is deep": _said(f"{base64url(b'[' * 5_000)}.e30.AAAA"),
    "claims are a list": partial(_claims_of, b"[]"),
    "claims are no JSON": partial(_claims_of, b"{"),
    "claims are no UTF-8": partial(_claims_of, b'{"sub":"\xff"}'),
    "claims are deep": partial(_claims_of, b"[" * 5_000),
    "claims have a number of 5,000 digits": partial(_claims_of, b'{"exp":' + b"9" * 5_000 + b"}"),
    # Signature
    "wrong key": lambda mint, user: signed(mint.claims(user), new_ec_key(), kid=mint.ec_key.id),
    "wrong RSA key": lambda mint, user: signed(
        mint.claims(user), new_rsa_key(), kid=mint.rsa_key.id
    ),
    "another project's key": _other_project,
    "brings its key": partial(_own_key, "jwk"),
    "says where its key is": partial(_own_key, "jku"),
    "brings a certificate": partial(_own_key, "x5c"),
    "other claims": partial(_tampered, 1),
    "other signature": partial(_tampered, 2),
    "no signature": lambda mint, user: mint.es256(user).rpartition(".")[0] + ".",
    "alg none": partial(_unsigned, "none"),
    "alg None": partial(_unsigned, "None"),
    "alg nOnE": partial(_unsigned, "nOnE"),
    "alg empty": partial(_unsigned, ""),
    "alg null": partial(_unsigned, None),
    "alg a list": _headed(alg=["ES256"]),
    "alg an object": _headed(alg={"ES256": 1}),
    "alg missing": _headed(alg=ABSENT),
    "alg in lower case": _headed(alg="es256"),
    "HS256 with the public key": partial(_secret, lambda mint: mint.ec_key.pem()),
    "HS256 with the public RSA key": partial(_secret, lambda mint: mint.rsa_key.pem()),
    "HS256 with the public JWK": partial(_secret, lambda mint: json.dumps(mint.ec_key.jwk())),
    "HS256 with the public x": partial(_secret, lambda mint: str(mint.ec_key.jwk()["x"])),
    "HS256 with no secret": partial(_secret, lambda _mint: b""),
    "HS256 with another secret": partial(_secret, lambda _mint: "another secret" * 3),
    "HS384": lambda mint, user: shared(mint.claims(user), mint.secret, "HS384"),
    "HS512": lambda mint, user: shared(mint.claims(user), mint.secret, "HS512"),
    "RS384": partial(_rsa_as, "RS384"),
    "PS256": partial(_rsa_as, "PS256"),
    "ES384 over the key": _headed(alg="ES384"),
    "EdDSA over the key": _headed(alg="EdDSA"),
    "RS256 over the EC key": _headed(alg="RS256"),
    "ES256 over the RSA key": lambda mint, user: signed(
        mint.claims(user), mint.rsa_key, alg="ES256"
    ),
    "kid missing": _headed(kid=ABSENT),
    "kid unknown": lambda mint, user: signed(mint.claims(user), mint.ec_key, kid=str(uuid4())),
    "kid empty": _headed(kid=""),
    "kid null": _headed(kid=None),
    "kid a number": _headed(kid=1),
    "kid a list": lambda mint, user: signed(mint.claims(user), mint.ec_key, kid=[mint.ec_key.id]),
    "kid a path": _headed(kid="../../../../dev/null"),
    "crit unknown": _headed(crit=["exp"]),
    "crit empty": _headed(crit=[]),
    "crit of numbers": _headed(crit=[1]),
    "payload detached": _headed(crit=["b64"], b64=False),
    # Time
    "expired": _from_now(iat=-7_200, exp=-3_600),
    "expired a minute ago": _from_now(exp=-60),
    "exp missing": _with(exp=ABSENT),
    "exp null": _with(exp=None),
    "exp a string": _with(exp="99999999999"),
    "exp a word": _with(exp="tomorrow"),
    "exp true": _with(exp=True),
    "exp a list": _with(exp=[99_999_999_999]),
    "exp an object": _with(exp={"$gt": 0}),
    "exp zero": _with(exp=0),
    "exp negative": _with(exp=-1),
    "exp not a number": _with(exp=float("nan")),
    "exp infinite": _with(exp=float("inf")),
    "exp huge": _with(exp=10**30),
    "exp of 400 digits": _with(exp=10**400),
    "exp in milliseconds": lambda mint, user: mint.es256(
        user, exp=int(time.time() * 1_000) + 10**6
    ),
    "nbf in future": _from_now(nbf=3_600),
    "nbf a string": _with(nbf="0"),
    "nbf null": _with(nbf=None),
    "iat in future": _from_now(iat=3_600),
    "iat a string": _with(iat="0"),
    "iat an object": _with(iat={}),
    # Issuer, audience, subject
    "iss missing": _with(iss=ABSENT),
    "iss null": _with(iss=None),
    "iss of another project": _with(iss="https://another.supabase.co/auth/v1"),
    "iss a list": lambda mint, user: mint.es256(user, iss=[f"{mint.project_url}/auth/v1"]),
    "iss with a slash": lambda mint, user: mint.es256(user, iss=f"{mint.project_url}/auth/v1/"),
    "iss the project": lambda mint, user: mint.es256(user, iss=mint.project_url),
    "aud missing": _with(aud=ABSENT),
    "aud null": _with(aud=None),
    "aud anon": _with(aud="anon"),
    "aud empty": _with(aud=""),
    "aud other case": _with(aud="Authenticated"),
    "aud a list without": _with(aud=["anon", "service_role"]),
    "aud a mixed list": _with(aud=["authenticated", 1]),
    "aud an object": _with(aud={"authenticated": True}),
    "aud true": _with(aud=True),
    "sub missing": _with(sub=ABSENT),
    "sub null": _with(sub=None),
    "sub empty": _with(sub=""),
    "sub a word": _with(sub="ana"),
    "sub a number": _with(sub=4_711),
    "sub a list": lambda mint, user: mint.es256(user, sub=[str(user)]),
    "sub an object": lambda mint, user: mint.es256(user, sub={"id": str(user)}),
    "sub in braces": lambda mint, user: mint.es256(user, sub=f"{{{user}}}"),
    "sub a URN": lambda mint, user: mint.es256(user, sub=user.urn),
    "sub with a space": lambda mint, user: mint.es256(user, sub=f"{user} "),
    "sub SQL": lambda mint, user: mint.es256(user, sub=f"{user}' or '1'='1"),
    "jti a number": _with(jti=1),
    # API keys
    "anon key": lambda mint, _user: mint.api_key("anon"),
    "service role key": lambda mint, _user: mint.api_key("service_role"),
    "secret key": _said("sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz"),
}
"""By name: what to refuse with 401, whether or not the verifier knows the secret."""
