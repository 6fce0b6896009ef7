"""The doctor on addresses, keys and answers of Supabase's gateway: each is named, and only it."""

import pytest

from tests.support.doctor import (
    HOSTED_URL,
    PAGE,
    VERSION_PATH,
    Doctor,
    legacy_key,
    variables_of,
)
from tests.support.stub_http import StubAnswer, StubServer

ADDRESSES = {
    "the dashboard": (
        "https://supabase.com/dashboard/project/abcdefghijklmnopqrst",
        ("dashboard", HOSTED_URL),
    ),
    "PostgreSQL's host": (
        "https://db.abcdefghijklmnopqrst.supabase.co",
        ("PostgreSQL", HOSTED_URL),
    ),
    "the API's path": (f"{HOSTED_URL}/rest/v1/", ("/rest/v1",)),
    "no TLS": (HOSTED_URL.replace("https", "http"), ("http://", HOSTED_URL)),
    "a query": (f"{HOSTED_URL}?a=b", ("?",)),
}


@pytest.mark.parametrize(("url", "words"), ADDRESSES.values(), ids=ADDRESSES.keys())
def test_address_that_shows_what_it_is(doctor: Doctor, url: str, words: tuple[str, ...]) -> None:
    """No request is needed to know, and none is made."""
    doctor.name_one("SUPABASE_URL", *words, **variables_of(url))


def test_key_of_another_project(doctor: Doctor) -> None:
    key = {"SUPABASE_SERVICE_ROLE_KEY": legacy_key(ref="zzzzzzzzzzzzzzzzzzzz")}
    doctor.name_one(
        "SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY", "another", **variables_of(HOSTED_URL) | key
    )


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
    doctor.name_one(*words, **variables_of(stub.url))
