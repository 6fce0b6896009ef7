"""From which address a request comes, as far as the limits need to know."""

import hashlib
import hmac
import ipaddress

from starlette.datastructures import Headers
from starlette.types import Scope

IPV6_PREFIX = 64
"""Bits of an IPv6 address: a household has all addresses that share them."""


class ClientKeys:
    """Tells clients apart without telling who they are.

    The address is that of the connection, or what `trusted_header` says, which a proxy in front of
    us must set on every request. It is told as a keyed hash, since the database keeps it.
    """

    def __init__(self, trusted_header: str | None, key: bytes) -> None:
        self._trusted_header = trusted_header
        self._key = key

    def derive(self, scope: Scope) -> str:
        """Return 32 hexadecimal digits that all requests of one client address share."""
        return hmac.new(self._key, self._network(scope).encode(), hashlib.sha256).hexdigest()[:32]

    def _network(self, scope: Scope) -> str:
        peer = scope["client"][0] if scope.get("client") else ""
        name = self._trusted_header
        # Each proxy adds what it saw at the end, to the list or as another header: the last entry
        # is our proxy's own.
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
