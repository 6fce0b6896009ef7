"""What the libraries under us read from the environment by themselves, checked before they do.

Where a value is of no use to them they raise bare `ImportError`, `InvalidURL` or
`FileNotFoundError`, some only at the first request.
"""

import sqlite3
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from src.domain.errors import SettingsError

PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")

OLDEST_SQLITE = (3, 35)
"""The first SQLite whose `insert` and `update` have `returning`."""


def check_environment(variables: Mapping[str, str]) -> None:
    """Check proxies, certificates and this machine's SQLite.

    Raises:
        SettingsError: something is of no use; the message is one line with the variable's name.
    """
    for name, value in variables.items():
        if name.upper() in {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} and value.strip():
            _check_proxy(name, value.strip())
    _check_certificates(variables)
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise SettingsError(
            f"this Python's SQLite is {sqlite3.sqlite_version}, and 3.35 or newer is needed: use a"
            " newer Python, or Supabase"
        )


def check_encoding(path: Path) -> None:
    """Check that a file, if there is one, is text in UTF-8, with or without a byte order mark.

    Raises:
        SettingsError: it is in another encoding; the message is one line.
    """
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        text = "\0"
    except OSError:  # there is none, or it is a folder
        text = ""
    if "\0" in text:  # as in UTF-16, which is what PowerShell's `>` writes
        raise SettingsError(
            f"{path} is not in UTF-8: save it as UTF-8 (in PowerShell: Set-Content -Encoding utf8)"
        )


def _check_proxy(name: str, value: str) -> None:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        usable = parts.scheme in PROXY_SCHEMES and parts.hostname and parts.port != 0
    except ValueError:  # the port is not a number, or brackets do not match
        usable = False
    if not usable:
        raise SettingsError(
            f"{name} is no proxy's address: write one such as http://proxy.example:3128 or"
            " socks5://proxy.example:1080, or unset it"
        )


def _check_certificates(variables: Mapping[str, str]) -> None:
    if file := variables.get("SSL_CERT_FILE"):
        try:
            ssl.create_default_context(cafile=file)
        except (OSError, ssl.SSLError):
            raise SettingsError(
                "SSL_CERT_FILE is no file with certificates (PEM): correct its path, or unset it"
            ) from None
    directory = variables.get("SSL_CERT_DIR")
    if directory and not any(Path(each).is_dir() for each in directory.split(":")):
        raise SettingsError("SSL_CERT_DIR is no folder: correct its path, or unset it")
