"""The certificates that this process's connections trust."""

import ssl
from functools import cache

import httpx


@cache
def trusted_certificates() -> ssl.SSLContext:
    """Return the context for outgoing TLS: what httpx trusts, as `SSL_CERT_FILE` and the like say.

    Read once, since that takes 30 ms; a worker has what its master has read. Connections note in
    it that they speak HTTP/1.1: a client that speaks HTTP/2 needs one of its own.
    """
    return httpx.create_ssl_context()
