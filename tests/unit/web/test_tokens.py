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
    TokenMint,
    base64url,
    new_ec_key,
    new_rsa_key,
    shared,
    signed,
)

ANA = UUID(learners.ANA)


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


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


@dataclass
class Project:
    auth: AuthServer
    verifier: TokenVerifier
    clock: Clock

    @property
    def mint(self) -> TokenMint:
        return self.auth.mint

    async def verify(self, token: str) -> UUID:
        return await self.verifier.verify(token)

    async def refuse(self, *tokens: str) -> None:
        await assert_refused(self.verifier, *tokens)

    async def fail(self, token: str) -> None:
        """Assert that the verifier cannot tell whether a token is good."""
        with pytest.raises(IdentityUnavailableError):
            await self.verifier.verify(token)

    async def begin_outage(self) -> str:
        """Let Auth fail once the keys are no longer fresh; return a token of a known key."""
        token = self.mint.es256(ANA)
        assert await self.verify(token) == ANA
        self.auth.answer = (500, b"{}")
        self.clock.now += FRESH_SECONDS
        assert await self.verify(token) == ANA
        return token


@pytest.fixture
async def project(auth: AuthServer) -> AsyncIterator[Project]:
    clock = Clock()
    async with verifying(auth.url, clock=clock, fetch_timeout=120) as verifier:
        yield Project(auth, verifier, clock)


async def assert_refused(verifier: TokenVerifier, *tokens: str) -> None:
    for token in tokens:
        with pytest.raises(UnauthenticatedError):
            await verifier.verify(token)


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


async def test_hs256_without_the_secret_is_refused(project: Project) -> None:
    """Without the secret nothing can verify it, and no fetch would help."""
    await project.refuse(project.mint.hs256(ANA))
    assert project.auth.fetches == 0


