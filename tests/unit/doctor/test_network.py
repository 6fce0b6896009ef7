"""The doctor on networks that do not let it through, on wrong clocks, and on servers that hang."""

import datetime as dt
import socket
import ssl
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import src.doctor.network
from tests.support.doctor import HOSTED_URL, PAGE, VERSION_PATH, Doctor, variables_of
from tests.support.service import free_port
from tests.support.stub_http import StubAnswer, StubServer


def test_unknown_name(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    doctor.name_one("SUPABASE_URL", "DNS", **variables_of(HOSTED_URL))


def test_resolver_that_hangs(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor does not wait for its thread."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(5))
    monkeypatch.setattr(src.doctor.network, "WAIT_SECONDS", 0.2)
    started = time.monotonic()
    doctor.name_one("SUPABASE_URL", "does not answer", **variables_of(HOSTED_URL))
    assert time.monotonic() - started < 5


def test_refused_connection(doctor: Doctor) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    doctor.name_one("SUPABASE_URL", "refuses", **variables_of(url))


def test_server_that_hangs(
    doctor: Doctor, stub: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(src.doctor.network, "WAIT_SECONDS", 0.3)
    stub.open.clear()
    doctor.name_one("SUPABASE_URL", "does not answer", **variables_of(stub.url))


def test_certificate_that_nobody_knows(doctor: Doctor, tmp_path: Path) -> None:
    with StubServer({}, self_signed(tmp_path)) as server:
        words = ("SUPABASE_URL", "not trusted", "SSL_CERT_FILE")
        doctor.name_one(*words, **variables_of(server.url))


def test_server_without_tls(doctor: Doctor, stub: StubServer) -> None:
    url = stub.url.replace("http://", "https://")
    doctor.name_one("SUPABASE_URL", "TLS", **variables_of(url))


def test_tls_without_https(doctor: Doctor, tmp_path: Path) -> None:
    with StubServer({}, self_signed(tmp_path)) as server:
        url = server.url.replace("https://", "http://")
        doctor.name_one("SUPABASE_URL", "https://", **variables_of(url))


CONTAINER = variables_of("http://kong:8000")


def test_proxy_that_is_not_there(doctor: Doctor) -> None:
    proxy = {"HTTP_PROXY": f"http://127.0.0.1:{free_port()}"}
    doctor.name_one("HTTP_PROXY", "cannot be reached", **CONTAINER | proxy)


def test_proxy_that_refuses(doctor: Doctor, stub: StubServer) -> None:
    stub.otherwise = StubAnswer(407, PAGE)
    doctor.name_one("ALL_PROXY", "refuses", **CONTAINER | {"ALL_PROXY": stub.url})


@pytest.mark.parametrize(("seconds", "words"), [(3_600, "behind"), (-3_600, "ahead")])
def test_clock_that_is_wrong(doctor: Doctor, stub: StubServer, seconds: int, words: str) -> None:
    date = {"Date": formatdate(time.time() + seconds, usegmt=True)}
    stub.answers = {
        path: StubAnswer(answer.status, answer.body, date) for path, answer in stub.answers.items()
    } | {VERSION_PATH: StubAnswer(540, PAGE, date)}
    wrongs = doctor.examine(**variables_of(stub.url)).wrongs
    assert len(wrongs) == 2
    assert "clock" in wrongs[1]
    assert words in wrongs[1]


def test_whole_run_is_bounded(
    doctor: Doctor, stub: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("src.doctor.examination.TOTAL_SECONDS", 0.3)
    stub.open.clear()
    doctor.name_one("doctor", "not all", **variables_of(stub.url))


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
