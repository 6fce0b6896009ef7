"""The key of a client: which requests share one."""

import pytest

from src.web.client_address import ClientKeys
from tests.support.settings import isolated_settings

PROXY = "100.64.0.7"
KEY = b"key"


def client_of(
    peer: str | None = PROXY,
    *headers: tuple[str, str],
    trusted: str | None = None,
    key: bytes = KEY,
) -> str:
    """Return the key of a client at this address with these headers."""
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    scope = {"type": "http", "client": peer and (peer, 1), "headers": raw}
    return ClientKeys(trusted, key).derive(scope)


def behind_proxy(*values: str, trusted: str = "X-Real-IP") -> str:
    """Return the key of a client for whom a proxy sends these values."""
    return client_of(PROXY, *(("X-Real-IP", value) for value in values), trusted=trusted)


def test_key_reveals_no_address() -> None:
    """It is a keyed hash: a reader of the database cannot try all addresses."""
    key = client_of("203.0.113.9")
    assert len(key) == 32
    assert int(key, 16)
    assert key == client_of("203.0.113.9")
    assert key != client_of("203.0.113.9", key=b"another")
    assert key != client_of("203.0.113.10")


@pytest.mark.parametrize("name", ["X-Real-IP", "X-Forwarded-For", "Forwarded", "CF-Connecting-IP"])
def test_header_is_ignored_unless_it_is_named(name: str) -> None:
    """The peer is the client, whatever the request says, even beside the trusted header."""
    assert client_of(PROXY, (name, "203.0.113.9")) == client_of(PROXY)
    spoofed = client_of(PROXY, (name, "203.0.113.9"), ("X-Edge", "203.0.113.1"), trusted="X-Edge")
    assert spoofed == client_of("203.0.113.1")


def test_trusted_header_is_believed() -> None:
    """In any case of its name; two clients behind one proxy have two keys."""
    assert behind_proxy("203.0.113.9") == client_of("203.0.113.9")
    assert behind_proxy("203.0.113.9", trusted="x-real-ip") == client_of("203.0.113.9")
    assert behind_proxy("203.0.113.9") != behind_proxy("203.0.113.10")


@pytest.mark.parametrize(
    "values",
    [
        ("1.1.1.1, 203.0.113.9",),
        ("1.1.1.1,203.0.113.9 ",),
        ("1.1.1.1, 2.2.2.2, 203.0.113.9",),
        ("unknown, 203.0.113.9",),
        ("1.1.1.1", "203.0.113.9"),
        ("1.1.1.1, 2.2.2.2", "203.0.113.9"),
    ],
)
def test_last_of_several_is_the_proxys_own(values: tuple[str, ...]) -> None:
    """Values that the client put before it have no effect, in one header or in two."""
    assert behind_proxy(*values) == client_of("203.0.113.9")


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "unknown",
        "203.0.113.9:443",
        "[2001:db8::1]",
        "203.0.113",
        "1.1.1.1,",
        "\xff",
        "::g",
    ],
)
def test_without_a_usable_address_the_proxy_is_the_client(value: str) -> None:
    """All such clients share its address."""
    assert behind_proxy(value) == client_of(PROXY)
    assert behind_proxy() == client_of(PROXY)


def test_household_is_one_client() -> None:
    """A household with one IPv6 address has 2⁶⁴ of them."""
    home = client_of("2001:db8:1:2::1")
    assert client_of("2001:db8:1:2:ffff:ffff:ffff:ffff") == home
    assert client_of("2001:DB8:1:2:0::9") == home
    assert client_of("2001:db8:1:2::1%eth0") == home
    assert client_of("2001:db8:1:3::1") != home
    assert behind_proxy("2001:db8:1:2::77") == home


def test_address_is_one_in_either_notation() -> None:
    """A socket that serves both kinds shows IPv4 addresses as IPv6 ones."""
    assert client_of("::ffff:203.0.113.9") == client_of("203.0.113.9")
    assert client_of("::ffff:203.0.113.9") != client_of("::ffff:203.0.113.10")
    assert behind_proxy("::ffff:203.0.113.9") == client_of("203.0.113.9")


@pytest.mark.parametrize("peer", [None, "", "testclient"])
def test_unknown_peer_has_a_key(peer: str | None) -> None:
    """For example over a Unix socket, where no peer has an address."""
    assert len(client_of(peer)) == 32
    assert client_of(peer, ("X-Real-IP", "203.0.113.9"), trusted="X-Real-IP") == client_of(
        "203.0.113.9"
    )


def test_platform_names_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Railway the header has a default; elsewhere none is trusted unless it is set."""
    project = {"supabase_url": "https://x.supabase.co", "supabase_service_role_key": "key"}
    assert isolated_settings(monkeypatch).proxy_header is None
    assert isolated_settings(monkeypatch, **project).proxy_header is None
    on_railway = isolated_settings(monkeypatch, railway_environment="production", **project)
    assert on_railway.proxy_header == "X-Real-IP"
    named = isolated_settings(monkeypatch, trusted_proxy_header="X-Edge", **project)
    assert named.proxy_header == "X-Edge"
