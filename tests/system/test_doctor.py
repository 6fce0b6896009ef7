"""The doctor on misconfigured settings, addresses, keys and networks: each is named, and only it.

`test_doctor_project.py` has the database and the tokens, `test_doctor_model.py` the model.
"""

import datetime as dt
import socket
import sqlite3
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from email.utils import formatdate
from pathlib import Path

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import src.doctor.network
from tests.support.doctor import ABOUT_PATH, Doctor, about
from tests.support.service import free_port
from tests.support.stub_http import StubAnswer, StubServer
from tests.support.tokens import JWKS_PATH, new_ec_key

SECRET = "the project's legacy JWT secret!"  # noqa: S105  a test's
HOSTED = "https://abcdefghijklmnopqrst.supabase.co"
VERSION_PATH = "/rest/v1/rpc/schema_version"
PAGE = "<!doctype html><html><body>Sign in</body></html>"


def legacy_key(role: str = "service_role", **claims: object) -> str:
    expiry = int(time.time()) + 3_600
    claims = {"iss": "supabase", "role": role, "exp": expiry, **claims}
    return jwt.encode(claims, SECRET, algorithm="HS256")


SERVICE_KEY = legacy_key()
SUPABASE = {"SUPABASE_URL": HOSTED, "SUPABASE_SERVICE_ROLE_KEY": SERVICE_KEY}


@pytest.fixture
def doctor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Doctor:
    return Doctor(monkeypatch, tmp_path, capsys)


@pytest.fixture
def stub() -> Iterator[StubServer]:
    """Offer a project whose Auth is fine, and whose database does not answer yet."""
    with StubServer({}) as server:
        server.answers = {
            JWKS_PATH: StubAnswer(body={"keys": [new_ec_key().jwk()]}),
            ABOUT_PATH: StubAnswer(body=about(f"{server.url}/auth/v1")),
        }
        yield server


def test_nothing_configured_is_fine(doctor: Doctor) -> None:
    """The offline service on its own file; what is not set is a note."""
    diagnosis = doctor.examine()
    assert diagnosis.wrongs == []
    assert {line.partition(":")[0] for line in diagnosis.of("note")} >= {
        "SUPABASE_URL",
        "OPENAI_API_KEY",
    }


INVALID = {
    "no key": ({"SUPABASE_URL": HOSTED}, "SUPABASE_SERVICE_ROLE_KEY"),
    "no address": ({"SUPABASE_SERVICE_ROLE_KEY": SERVICE_KEY}, "SUPABASE_URL"),
    "production without a database": ({"RAILWAY_ENVIRONMENT": "production"}, "SUPABASE_URL"),
    "PostgreSQL's address": (SUPABASE | {"SUPABASE_URL": "postgresql://db.x:5432"}, "SUPABASE_URL"),
    "a key with a space": (
        SUPABASE | {"SUPABASE_SERVICE_ROLE_KEY": "sb_secret_a b"},
        "SUPABASE_SERVICE_ROLE_KEY",
    ),
    "an origin with a path": ({"CORS_ORIGINS": "https://app.example.com/login"}, "CORS_ORIGINS"),
    "tokens required, none verifiable": ({"AUTH_MODE": "required"}, "AUTH_MODE"),
    "a word for a mode": ({"AUTH_MODE": "on"}, "AUTH_MODE"),
    "a short secret": ({"SUPABASE_JWT_SECRET": "secret"}, "SUPABASE_JWT_SECRET"),
    "a database in memory": ({"SQLITE_PATH": ":memory:"}, "SQLITE_PATH"),
    "a folder that is not there": ({"SQLITE_PATH": "/nowhere/at/all.db"}, "SQLITE_PATH"),
    "a port too high": ({"PORT": "80000"}, "PORT"),
    "a model's address with a query": (
        {"OPENAI_BASE_URL": "https://openrouter.ai/api/v1?x=1"},
        "OPENAI_BASE_URL",
    ),
    "a proxy that is none": ({"ALL_PROXY": "ftp://proxy"}, "ALL_PROXY"),
    "certificates that are not there": ({"SSL_CERT_FILE": "/nowhere.pem"}, "SSL_CERT_FILE"),
}


@pytest.mark.parametrize(("variables", "named"), INVALID.values(), ids=INVALID.keys())
def test_settings_that_keep_the_service_from_starting(
    doctor: Doctor, variables: dict[str, str], named: str
) -> None:
    doctor.name_one(named, **variables)


def test_file_in_another_encoding(doctor: Doctor) -> None:
    """PowerShell's `>` writes UTF-16."""
    Path(".env").write_text("PORT=8000\n", encoding="utf-16")
    doctor.name_one(".env is not in UTF-8")


