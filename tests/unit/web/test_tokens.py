"""The verifier of access tokens: which tokens it accepts, and where it gets the keys."""

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


def hang(auth: AuthServer) -> None:
    """Let the next request for keys hang until `auth.open` is set."""
    auth.open.clear()
    auth.asked.clear()


async def until_asked(auth: AuthServer) -> None:
    assert await asyncio.to_thread(auth.asked.wait, 30)


# Good tokens


async def test_published_keys_need_no_setting_but_the_url(auth: AuthServer) -> None:
    """ES256 and RS256 tokens of the project name their user; the keys are fetched once."""
    for fetches, slash in enumerate(("", "/"), start=1):
        async with verifying(auth.url + slash) as verifier:
            assert await verifier.verify(auth.mint.es256(ANA)) == ANA
            assert await verifier.verify(auth.mint.rs256(ANA)) == ANA
        assert auth.fetches == fetches


async def test_secret_verifies_hs256_without_the_network(auth: AuthServer) -> None:
    """A legacy token needs the secret alone; the newer ones are verified beside it."""
    async with verifying(auth.url, auth.mint.secret) as verifier:
        assert await verifier.verify(auth.mint.hs256(ANA)) == ANA
        assert auth.fetches == 0
        assert await verifier.verify(auth.mint.es256(ANA)) == ANA


async def test_hs256_without_the_secret_is_refused(
    auth: AuthServer, verifier: TokenVerifier
) -> None:
    """Without the secret nothing can verify it, and no fetch would help."""
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
    async with verifying(None) as verifier:
        for token in (auth.mint.hs256(ANA), auth.mint.es256(ANA), auth.mint.rs256(ANA), ""):
            with pytest.raises(UnauthenticatedError):
                await verifier.verify(token)


async def test_unusual_but_good_tokens_are_accepted(
    auth: AuthServer, verifier: TokenVerifier
) -> None:
    """Clocks a little apart, an audience in a list, and claims that are none of our business."""
    now = time.time()
    unusual: list[dict[str, object]] = [
        {"aud": ["authenticated"]},
        {"exp": now - 3},
        {"exp": now + 60.5},
        {"nbf": now + 3},
        {"role": "a_role_of_its_own"},
        {"user_metadata": {"exp": "x", "sub": ["y"], "deep": [[[{}]]]}},
        {"sub": str(ANA).upper()},
    ]
    for claims in unusual:
        assert await verifier.verify(auth.mint.es256(ANA, **claims)) == ANA, claims


# Defects


@pytest.mark.parametrize("with_secret", [False, True], ids=["jwks", "jwks and secret"])
async def test_every_defect_is_unauthenticated_and_quoted_nowhere(
    auth: AuthServer, caplog: pytest.LogCaptureFixture, *, with_secret: bool
) -> None:
    """No defect escapes as another error, and neither the error nor the log repeats the token.

    No defect stops the verifier from accepting a good token afterwards.
    """
    caplog.set_level(logging.DEBUG)
    async with verifying(auth.url, auth.mint.secret if with_secret else None) as verifier:
        for defect, token_with in DEFECTS.items():
            caplog.clear()
            token = token_with(auth.mint, ANA)
            error = await refusal(verifier, token)
            assert isinstance(error, UnauthenticatedError), f"{defect}: {error!r}"
            assert error.token_given, defect
            assert await verifier.verify(auth.mint.es256(ANA)) == ANA, defect
            written = caplog.text + "".join(traceback.format_exception(error))
            assert "token refused: " in written, defect
            for secret in {*token.split("."), str(ANA), auth.mint.secret}:
                assert len(secret) < 8 or secret not in written, defect


async def refusal(verifier: TokenVerifier, token: str) -> Exception | None:
    """Return the error with which a token is refused, if it is."""
    try:
        await verifier.verify(token)
    except Exception as error:  # noqa: BLE001  which one is what the tests look at
        return error
    return None


async def test_reason_repeats_nothing_that_the_token_says(
    auth: AuthServer, verifier: TokenVerifier, caplog: pytest.LogCaptureFixture
) -> None:
    """The cryptographic library quotes the token in its messages; they go no further."""
    caplog.set_level(logging.DEBUG)
    token = signed(auth.mint.claims(ANA), auth.mint.ec_key, crit=["canary"])
    with pytest.raises(UnauthenticatedError) as caught:
        await verifier.verify(token)
    assert "canary" not in caplog.text + "".join(traceback.format_exception(caught.value))


async def test_token_that_no_published_key_could_verify_causes_no_fetch(
    auth: AuthServer, verifier: TokenVerifier
) -> None:
    """The verifier fetches keys only when one of them might help."""
    for defect in ("alg none", "HS384", "PS256", "kid missing", "oversized"):
        with pytest.raises(UnauthenticatedError):
            await verifier.verify(DEFECTS[defect](auth.mint, ANA))
    assert auth.fetches == 0


async def test_public_key_configured_as_the_secret_verifies_nothing(auth: AuthServer) -> None:
    """Everybody knows the public key, so that everybody could sign with it."""
    key = auth.mint.ec_key
    for secret in (key.pem().decode(), json.dumps(key.jwk())):
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
    """All wait for the same answer; one that is cancelled does not cancel it for the others."""
    hang(auth)
    tokens = [auth.mint.es256(ANA) for _ in range(50)]
    waiting = [asyncio.create_task(verifier.verify(token)) for token in tokens]
    await until_asked(auth)
    waiting.pop(0).cancel()
    auth.open.set()
    assert await asyncio.gather(*waiting) == [ANA] * 49
    assert auth.fetches == 1


