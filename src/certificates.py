"""The certificates that this process's connections trust."""

import ssl
from functools import cache

import httpx


@cache
def trusted_certificates() -> ssl.SSLContext:
    """Return the context for outgoing TLS: what httpx trusts, as `SSL_CERT_FILE` and the like say.

    Read once, since that takes 30 ms; a worker has what its master has read.
    """
    return httpx.create_ssl_context()
