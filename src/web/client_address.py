"""Derives from a request's address the key by which quotas tell clients apart."""

import hashlib
import hmac
import ipaddress

from starlette.datastructures import Headers
from starlette.types import Scope

IPV6_PREFIX = 64
"""Bits: one household usually gets all IPv6 addresses with the same prefix of this length."""


class ClientKeys:
    """Derives a key from each client's address.

    The address is the connection's, or the one in `trusted_header`, which a proxy in front of us
    must set on every request. The key is a keyed hash of it, since the database stores the key.
    """

    def __init__(self, trusted_header: str | None, key: bytes) -> None:
        self._trusted_header = trusted_header
        self._key = key

    def derive(self, scope: Scope) -> str:
        """Return 32 hexadecimal digits, the same for all requests from one client address."""
        return hmac.new(self._key, self._network(scope).encode(), hashlib.sha256).hexdigest()[:32]

    def _network(self, scope: Scope) -> str:
        peer = scope["client"][0] if scope.get("client") else ""
        name = self._trusted_header
        # Each proxy appends the address that it saw, to the list or as another header: our proxy's
        # entry is the last one.
        forwarded = ",".join(Headers(scope=scope).getlist(name)) if name else ""
        for address in (forwarded.rpartition(",")[2].strip(), peer):
            try:
                ip = ipaddress.ip_address(address)
            except ValueError:
                continue
            if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is None:
                return str(ipaddress.ip_network((ip, IPV6_PREFIX), strict=False))
            return str(getattr(ip, "ipv4_mapped", None) or ip)
        return peer