async def test_issuer_of_a_custom_domain(
    auth: AuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A project behind another address issues tokens under its own name; the log says which."""
    issuer = "https://auth.learn.example/auth/v1"
    verifier = TokenVerifier(project_url=auth.url, secret=None, issuer=issuer)
    assert await verifier.verify(auth.mint.es256(ANA, iss=issuer)) == ANA
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(auth.mint.es256(ANA))
    assert f"its issuer is not {issuer}, see SUPABASE_JWT_ISSUER" in caplog.text
    await verifier.close()


async def test_host_in_capitals(auth: AuthServer) -> None:
    """Auth names itself in lower case, however the operator writes the address."""
    verifier = TokenVerifier(project_url=auth.url.replace("127.0.0.1", "LOCALHOST"), secret=None)
    token = auth.mint.es256(ANA, iss=f"{auth.url.replace('127.0.0.1', 'localhost')}/auth/v1")
    assert await verifier.verify(token) == ANA
    await verifier.close()


async def test_secret_alone_verifies_where_there_is_no_project(auth: AuthServer) -> None:
    """The embedded database has no issuer to compare with; all else is checked."""
    async with verifying(None, auth.mint.secret) as verifier:
        assert await verifier.verify(auth.mint.hs256(ANA, iss="anyone")) == ANA
        await assert_refused(
            verifier,
            auth.mint.hs256(ANA, exp=1),
            auth.mint.hs256(ANA, aud="anon"),
            auth.mint.hs256("ana"),
            auth.mint.api_key("service_role"),
            auth.mint.es256(ANA),
        )


async def test_nothing_to_verify_with_refuses_every_token(auth: AuthServer) -> None:
    async with verifying(None) as verifier:
        tokens = (auth.mint.hs256(ANA), auth.mint.es256(ANA), auth.mint.rs256(ANA), "")
        await assert_refused(verifier, *tokens)


async def test_unusual_but_good_tokens_are_accepted(project: Project) -> None:
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
        assert await project.verify(project.mint.es256(ANA, **claims)) == ANA, claims


# Defects


@pytest.mark.parametrize("with_secret", [False, True], ids=["jwks", "jwks and secret"])
async def test_every_defect_is_unauthenticated_and_quoted_nowhere(
    auth: AuthServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    *,
    with_secret: bool,
) -> None:
    """No defect escapes as another error, and neither the error nor the log repeats the token.

    No defect stops the verifier from accepting a good token afterwards.
    """
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("src.web.log_limit.MAX_LINES_PER_SECOND", len(DEFECTS))
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
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    """The cryptographic library quotes the token in its messages; they go no further."""
    caplog.set_level(logging.DEBUG)
    token = signed(project.mint.claims(ANA), project.mint.ec_key, crit=["canary"])
    with pytest.raises(UnauthenticatedError) as caught:
        await project.verify(token)
    assert "canary" not in caplog.text + "".join(traceback.format_exception(caught.value))


async def test_token_that_no_published_key_could_verify_causes_no_fetch(project: Project) -> None:
    """The verifier fetches keys only when one of them might help."""
    for defect in ("alg none", "HS384", "PS256", "kid missing", "oversized"):
        await project.refuse(DEFECTS[defect](project.mint, ANA))
    assert project.auth.fetches == 0


async def test_public_key_configured_as_the_secret_verifies_nothing(auth: AuthServer) -> None:
    """Everybody knows the public key, so that everybody could sign with it."""
    key = auth.mint.ec_key
    for secret in (key.pem().decode(), json.dumps(key.jwk())):
        async with verifying(auth.url, secret) as verifier:
            await assert_refused(verifier, shared(auth.mint.claims(ANA), secret))


async def test_weak_rsa_key_is_refused(project: Project) -> None:
    """A published key that can be factored proves nothing."""
    project.mint.rsa_key = new_rsa_key(1_024)
    await project.refuse(project.mint.rs256(ANA))


# Keys


async def test_unknown_keys_cause_one_fetch_in_a_while(project: Project) -> None:
    """A hundred made-up key ids at once cost one fetch, and a hundred more cost none."""

    async def refused(count: int) -> None:
        answers = await asyncio.gather(
            *(
                project.verify(
                    signed(project.mint.claims(ANA), project.mint.ec_key, kid=str(uuid4()))
                )
                for _ in range(count)
            ),
            return_exceptions=True,
        )
        assert {type(answer) for answer in answers} == {UnauthenticatedError}

    await refused(100)
    assert project.auth.fetches == 1
    project.clock.now += REFETCH_SECONDS - 1
    await refused(100)
    assert project.auth.fetches == 1
    project.clock.now += 1
    await refused(100)
    assert project.auth.fetches == 2


async def test_concurrent_verifications_share_one_fetch(project: Project) -> None:
    """All wait for the same answer; one that is cancelled does not cancel it for the others."""
    hang(project.auth)
    tokens = [project.mint.es256(ANA) for _ in range(50)]
    waiting = [asyncio.create_task(project.verify(token)) for token in tokens]
    await until_asked(project.auth)
    waiting.pop(0).cancel()
    project.auth.open.set()
    assert await asyncio.gather(*waiting) == [ANA] * 49
    assert project.auth.fetches == 1


async def test_rotated_key_is_found_and_the_old_one_forgotten(project: Project) -> None:
    """A token of a new key causes a fetch; a key that is no longer published is not accepted."""
    old = project.mint.es256(ANA)
    assert await project.verify(old) == ANA
    project.mint.rotate()
    project.clock.now += REFETCH_SECONDS
    assert await project.verify(project.mint.es256(ANA)) == ANA
    await project.refuse(old)
    assert project.auth.fetches == 2


async def test_revoked_key_is_forgotten_when_the_keys_are_no_longer_fresh(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if no token of a new key ever comes, and by every request during the fetch."""
    monkeypatch.setattr(jwks, "KNOWN_KEY_WAIT_SECONDS", 60)
    old = project.mint.es256(ANA)
    assert await project.verify(old) == ANA
    project.mint.rotate()
    project.clock.now += FRESH_SECONDS - 1
    assert await project.verify(old) == ANA
    project.clock.now += 1
    hang(project.auth)
    first = asyncio.create_task(project.verify(old))
    await until_asked(project.auth)
    second = asyncio.create_task(project.verify(old))
    await asyncio.sleep(0)
    project.auth.open.set()
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


async def test_keys_that_cannot_be_fetched_are_not_the_tokens_fault(project: Project) -> None:
    """The error says unavailable, not unauthenticated, and the next fetch follows soon."""
    token = project.mint.es256(ANA)
    for fetches, answer in enumerate(UNUSABLE.values(), start=1):
        project.auth.answer = answer
        for _ in range(10):
            await project.fail(token)
        assert project.auth.fetches == fetches
        project.clock.now += RETRY_SECONDS
    project.auth.answer = None
    assert await project.verify(token) == ANA


async def test_cached_keys_outlive_an_outage_for_a_day(project: Project) -> None:
    """Known keys stay valid while no fetch succeeds, but not for ever."""
    token = await project.begin_outage()
    assert await project.verify(token) == ANA
    assert project.auth.fetches == 2
    await project.fail(signed(project.mint.claims(ANA), new_ec_key()))
    project.clock.now += STALE_SECONDS - FRESH_SECONDS
    await project.fail(token)


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


async def test_known_key_does_not_wait_for_auth_that_hangs(project: Project) -> None:
    """The known key is used meanwhile; the fetch outlives the request that started it."""
    old = project.mint.es256(ANA)
    assert await project.verify(old) == ANA
    project.mint.rotate()
    new = project.mint.es256(ANA)
    hang(project.auth)
    project.clock.now += FRESH_SECONDS
    cancelled = asyncio.create_task(project.verify(old))
    await until_asked(project.auth)
    cancelled.cancel()
    async with asyncio.timeout(30):
        assert await project.verify(old) == ANA
    waiting = asyncio.create_task(project.verify(new))
    project.auth.open.set()
    assert await waiting == ANA
    await project.refuse(old)
    assert project.auth.fetches == 2


async def test_known_key_waits_for_nothing_after_a_fetch_that_failed(project: Project) -> None:
    """The next fetch runs behind the requests, until one succeeds or the keys are too old."""
    token = await project.begin_outage()
    project.auth.answer = None
    project.mint.rotate()
    hang(project.auth)
    project.clock.now += RETRY_SECONDS
    for _ in range(3):
        assert await at_once(project.verify(token)) == ANA
    await until_asked(project.auth)
    project.clock.now += STALE_SECONDS
    waiting = asyncio.create_task(project.verify(token))
    project.auth.open.set()
    with pytest.raises(UnauthenticatedError):
        await waiting
    assert project.auth.fetches == 3


async def test_fetch_that_fails_behind_the_requests_is_tried_again(project: Project) -> None:
    """One fetch after each pause, whose failure no request sees."""
    token = await project.begin_outage()
    for fetches in (3, 4):
        project.auth.asked.clear()
        project.clock.now += RETRY_SECONDS
        assert await at_once(project.verify(token)) == ANA
        await until_asked(project.auth)
        await project.fail(signed(project.mint.claims(ANA), new_ec_key()))
        assert project.auth.fetches == fetches


async def test_unreachable_auth_is_unavailable(auth: AuthServer) -> None:
    """Nor is an error that no library documents the token's fault."""
    with AuthServer(auth.mint.rsa_key) as gone:
        token = gone.mint.es256(ANA)
    for url in (gone.url, "http://["):
        async with verifying(url) as verifier:
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


async def test_closing_ends_a_fetch_behind_the_requests(project: Project) -> None:
    """No task is left, even if no request waits for it."""
    token = await project.begin_outage()
    hang(project.auth)
    before = asyncio.all_tasks()
    project.clock.now += RETRY_SECONDS
    assert await project.verify(token) == ANA
    assert asyncio.all_tasks() > before
    await project.verifier.close()
    assert asyncio.all_tasks() == before


async def test_odd_entries_do_not_hide_the_good_key(project: Project) -> None:
    """Published secrets, private keys and keys of other kinds and uses are passed over."""
    good, private, other, encrypting = project.mint.ec_key, *(new_ec_key() for _ in range(3))
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
    project.auth.answer = (200, json.dumps({"keys": odd}).encode())
    assert await project.verify(project.mint.es256(ANA)) == ANA
    claims = project.mint.claims(ANA)
    await project.refuse(
        shared(claims, secret, kid="oct"),
        signed(claims, good, kid="oct"),
        signed(claims, private),
        signed(claims, other),
        signed(claims, encrypting),
    )
    assert project.auth.fetches == 1


async def test_project_without_published_keys_has_no_good_token(project: Project) -> None:
    """An empty set, as a project with the legacy secret alone publishes it, is an answer."""
    project.auth.answer = (200, b'{"keys":[]}')
    await project.refuse(project.mint.es256(ANA))
