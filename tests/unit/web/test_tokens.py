"""Whose an access token is, as the verifier tells."""

import asyncio
import json
import logging
import time
import traceback
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from src.domain.errors import IdentityUnavailableError, UnauthenticatedError
from src.web import jwks
from src.web.jwks import (
    FRESH_SECONDS,
    MAX_JWKS_BYTES,
    REFETCH_SECONDS,
    RETRY_SECONDS,
    STALE_SECONDS,
)
from src.web.tokens import TokenVerifier
from tests.support import learners
from tests.support.bad_tokens import DEFECTS
from tests.support.tokens import (
    AuthServer,
    base64url,
    new_ec_key,
    new_rsa_key,
    shared,
    signed,
)

ANA = UUID(learners.ANA)


@dataclass
class Clock:
    """Seconds that pass when the test says so."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def verifying(
    url: str | None,
    secret: str | None = None,
    clock: Clock | None = None,
    fetch_timeout: float = 5.0,
) -> AsyncIterator[TokenVerifier]:
    verifier = TokenVerifier(
        project_url=url,
        secret=SecretStr(secret) if secret else None,
        fetch_timeout=fetch_timeout,
        clock=clock or Clock(),
    )
    try:
        yield verifier
    finally:
        await verifier.close()


@pytest.fixture
async def verifier(auth: AuthServer, clock: Clock) -> AsyncIterator[TokenVerifier]:
    async with verifying(auth.url, clock=clock) as verifier:
        yield verifier


async def at_once(verification: Coroutine[None, None, UUID]) -> UUID:
    """Return its result, which must wait for nothing: a few turns of the loop have to do."""
    task = asyncio.create_task(verification)
    for _ in range(10):
        await asyncio.sleep(0)
    assert task.done(), "it waits"
    return task.result()


# Whose


@pytest.mark.parametrize("slash", ["", "/"])
async def test_published_keys_need_no_setting_but_the_url(auth: AuthServer, slash: str) -> None:
    """ES256 and RS256 tokens of the project name their user; the keys are fetched once."""
    async with verifying(auth.url + slash) as verifier:
        assert await verifier.verify(auth.mint.es256(ANA)) == ANA
        assert await verifier.verify(auth.mint.rs256(ANA)) == ANA
    assert auth.fetches == 1


async def test_secret_verifies_hs256_without_the_network(auth: AuthServer) -> None:
    """A legacy token needs the secret alone; the newer ones are verified beside it."""
    async with verifying(auth.url, auth.mint.secret) as verifier:
        assert await verifier.verify(auth.mint.hs256(ANA)) == ANA
        assert auth.fetches == 0
        assert await verifier.verify(auth.mint.es256(ANA)) == ANA


async def test_hs256_without_the_secret_is_refused(
    auth: AuthServer, verifier: TokenVerifier
) -> None:
    """What cannot be verified is not believed, and not asked about either."""
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(auth.mint.hs256(ANA))
    assert auth.fetches == 0


async def test_secret_alone_verifies_where_there_is_no_project(auth: AuthServer) -> None:
    """The embedded database has no issuer to compare with; all else is checked."""
    async with verifying(None, auth.mint.secret) as verifier:
        assert await verifier.verify(auth.mint.hs256(ANA, iss="anyone")) == ANA
        for token in (
            auth.mint.hs256(ANA, exp=1),
            auth.mint.hs256(ANA, aud="anon"),
            auth.mint.hs256("ana"),
            auth.mint.api_key("service_role"),
            auth.mint.es256(ANA),
        ):
            with pytest.raises(UnauthenticatedError):
                await verifier.verify(token)


async def test_nothing_to_verify_with_refuses_every_token(auth: AuthServer) -> None:
    """Without a project and a secret a token is not taken at its word."""
    async with verifying(None) as verifier:
        for token in (auth.mint.hs256(ANA), auth.mint.es256(ANA), auth.mint.rs256(ANA), ""):
            with pytest.raises(UnauthenticatedError):
                await verifier.verify(token)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["authenticated"]},
        {"exp": -3},
        {"exp": 60.5},
        {"nbf": 3},
        {"role": "a_role_of_its_own"},
        {"user_metadata": {"exp": "x", "sub": ["y"], "deep": [[[{}]]]}},
        {"sub": str(ANA).upper()},
    ],
    ids=str,
)
async def test_unusual_but_good_tokens_are_accepted(
    auth: AuthServer, verifier: TokenVerifier, claims: dict[str, object]
) -> None:
    """Clocks a little apart, an audience in a list, and claims that are none of our business.

    Times are given in seconds from now.
    """
    now = time.time()
    times = {name: now + value for name, value in claims.items() if isinstance(value, int | float)}
    assert await verifier.verify(auth.mint.es256(ANA, **claims | times)) == ANA


# Defects


@pytest.mark.parametrize("with_secret", [False, True], ids=["jwks", "jwks and secret"])
@pytest.mark.parametrize("defect", DEFECTS)
async def test_every_defect_is_unauthenticated_and_quoted_nowhere(
    auth: AuthServer,
    defect: str,
    caplog: pytest.LogCaptureFixture,
    *,
    with_secret: bool,
) -> None:
    """No defect escapes as another error, and neither the error nor the log repeats the token."""
    caplog.set_level(logging.DEBUG)
    token = DEFECTS[defect](auth.mint, ANA)
    async with verifying(auth.url, auth.mint.secret if with_secret else None) as verifier:
        with pytest.raises(UnauthenticatedError) as caught:
            await verifier.verify(token)
        assert caught.value.token_given
        assert await verifier.verify(auth.mint.es256(ANA)) == ANA
    said = caplog.text + "".join(traceback.format_exception(caught.value))
    assert "token refused: " in said
    for secret in {*token.split("."), str(ANA), auth.mint.secret}:
        assert len(secret) < 8 or secret not in said


async def test_reason_repeats_nothing_that_the_token_says(
    auth: AuthServer, verifier: TokenVerifier, caplog: pytest.LogCaptureFixture
) -> None:
    """The cryptographic library's messages do, so they go no further."""
    caplog.set_level(logging.DEBUG)
    token = signed(auth.mint.claims(ANA), auth.mint.ec_key, crit=["canary"])
    with pytest.raises(UnauthenticatedError) as caught:
        await verifier.verify(token)
    assert "canary" not in caplog.text + "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("defect", ["alg none", "HS384", "PS256", "kid missing", "oversized"])
