"""The doctor in this process, with a deployer's variables and nothing else in its environment."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jwt
import pytest

from src.doctor.examination import main
from src.doctor.schema import EXPECTED_PATH
from src.settings import Settings
from tests.support.data_plane import DataPlane
from tests.support.stub_http import StubAnswer, StubServer
from tests.support.tokens import JWKS_PATH, TokenMint, new_ec_key

HOSTED_URL = "https://abcdefghijklmnopqrst.supabase.co"
VERSION_PATH = "/rest/v1/rpc/schema_version"
LEGACY_SECRET = "the-legacy-jwt-secret-of-the-project"  # noqa: S105  a test's
PAGE = "<!doctype html><html><body>Sign in</body></html>"

ABOUT_PATH = "/auth/v1/.well-known/openid-configuration"
READ_BY_LIBRARIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file")


@dataclass(frozen=True)
class Diagnosis:
    status: int
    lines: list[str]

    def of(self, level: str) -> list[str]:
        return [line[7:] for line in self.lines if line.startswith(f"{level:<5}  ")]

    @property
    def wrongs(self) -> list[str]:
        return self.of("WRONG")


class Doctor:
    """Runs the doctor in an empty folder, and sees that it quotes no secret."""

    def __init__(
        self, patch: pytest.MonkeyPatch, folder: Path, capture: pytest.CaptureFixture[str]
    ) -> None:
        self._patch = patch
        self._capture = capture
        patch.chdir(folder)
        for name in [*Settings.model_fields, *READ_BY_LIBRARIES]:
            for spelling in (name, name.upper()):
                patch.delenv(spelling, raising=False)

    def examine(self, **variables: str) -> Diagnosis:
        for name, value in variables.items():
            self._patch.setenv(name, value)
        self._capture.readouterr()
        status = main()
        printed, errors = self._capture.readouterr()
        assert not errors
        for name, value in variables.items():
            assert not name.endswith(("_KEY", "_SECRET")) or value not in printed, name
        *lines, verdict = printed.splitlines()
        diagnosis = Diagnosis(status, lines)
        wrongs = len(diagnosis.wrongs)
        assert verdict == (f"FALLS SHORT: {wrongs} WRONG" if wrongs else "PASS")
        assert status == min(wrongs, 1)
        return diagnosis

    def name_one(self, *words: str, **variables: str) -> None:
        """Check that exactly one thing is wrong, and that its line has these words."""
        wrongs = self.examine(**variables).wrongs
        assert len(wrongs) == 1, wrongs
        assert all(word in wrongs[0] for word in words), wrongs[0]


def about(issuer: str) -> dict[str, str]:
    """Return what a project's Auth says of itself, as far as the service reads it."""
    return {"issuer": issuer}


def publish_auth(plane: DataPlane, mint: TokenMint) -> None:
    """Let the project's Auth publish its keys and its name beside the data."""
    plane.proxy.documents = {
        JWKS_PATH: json.dumps(mint.jwks()).encode(),
        ABOUT_PATH: json.dumps(about(f"{plane.url}/auth/v1")).encode(),
    }


@contextmanager
def stub_project() -> Iterator[StubServer]:
    """Run a project whose Auth is fine, and which has no database yet."""
    with StubServer({}) as server:
        server.answers = {
            JWKS_PATH: StubAnswer(body={"keys": [new_ec_key().jwk()]}),
            ABOUT_PATH: StubAnswer(body=about(f"{server.url}/auth/v1")),
        }
        yield server


def answer_as_database(server: StubServer) -> None:
    """Let a stub answer the doctor as a database with this release's schema does."""
    report = json.loads(EXPECTED_PATH.read_text())
    server.answers |= {
        VERSION_PATH: StubAnswer(body=report["version"]),
        "/rest/v1/rpc/schema_report": StubAnswer(body=report),
        "/rest/v1/rpc/many_rows": StubAnswer(body=list(range(1_000))),
    }


def legacy_key(role: str = "service_role", **claims: object) -> str:
    """Return a key as older projects have it."""
    expiry = int(time.time()) + 3_600
    claims = {"iss": "supabase", "role": role, "exp": expiry, **claims}
    return jwt.encode(claims, LEGACY_SECRET, algorithm="HS256")


def variables_of(url: str) -> dict[str, str]:
    """Return the variables of a service on this project."""
    return {"SUPABASE_URL": url, "SUPABASE_SERVICE_ROLE_KEY": legacy_key()}
