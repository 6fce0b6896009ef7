"""Attackers whose bodies are hard to read, or no JSON at all."""

import gzip
import json
import zlib

from tests.support.abuse.attack import Attack
from tests.support.abuse.wire import Flood, answered, post
from tests.support.learners import REQUEST

MOST = 64 * 1024
"""Bytes of a body that is read."""

PATHS = (b"/generate_roadmap", b"/ask-assistant", b"/task/update")
BOMB = gzip.compress(bytes(50 * 1024 * 1024), compresslevel=1)


def _to_all(*bodies: bytes, header: bytes = b"") -> list[bytes]:
    return [post(path, body, header) for body in bodies for path in PATHS]


def _goals(*goals: str) -> list[bytes]:
    return [
        post(b"/generate_roadmap", json.dumps(REQUEST | {"goal": g, "duration_weeks": 0}).encode())
        for g in goals
    ]


def _with(name: str, value: bytes) -> bytes:
    rest = json.dumps({key: REQUEST[key] for key in REQUEST if key != name}).encode()
    return b'{"%s": %s, %s' % (name.encode(), value, rest[1:])


NUMBERS = [
    post(b"/generate_roadmap", _with(name, value))
    for name in ("duration_weeks", "daily_hours")
    for value in (
        b"9" * 4_000,
        b"9" * 60_000,
        b"1e400",
        b"-1e400",
        b"1" + b"0" * 308,
        b"NaN",
        b"1e-999999999",
        b"0." + b"3" * 60_000,
    )
]

ATTACKS = (
    Attack(
        "deep JSON",
        Flood(
            _to_all(b"[" * MOST, b'{"a":' * (MOST // 5), b"[" * 900 + b"]" * 900),
            answered(400, 422),
        ),
    ),
    Attack(
        "duplicate names", Flood(_to_all(b"{" + b'"a":1,' * 10_000 + b'"a":1}'), answered(400, 422))
    ),
    Attack(
        "thousands of names",
        Flood(
            _to_all(
                json.dumps(dict.fromkeys(map(str, range(4_500)), 1), separators=(",", ":")).encode()
            ),
            answered(422),
        ),
    ),
    Attack("huge numbers", Flood(NUMBERS, answered(400, 422))),
    Attack(
        "NUL and lone surrogates",
        Flood(
            [
                post(b"/generate_roadmap", _with("goal", text))
                for text in (
                    rb'"\u0000"',
                    rb'"\ud800"',
                    rb'"\udfff\ud800"',
                    b'"\xed\xa0\x80"',
                    b'"\0"',
                    b'"\xff"',
                )
            ],
            answered(400, 422),
        ),
    ),
    Attack(
        "goals that are hard to read",
        Flood(
            _goals(
                "e" + "\u0301" * 1_999,
                "\u202e" * 2_000,
                "\U0001f468\u200d" * 1_000,
                " " * 60_000,
                "a" * 60_000,
                "https://" * 250,
                "<" * 2_000,
            ),
            answered(422),
        ),
    ),
    Attack(
        "other encodings",
        Flood(
            _to_all(
                *(
                    json.dumps(REQUEST).encode(code)
                    for code in ("utf-16", "utf-32", "utf-8-sig", "cp037")
                )
            ),
            answered(400, 422),
        ),
    ),
    Attack(
        "compressed bodies",
        Flood(
            _to_all(BOMB, zlib.compress(bytes(MOST)), header=b"Content-Encoding: gzip\r\n"),
            answered(400, 413, 415, 422),
        ),
    ),
    Attack(
        "other media types",
        Flood(
            [
                post(path, b"a=b" * 1_000, content_type=b"Content-Type: %s\r\n" % kind)
                for path in PATHS
                for kind in (
                    b"application/x-www-form-urlencoded",
                    b"multipart/form-data; boundary=" + b"x" * 8_000,
                    b"text/plain",
                    b"application/json-seq",
                    b"",
                    b"application/json, text/plain",
                )
            ],
            answered(415),
        ),
    ),
    Attack(
        "bodies of a gigabyte",
        Flood(
            [
                post(path, b"{}").replace(b"Content-Length: 2", b"Content-Length: 1073741824")
                for path in PATHS
            ],
            answered(413),
        ),
    ),
    Attack("bodies beyond 64 KiB", Flood(_to_all(b" " * (MOST + 1)), answered(413))),
)
