"""Supabase Auth for tests: a mint of access tokens, and a server that publishes its keys."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.threaded_http import ThreadedServer

Claims = dict[str, Any]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

JWKS_PATH = "/auth/v1/.well-known/jwks.json"
ABSENT = object()
"""As a claim's value: leave the claim out."""


@dataclass(frozen=True)
class SigningKey:
    algorithm: str
    private: PrivateKey
    id: str = field(default_factory=lambda: str(uuid4()))

    @property
    def _kind(self) -> Any:  # noqa: ANN401  PyJWT's own classes take other keys each
        return jwt.get_algorithm_by_name(self.algorithm)

    def sign(self, text: bytes) -> bytes:
        signature: bytes = self._kind.sign(text, self.private)
        return signature

    def jwk(self) -> dict[str, Any]:
        """Return what Supabase publishes of it."""
        public: dict[str, Any] = self._kind.to_jwk(self.private.public_key(), as_dict=True)
        return {**public, "kid": self.id, "alg": self.algorithm, "use": "sig"}

    def private_jwk(self) -> dict[str, Any]:
        """Return what nobody ever publishes of it."""
        private: dict[str, Any] = self._kind.to_jwk(self.private, as_dict=True)
        return {**private, "kid": self.id, "alg": self.algorithm}

    def pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )


def new_ec_key() -> SigningKey:
    return SigningKey("ES256", ec.generate_private_key(ec.SECP256R1()))


def new_rsa_key(bits: int = 2_048) -> SigningKey:
    return SigningKey("RS256", rsa.generate_private_key(65_537, bits))


@dataclass
class TokenMint:
    """What signs a project's access tokens. `secret` is its legacy JWT secret."""

    project_url: str
    secret: str = "the project's legacy JWT secret!"  # noqa: S105  a test's
    ec_key: SigningKey = field(default_factory=new_ec_key)
    rsa_key: SigningKey = field(default_factory=new_rsa_key)

    def jwks(self) -> dict[str, Any]:
        """Return the document that the project publishes."""
        return {"keys": [self.ec_key.jwk(), self.rsa_key.jwk()]}

    def rotate(self) -> None:
        self.ec_key, self.rsa_key = new_ec_key(), new_rsa_key()

    def claims(self, user: UUID | str, **changes: Any) -> Claims:  # noqa: ANN401  any JSON
        """Return a session's claims as Supabase Auth writes them, but for these."""
        now = int(time.time())
        claims = {
            "iss": f"{self.project_url}/auth/v1",
            "sub": str(user),
            "aud": "authenticated",
            "exp": now + 3_600,
            "iat": now,
            "email": "ana@example.com",
            "phone": "",
            "app_metadata": {"provider": "email", "providers": ["email"]},
            "user_metadata": {},
            "role": "authenticated",
            "aal": "aal1",
            "amr": [{"method": "password", "timestamp": now}],
            "session_id": str(uuid4()),
            "is_anonymous": False,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not ABSENT}

    def es256(self, user: UUID | str, **changes: Any) -> str:  # noqa: ANN401  any JSON
        return signed(self.claims(user, **changes), self.ec_key)

    def rs256(self, user: UUID | str, **changes: Any) -> str:  # noqa: ANN401  any JSON
        return signed(self.claims(user, **changes), self.rsa_key)

    def hs256(self, user: UUID | str, **changes: Any) -> str:  # noqa: ANN401  any JSON
        return shared(self.claims(user, **changes), self.secret)

    def api_key(self, role: str) -> str:
        """Return a legacy API key: a token of the same secret that is nobody's."""
        now = int(time.time())
        claims = {"iss": "supabase", "ref": "project", "role": role, "iat": now, "exp": now + 9_999}
        return shared(claims, self.secret)


def signed(claims: Claims, key: SigningKey, **header: Any) -> str:  # noqa: ANN401  any JSON
    """Return a token under the key's id, unless the header says otherwise."""
    full = {"alg": key.algorithm, "kid": key.id, "typ": "JWT", **header}
    header = {name: value for name, value in full.items() if value is not ABSENT}
    return compact(header, claims, key.sign)


def shared(
    claims: Claims,
    secret: str | bytes,
    algorithm: str = "HS256",
    **header: Any,  # noqa: ANN401  any JSON
) -> str:
    """Return a token authenticated with a secret, whatever that is; PyJWT would refuse a key."""
    secret = secret.encode() if isinstance(secret, str) else secret
    digest = f"sha{algorithm.removeprefix('HS')}"
    return compact(
        {"alg": algorithm, "typ": "JWT", **header},
        claims,
        lambda text: hmac.new(secret, text, getattr(hashlib, digest)).digest(),
    )


def compact(header: object, claims: object, sign: Callable[[bytes], bytes]) -> str:
    text = f"{encoded(header)}.{encoded(claims)}"
    return f"{text}.{base64url(sign(text.encode()))}"


def encoded(value: object) -> str:
    return base64url(json.dumps(value, separators=(",", ":")).encode())


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class AuthServer(ThreadedServer):
    """A project's Auth on loopback, in threads of its own. Enter it with `with`.

    `rsa_key` spares making one, which takes a while.
    """

    def __init__(self, rsa_key: SigningKey | None = None) -> None:
        super().__init__(_Handler)  # its `url` is what `SUPABASE_URL` is
        self.mint = TokenMint(self.url, rsa_key=rsa_key or new_rsa_key())
        self.fetches = 0
        """How often the keys were asked for."""
        self.asked = threading.Event()
        """Set once they were."""
        self.answer: tuple[int, bytes] | None = None
        """A status and a body in place of the keys."""
        self.drip_seconds = 0.0
        """The pause before each byte of an answer's body."""


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, server: AuthServer, *args: Any) -> None:  # noqa: ANN401  as the base
        self._auth = server
        super().__init__(*args)

    def do_GET(self) -> None:
        if self.path != JWKS_PATH:
            self.send_error(404)
            return
        self._auth.fetches += 1
        self._auth.asked.set()
        self._auth.open.wait()
        status, body = self._auth.answer or (200, json.dumps(self._auth.mint.jwks()).encode())
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not self._auth.drip_seconds:
            self.wfile.write(body)
            return
        with suppress(OSError):  # the client need not wait
            for byte in body:
                time.sleep(self._auth.drip_seconds)
                self.wfile.write(bytes([byte]))

    def log_message(self, *_args: object) -> None:
        """Stay silent."""