def test_names_that_nobody_reads(doctor: Doctor) -> None:
    """A key under another tool's name is a note: it may be meant for that tool."""
    Path(".env").write_text("OPENROUTER_API_KEY=abc\nOPENAI_API_KEY=your_openai_api_key\n")
    diagnosis = doctor.examine()
    notes = "\n".join(diagnosis.of("note"))
    assert "OPENROUTER_API_KEY: it is set, and the service reads OPENAI_API_KEY" in notes
    assert "OPENAI_API_KEY: its value is a placeholder" in notes
    assert diagnosis.wrongs == []


def test_damaged_file(doctor: Doctor) -> None:
    Path("momentum.db").write_text("This is no database. " * 100)
    doctor.name_one("SQLITE_PATH", "no SQLite database")


def test_file_of_a_newer_release(doctor: Doctor) -> None:
    with closing(sqlite3.connect("momentum.db")) as file:
        file.execute("pragma user_version = 900")
    before = Path("momentum.db").read_bytes()
    doctor.name_one("SQLITE_PATH", "newer release")
    assert Path("momentum.db").read_bytes() == before


def test_full_disk(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.doctor.sqlite.LITTLE_SPACE_BYTES", 2**63)
    doctor.name_one("SQLITE_PATH", "MB are free")


ADDRESSES = {
    "the dashboard": (
        "https://supabase.com/dashboard/project/abcdefghijklmnopqrst",
        ("dashboard", HOSTED),
    ),
    "PostgreSQL's host": ("https://db.abcdefghijklmnopqrst.supabase.co", ("PostgreSQL", HOSTED)),
    "the API's path": (f"{HOSTED}/rest/v1/", ("/rest/v1",)),
    "no TLS": (HOSTED.replace("https", "http"), ("http://", HOSTED)),
    "a query": (f"{HOSTED}?a=b", ("?",)),
}


@pytest.mark.parametrize(("url", "words"), ADDRESSES.values(), ids=ADDRESSES.keys())
def test_address_that_shows_what_it_is(doctor: Doctor, url: str, words: tuple[str, ...]) -> None:
    """No request is needed to know, and none is made."""
    doctor.name_one("SUPABASE_URL", *words, **SUPABASE | {"SUPABASE_URL": url})


def test_key_of_another_project(doctor: Doctor) -> None:
    key = {"SUPABASE_SERVICE_ROLE_KEY": legacy_key(ref="zzzzzzzzzzzzzzzzzzzz")}
    doctor.name_one("SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY", "another", **SUPABASE | key)


KEYS = {
    "publishable": "sb_publishable_abcdefgh",
    "anon": legacy_key("anon"),
    "authenticated": legacy_key("authenticated"),
    "expired": legacy_key(exp=1),
    "personal access token": "sbp_0123456789",
}


@pytest.mark.parametrize(("word", "key"), KEYS.items(), ids=KEYS.keys())
def test_key_that_shows_what_it_is(doctor: Doctor, stub: StubServer, word: str, key: str) -> None:
    """It is not even sent."""
    variables = {"SUPABASE_URL": stub.url, "SUPABASE_SERVICE_ROLE_KEY": key}
    doctor.name_one("SUPABASE_SERVICE_ROLE_KEY", word, **variables)


ANSWERS = {
    "an unknown key": (
        StubAnswer(401, {"message": "Invalid API key", "hint": "Double check it."}),
        ("SUPABASE_SERVICE_ROLE_KEY", "does not know"),
    ),
    "legacy keys disabled": (
        StubAnswer(401, {"message": "Legacy API keys are disabled"}),
        ("SUPABASE_SERVICE_ROLE_KEY", "legacy keys are disabled"),
    ),
    "a key of another secret": (
        StubAnswer(401, {"code": "PGRST301", "message": "JWSError JWSInvalidSignature"}),
        ("SUPABASE_SERVICE_ROLE_KEY", "not signed"),
    ),
    "a key that the server calls expired": (
        StubAnswer(401, {"code": "PGRST303", "message": "JWT expired"}),
        ("SUPABASE_SERVICE_ROLE_KEY", "expired"),
    ),
    "a login before the project": (StubAnswer(403, PAGE), ("SUPABASE_URL", "before the project")),
    "a quota": (StubAnswer(402, {"message": "exceed_egress_quota"}), ("project", "402")),
    "too many requests": (StubAnswer(429, {"message": "rate limit"}), ("project", "429")),
    "a paused project": (StubAnswer(540, PAGE), ("project", "paused")),
    "a gateway's timeout": (StubAnswer(544, PAGE), ("project", "in time")),
    "a project that is gone": (StubAnswer(530, PAGE), ("project", "does not reach")),
    "no database": (StubAnswer(503, {"code": "PGRST001", "message": "…"}), ("PostgREST",)),
    "a slow database": (StubAnswer(500, {"code": "57014", "message": "…"}), ("statement timeout",)),
    "a failure": (StubAnswer(500, "oops"), ("project", "fails")),
    "a page": (StubAnswer(200, PAGE), ("SUPABASE_URL", "a page")),
    "another API": (StubAnswer(200, {"ok": True}), ("SUPABASE_URL", "something else")),
    "a redirect": (
        StubAnswer(301, "", {"Location": "https://elsewhere.example"}),
        ("SUPABASE_URL", "leads elsewhere"),
    ),
    "no PostgREST": (StubAnswer(404, PAGE), ("SUPABASE_URL", "no PostgREST")),
    "a hidden schema": (StubAnswer(406, {"code": "PGRST106"}), ("project", "expose")),
}


@pytest.mark.parametrize(("answer", "words"), ANSWERS.values(), ids=ANSWERS.keys())
def test_what_the_gateway_answers(
    doctor: Doctor, stub: StubServer, answer: StubAnswer, words: tuple[str, ...]
) -> None:
    stub.answers[VERSION_PATH] = answer
    doctor.name_one(*words, **SUPABASE | {"SUPABASE_URL": stub.url})


def test_unknown_name(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    doctor.name_one("SUPABASE_URL", "DNS", **SUPABASE)


def test_resolver_that_hangs(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor does not wait for its thread."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(5))
    monkeypatch.setattr(src.doctor.network, "WAIT_SECONDS", 0.2)
    started = time.monotonic()
    doctor.name_one("SUPABASE_URL", "does not answer", **SUPABASE)
    assert time.monotonic() - started < 5


def test_refused_connection(doctor: Doctor) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    doctor.name_one("SUPABASE_URL", "refuses", **SUPABASE | {"SUPABASE_URL": url})


def test_server_that_hangs(
    doctor: Doctor, stub: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(src.doctor.network, "WAIT_SECONDS", 0.3)
    stub.open.clear()
    doctor.name_one("SUPABASE_URL", "does not answer", **SUPABASE | {"SUPABASE_URL": stub.url})


def test_certificate_that_nobody_knows(doctor: Doctor, tmp_path: Path) -> None:
    with StubServer({}, self_signed(tmp_path)) as server:
        words = ("SUPABASE_URL", "not trusted", "SSL_CERT_FILE")
        doctor.name_one(*words, **SUPABASE | {"SUPABASE_URL": server.url})


def test_server_without_tls(doctor: Doctor, stub: StubServer) -> None:
    url = stub.url.replace("http://", "https://")
    doctor.name_one("SUPABASE_URL", "TLS", **SUPABASE | {"SUPABASE_URL": url})


def test_tls_without_https(doctor: Doctor, tmp_path: Path) -> None:
    with StubServer({}, self_signed(tmp_path)) as server:
        url = server.url.replace("https://", "http://")
        doctor.name_one("SUPABASE_URL", "https://", **SUPABASE | {"SUPABASE_URL": url})


CONTAINER = SUPABASE | {"SUPABASE_URL": "http://kong:8000"}


def test_proxy_that_is_not_there(doctor: Doctor) -> None:
    proxy = {"HTTP_PROXY": f"http://127.0.0.1:{free_port()}"}
    doctor.name_one("HTTP_PROXY", "cannot be reached", **CONTAINER | proxy)


def test_proxy_that_refuses(doctor: Doctor, stub: StubServer) -> None:
    stub.otherwise = StubAnswer(407, PAGE)
    doctor.name_one("ALL_PROXY", "refuses", **CONTAINER | {"ALL_PROXY": stub.url})


def test_only_local_pages_in_production(doctor: Doctor, stub: StubServer) -> None:
    stub.answers[VERSION_PATH] = StubAnswer(540, PAGE)
    diagnosis = doctor.examine(
        RAILWAY_ENVIRONMENT="production",
        CORS_ORIGINS="http://localhost:3000",
        **SUPABASE | {"SUPABASE_URL": stub.url},
    )
    assert [line for line in diagnosis.wrongs if line.startswith("CORS_ORIGINS")]


@pytest.mark.parametrize(("seconds", "words"), [(3_600, "behind"), (-3_600, "ahead")])
def test_clock_that_is_wrong(doctor: Doctor, stub: StubServer, seconds: int, words: str) -> None:
    date = {"Date": formatdate(time.time() + seconds, usegmt=True)}
    stub.answers = {
        path: StubAnswer(answer.status, answer.body, date) for path, answer in stub.answers.items()
    } | {VERSION_PATH: StubAnswer(540, PAGE, date)}
    wrongs = doctor.examine(**SUPABASE | {"SUPABASE_URL": stub.url}).wrongs
    assert len(wrongs) == 2
    assert "clock" in wrongs[1]
    assert words in wrongs[1]


def test_whole_run_is_bounded(
    doctor: Doctor, stub: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("src.doctor.examination.TOTAL_SECONDS", 0.3)
    stub.open.clear()
    doctor.name_one("doctor", "not all", **SUPABASE | {"SUPABASE_URL": stub.url})


def self_signed(folder: Path) -> ssl.SSLContext:
    """Return the server's side of TLS with a certificate of its own making."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
