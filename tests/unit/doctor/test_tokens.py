"""The doctor on a project's access tokens: whether they can be verified, and who issues them."""

import pytest

from tests.support.doctor import ABOUT_PATH, LEGACY_SECRET, Doctor, about, variables_of
from tests.support.stub_http import StubAnswer, StubServer
from tests.support.tokens import JWKS_PATH


def test_good_project_passes(doctor: Doctor, project: StubServer) -> None:
    """Beside it only what `AUTH_MODE` and a proxy's header leave open is noted."""
    diagnosis = doctor.examine(**variables_of(project.url))
    assert diagnosis.wrongs == []
    assert [line.partition(":")[0] for line in diagnosis.of("note")] == [
        "TRUSTED_PROXY_HEADER",
        "AUTH_MODE",
        "OPENAI_API_KEY",
    ]


def test_new_key_proves_nothing_about_the_secret(doctor: Doctor, project: StubServer) -> None:
    variables = variables_of(project.url) | {"SUPABASE_SERVICE_ROLE_KEY": "sb_secret_abcdefgh"}
    diagnosis = doctor.examine(SUPABASE_JWT_SECRET=LEGACY_SECRET, **variables)
    assert diagnosis.wrongs == []


def test_tokens_without_a_project(doctor: Doctor) -> None:
    """A secret alone verifies tokens; without an issuer, whoever knows it is trusted."""
    notes = doctor.examine(SUPABASE_JWT_SECRET=LEGACY_SECRET).of("note")
    assert any(line.startswith("SUPABASE_JWT_ISSUER") for line in notes)
    issuer = {"SUPABASE_JWT_ISSUER": "https://auth.example.com"}
    lines = doctor.examine(SUPABASE_JWT_SECRET=LEGACY_SECRET, **issuer).of("ok")
    assert "access tokens: SUPABASE_JWT_SECRET verifies them." in lines


OTHER_KEY = {"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "1", "alg": "EdDSA", "use": "sig"}

AUTH_FAULTS = {
    "only the legacy secret": ({JWKS_PATH: {"keys": []}}, ("access tokens", "SUPABASE_JWT_SECRET")),
    "keys that nobody takes": (
        {JWKS_PATH: {"keys": [OTHER_KEY]}},
        ("access tokens", "does not take"),
    ),
    "no keys": ({JWKS_PATH: None}, ("access tokens", "publishes no keys")),
    "another issuer": (
        {ABOUT_PATH: about("https://auth.example.com/auth/v1")},
        ("SUPABASE_JWT_ISSUER=https://auth.example.com/auth/v1",),
    ),
}


@pytest.mark.parametrize(("documents", "words"), AUTH_FAULTS.values(), ids=AUTH_FAULTS.keys())
def test_tokens_that_cannot_be_verified(
    doctor: Doctor,
    project: StubServer,
    documents: dict[str, object],
    words: tuple[str, ...],
) -> None:
    for path, document in documents.items():
        project.answers[path] = StubAnswer(200 if document else 404, document)
    doctor.name_one(*words, **variables_of(project.url))


def test_stated_issuer_passes(doctor: Doctor, project: StubServer) -> None:
    issuer = "https://auth.example.com/auth/v1"
    project.answers[ABOUT_PATH] = StubAnswer(body=about(issuer))
    assert doctor.examine(SUPABASE_JWT_ISSUER=issuer, **variables_of(project.url)).wrongs == []


def test_legacy_secret_alone_passes(doctor: Doctor, project: StubServer) -> None:
    project.answers[JWKS_PATH] = StubAnswer(body={"keys": []})
    diagnosis = doctor.examine(SUPABASE_JWT_SECRET=LEGACY_SECRET, **variables_of(project.url))
    assert diagnosis.wrongs == []


def test_secret_of_another_project(doctor: Doctor, project: StubServer) -> None:
    words = ("SUPABASE_JWT_SECRET", "did not sign")
    doctor.name_one(*words, SUPABASE_JWT_SECRET="x" * 40, **variables_of(project.url))