async def test_token_that_no_published_key_could_verify_causes_no_fetch(
    auth: AuthServer, verifier: TokenVerifier, defect: str
) -> None:
    """Keys are asked for only where one of them might help."""
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(DEFECTS[defect](auth.mint, ANA))
    assert auth.fetches == 0


@pytest.mark.parametrize("form", ["pem", "jwk"])
async def test_a_public_key_is_no_secret_even_where_it_was_configured_as_one(
    auth: AuthServer, form: str
) -> None:
    """Whoever pastes the public key into the secret's place does not open the door."""
    key = auth.mint.ec_key
    secret = key.pem().decode() if form == "pem" else json.dumps(key.jwk())
    async with verifying(auth.url, secret) as verifier:
        with pytest.raises(UnauthenticatedError):
            await verifier.verify(shared(auth.mint.claims(ANA), secret))


async def test_weak_rsa_key_is_refused(auth: AuthServer, verifier: TokenVerifier) -> None:
    """A published key that can be factored proves nothing."""
    auth.mint.rsa_key = new_rsa_key(1_024)
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(auth.mint.rs256(ANA))


# Keys


async def test_unknown_keys_cause_one_fetch_in_a_while(
    auth: AuthServer, verifier: TokenVerifier, clock: Clock
) -> None:
    """A hundred made-up key ids at once cost one fetch, and a hundred more cost none."""

    async def refused(count: int) -> None:
        answers = await asyncio.gather(
            *(
                verifier.verify(signed(auth.mint.claims(ANA), auth.mint.ec_key, kid=str(uuid4())))
                for _ in range(count)
            ),
            return_exceptions=True,
        )
        assert {type(answer) for answer in answers} == {UnauthenticatedError}

    await refused(100)
    assert auth.fetches == 1
    clock.now += REFETCH_SECONDS - 1
    await refused(100)
    assert auth.fetches == 1
    clock.now += 1
    await refused(100)
    assert auth.fetches == 2