async def test_rotated_key_is_found_and_the_old_one_forgotten(
    auth: AuthServer, verifier: TokenVerifier, clock: Clock
) -> None:
    """A token of a new key causes a fetch; a key that is no longer published is not accepted."""
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
    """Even if no token of a new key ever comes, and by every request during the fetch."""
    monkeypatch.setattr(jwks, "KNOWN_KEY_WAIT_SECONDS", 60)
    old = auth.mint.es256(ANA)
    assert await verifier.verify(old) == ANA
    auth.mint.rotate()
    clock.now += FRESH_SECONDS - 1
    assert await verifier.verify(old) == ANA
    clock.now += 1
    hang(auth)
    first = asyncio.create_task(verifier.verify(old))
    await until_asked(auth)
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


async def test_keys_that_cannot_be_fetched_are_not_the_tokens_fault(
    auth: AuthServer, verifier: TokenVerifier, clock: Clock
) -> None:
    """The error says unavailable, not unauthenticated, and the next fetch follows soon."""
    token = auth.mint.es256(ANA)
    for fetches, (fault, answer) in enumerate(UNUSABLE.items(), start=1):
        auth.answer = answer
        for _ in range(10):
            error = await refusal(verifier, token)
            assert isinstance(error, IdentityUnavailableError), f"{fault}: {error!r}"
        assert auth.fetches == fetches
        clock.now += RETRY_SECONDS
    auth.answer = None
    assert await verifier.verify(token) == ANA


async def test_cached_keys_outlive_an_outage_for_a_day(
    auth: AuthServer, verifier: TokenVerifier, clock: Clock
) -> None:
    """Known keys stay valid while no fetch succeeds, but not for ever."""
    token = auth.mint.es256(ANA)
    assert await verifier.verify(token) == ANA
    auth.answer = (500, b"{}")
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
    """The fetch has a total timeout, and other tokens are verified meanwhile."""
    if fault == "hang":
        hang(auth)
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
    """The known key is used meanwhile; the fetch outlives the request that started it."""
    async with verifying(auth.url, clock=clock, fetch_timeout=120) as verifier:
        old = auth.mint.es256(ANA)
        assert await verifier.verify(old) == ANA
        auth.mint.rotate()
        new = auth.mint.es256(ANA)
        hang(auth)
        clock.now += FRESH_SECONDS
        cancelled = asyncio.create_task(verifier.verify(old))
        await until_asked(auth)
        cancelled.cancel()
        async with asyncio.timeout(30):
            assert await verifier.verify(old) == ANA
        waiting = asyncio.create_task(verifier.verify(new))
        auth.open.set()
        assert await waiting == ANA
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
        hang(auth)
        clock.now += RETRY_SECONDS
        for _ in range(3):
            assert await at_once(verifier.verify(token)) == ANA
        await until_asked(auth)
        clock.now += STALE_SECONDS
        waiting = asyncio.create_task(verifier.verify(token))
        auth.open.set()
        with pytest.raises(UnauthenticatedError):
            await waiting
    assert auth.fetches == 3


async def test_fetch_that_fails_behind_the_requests_is_tried_again(
    auth: AuthServer, verifier: TokenVerifier, clock: Clock
) -> None:
    """One fetch after each pause, whose failure no request sees."""
    token = auth.mint.es256(ANA)
    assert await verifier.verify(token) == ANA
    auth.answer = (500, b"{}")
    clock.now += FRESH_SECONDS
    assert await verifier.verify(token) == ANA
    for fetches in (3, 4):
        auth.asked.clear()
        clock.now += RETRY_SECONDS
        assert await at_once(verifier.verify(token)) == ANA
        await until_asked(auth)
        with pytest.raises(IdentityUnavailableError):  # waits for the fetch that runs
            await verifier.verify(signed(auth.mint.claims(ANA), new_ec_key()))
        assert auth.fetches == fetches


async def test_any_other_error_is_unavailable() -> None:
    """Even one that no library documents: maybe no request waits for the fetch to see it."""
    async with verifying("http://[") as verifier:
        with pytest.raises(IdentityUnavailableError):
            await verifier.verify(signed({}, new_ec_key()))


async def test_unreachable_auth_is_unavailable(auth: AuthServer) -> None:
    """A refused connection is not the token's fault either."""
    with AuthServer(auth.mint.rsa_key) as gone:
        token = gone.mint.es256(ANA)
    async with verifying(gone.url) as verifier:
        with pytest.raises(IdentityUnavailableError):
            await verifier.verify(token)
    assert auth.fetches == 0


async def test_closing_ends_a_fetch_that_runs(auth: AuthServer) -> None:
    """Shutting down does not wait for Auth."""
    hang(auth)
    async with verifying(auth.url) as verifier:
        waiting = asyncio.create_task(verifier.verify(auth.mint.es256(ANA)))
        await until_asked(auth)
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_closing_ends_a_fetch_behind_the_requests(
    auth: AuthServer, verifier: TokenVerifier, clock: Clock
) -> None:
    """No task is left, even if no request waits for it."""
    token = auth.mint.es256(ANA)
    assert await verifier.verify(token) == ANA
    auth.answer = (500, b"{}")
    clock.now += FRESH_SECONDS
    assert await verifier.verify(token) == ANA
    hang(auth)
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