async def test_concurrent_verifications_share_one_fetch(
    auth: AuthServer, verifier: TokenVerifier
) -> None:
    """They wait for the same answer; one that leaves does not take it from the others."""
    auth.open.clear()
    tokens = [auth.mint.es256(ANA) for _ in range(50)]
    waiting = [asyncio.create_task(verifier.verify(token)) for token in tokens]
    assert await asyncio.to_thread(auth.asked.wait, 30)
    waiting.pop(0).cancel()
    auth.open.set()
    assert await asyncio.gather(*waiting) == [ANA] * 49
    assert auth.fetches == 1


async def test_rotated_key_is_found_and_the_old_one_forgotten(
    auth: AuthServer, verifier: TokenVerifier, clock: Clock
) -> None:
    """A token of a new key has the keys fetched again; what is no longer published ends."""
    old = auth.mint.es256(ANA)
    assert await verifier.verify(old) == ANA
    auth.mint.rotate()
    clock.now += REFETCH_SECONDS
    assert await verifier.verify(auth.mint.es256(ANA)) == ANA
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(old)
    assert auth.fetches == 2


async def test_revoked_key_is_forgotten_when_the_keys_are_no_longer_fresh(
    auth: AuthServer, verifier: TokenVerifier, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nobody ever sends a token of a new key; by all who come while they are fetched."""
    monkeypatch.setattr(jwks, "KNOWN_KEY_WAIT_SECONDS", 60)
    old = auth.mint.es256(ANA)
    assert await verifier.verify(old) == ANA
    auth.mint.rotate()
    clock.now += FRESH_SECONDS - 1
    assert await verifier.verify(old) == ANA
    clock.now += 1
    auth.open.clear()
    auth.asked.clear()
    first = asyncio.create_task(verifier.verify(old))
    assert await asyncio.to_thread(auth.asked.wait, 30)
    second = asyncio.create_task(verifier.verify(old))
    await asyncio.sleep(0)
    auth.open.set()
    answers = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(answer) for answer in answers] == [UnauthenticatedError] * 2


UNUSABLE = {
    "an error": (500, b"{}"),
    "an error in the form of a key set": (503, b'{"keys":[]}'),
    "a gateway's page": (502, b"<html>"),
    "not there": (404, b'{"message":"no Route matched"}'),
    "elsewhere": (302, b""),
    "a page with status 200": (200, b"<html>"),
    "no keys in it": (200, b"{}"),
    "a list": (200, b"[]"),
    "deep": (200, b"[" * 10_000),
    "too large": (200, b'{"keys":[],"x":"' + b"x" * MAX_JWKS_BYTES + b'"}'),
}


@pytest.mark.parametrize("fault", UNUSABLE)
async def test_keys_that_cannot_be_fetched_are_not_the_tokens_fault(
    auth: AuthServer, verifier: TokenVerifier, clock: Clock, fault: str
) -> None:
    """That is unavailable and not unauthenticated, and is tried again after a short while."""
    auth.answer = UNUSABLE[fault]
    token = auth.mint.es256(ANA)
    for _ in range(10):
        with pytest.raises(IdentityUnavailableError):
            await verifier.verify(token)
    assert auth.fetches == 1
    auth.answer = None
    clock.now += RETRY_SECONDS
    assert await verifier.verify(token) == ANA


@pytest.mark.parametrize("fault", UNUSABLE)
async def test_cached_keys_outlive_an_outage_for_a_day(
    auth: AuthServer, verifier: TokenVerifier, clock: Clock, fault: str
) -> None:
    """Known keys go on while they cannot be fetched again, but not for ever."""
    token = auth.mint.es256(ANA)
    assert await verifier.verify(token) == ANA
    auth.answer = UNUSABLE[fault]
    clock.now += FRESH_SECONDS
    assert await verifier.verify(token) == ANA
    assert await verifier.verify(token) == ANA
    assert auth.fetches == 2
    with pytest.raises(IdentityUnavailableError):
        await verifier.verify(signed(auth.mint.claims(ANA), new_ec_key()))
    clock.now += STALE_SECONDS - FRESH_SECONDS
    with pytest.raises(IdentityUnavailableError):
        await verifier.verify(token)


@pytest.mark.parametrize("fault", ["hang", "drip"])
async def test_slow_auth_blocks_nobody_else(auth: AuthServer, fault: str) -> None:
    """The wait for the keys as a whole has an end, and other tokens are verified meanwhile."""
    if fault == "hang":
        auth.open.clear()
    auth.drip_seconds = 0.05
    async with verifying(auth.url, auth.mint.secret, fetch_timeout=0.5) as verifier:
        waiting = asyncio.create_task(verifier.verify(auth.mint.es256(ANA)))
        verified = 0
        while not waiting.done():
            assert await at_once(verifier.verify(auth.mint.hs256(ANA))) == ANA
            await asyncio.sleep(0.005)
            verified += 1
        with pytest.raises(IdentityUnavailableError):
            await waiting
    assert verified > 5  # 1, if the fetch ran in the loop


async def test_known_key_does_not_wait_for_auth_that_hangs(auth: AuthServer, clock: Clock) -> None:
    """It is used meanwhile; the fetch outlives who left it, and serves whoever needs its answer."""
    async with verifying(auth.url, clock=clock, fetch_timeout=120) as verifier:
        old = auth.mint.es256(ANA)
        assert await verifier.verify(old) == ANA
        auth.mint.rotate()
        new = auth.mint.es256(ANA)
        auth.open.clear()
        auth.asked.clear()
        clock.now += FRESH_SECONDS
        leaving = asyncio.create_task(verifier.verify(old))
        assert await asyncio.to_thread(auth.asked.wait, 30)
        leaving.cancel()
        async with asyncio.timeout(30):
            assert await verifier.verify(old) == ANA
        needy = asyncio.create_task(verifier.verify(new))
        auth.open.set()
        assert await needy == ANA
        with pytest.raises(UnauthenticatedError):
            await verifier.verify(old)
    assert auth.fetches == 2


async def test_known_key_waits_for_nothing_after_a_fetch_that_failed(
    auth: AuthServer, clock: Clock
) -> None:
    """The next fetch runs behind the requests, until one succeeds or the keys are too old."""
    async with verifying(auth.url, clock=clock, fetch_timeout=120) as verifier:
        token = auth.mint.es256(ANA)
        assert await verifier.verify(token) == ANA
        auth.answer = (500, b"{}")
        clock.now += FRESH_SECONDS
        assert await verifier.verify(token) == ANA
        auth.answer = None
        auth.mint.rotate()
        auth.open.clear()
        auth.asked.clear()
        clock.now += RETRY_SECONDS
        for _ in range(3):
            assert await at_once(verifier.verify(token)) == ANA
        assert await asyncio.to_thread(auth.asked.wait, 30)
        clock.now += STALE_SECONDS
        waiting = asyncio.create_task(verifier.verify(token))
        auth.open.set()
        with pytest.raises(UnauthenticatedError):
            await waiting
    assert auth.fetches == 3


async def test_fetch_that_fails_behind_the_requests_is_tried_again(
    auth: AuthServer, verifier: TokenVerifier, clock: Clock
) -> None:
    """After each pause one, whose failure is nobody's; a request that follows a success waits."""
    token = auth.mint.es256(ANA)
    assert await verifier.verify(token) == ANA
    auth.answer = (500, b"{}")
    clock.now += FRESH_SECONDS
    assert await verifier.verify(token) == ANA
    for fetches in (3, 4):
        auth.asked.clear()
        clock.now += RETRY_SECONDS
        assert await at_once(verifier.verify(token)) == ANA
        assert await asyncio.to_thread(auth.asked.wait, 30)
        with pytest.raises(IdentityUnavailableError):  # waits for the fetch that runs
            await verifier.verify(signed(auth.mint.claims(ANA), new_ec_key()))
        assert auth.fetches == fetches


async def test_whatever_goes_wrong_is_unavailable() -> None:
    """Also what no library announces: nobody may be waiting for the fetch to hear of it."""
    async with verifying("http://[") as verifier:
        with pytest.raises(IdentityUnavailableError):
            await verifier.verify(signed({}, new_ec_key()))


async def test_unreachable_auth_is_unavailable(auth: AuthServer) -> None:
    """A refused connection, too, is not the token's defect."""
    with AuthServer(auth.mint.rsa_key) as gone:
        token = gone.mint.es256(ANA)
    async with verifying(gone.url) as verifier:
        with pytest.raises(IdentityUnavailableError):
            await verifier.verify(token)
    assert auth.fetches == 0


async def test_closing_ends_a_fetch_that_runs(auth: AuthServer) -> None:
    """Shutting down does not wait for Auth."""
    auth.open.clear()
    async with verifying(auth.url) as verifier:
        waiting = asyncio.create_task(verifier.verify(auth.mint.es256(ANA)))
        assert await asyncio.to_thread(auth.asked.wait, 30)
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_closing_ends_a_fetch_behind_the_requests(
    auth: AuthServer, verifier: TokenVerifier, clock: Clock
) -> None:
    """Nothing of it is left, also where nobody waits for it."""
    token = auth.mint.es256(ANA)
    assert await verifier.verify(token) == ANA
    auth.answer = (500, b"{}")
    clock.now += FRESH_SECONDS
    assert await verifier.verify(token) == ANA
    auth.open.clear()
    before = asyncio.all_tasks()
    clock.now += RETRY_SECONDS
    assert await verifier.verify(token) == ANA
    assert asyncio.all_tasks() > before
    await verifier.close()
    assert asyncio.all_tasks() == before


async def test_odd_entries_do_not_hide_the_good_key(
    auth: AuthServer, verifier: TokenVerifier
) -> None:
    """Published secrets, private keys and keys of other kinds and uses are passed over."""
    good, private, other, encrypting = auth.mint.ec_key, *(new_ec_key() for _ in range(3))
    secret = b"published by mistake, and a secret no more"
    odd = [
        {},
        {"kty": "oct"},
        {"kty": ["EC"]},
        {"kty": "EC", "kid": "a", "alg": "none"},
        {"kty": "EC", "kid": "a", "alg": ["ES256"]},
        {"kty": "EC", "kid": "a", "crv": "P-256", "x": 1, "y": None},
        {"kty": "RSA", "kid": "a", "n": "", "e": ""},
        {"kty": "RSA", "kid": "a", "n": "AQAB", "e": {"x": 1}},
        {"kty": "OKP", "kid": "a", "crv": "Ed25519", "x": "AAAA"},
        {"kty": "oct", "kid": "oct", "alg": "HS256", "k": base64url(secret)},
        {**new_ec_key().jwk(), "kid": 1},
        {**new_ec_key().jwk(), "kid": ["a"]},
        {**other.jwk(), "alg": "ES384"},
        {**encrypting.jwk(), "use": "enc"},
        {**new_ec_key().jwk(), "use": ["sig"]},
        private.private_jwk(),
        good.jwk(),
    ]
    auth.answer = (200, json.dumps({"keys": odd}).encode())
    assert await verifier.verify(auth.mint.es256(ANA)) == ANA
    claims = auth.mint.claims(ANA)
    for token in (
        shared(claims, secret, kid="oct"),
        signed(claims, good, kid="oct"),
        signed(claims, private),
        signed(claims, other),
        signed(claims, encrypting),
    ):
        with pytest.raises(UnauthenticatedError):
            await verifier.verify(token)
    assert auth.fetches == 1


async def test_project_without_published_keys_has_no_good_token(
    auth: AuthServer, verifier: TokenVerifier
) -> None:
    """An empty set, as a project with the legacy secret alone publishes it, is an answer."""
    auth.answer = (200, b'{"keys":[]}')
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(auth.mint.es256(ANA))
