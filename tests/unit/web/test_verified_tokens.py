"""Tokens that were verified are remembered with their key, until they expire."""

from uuid import UUID

import pytest

from src.web import verified_tokens
from src.web.verified_tokens import VerifiedTokens

ANA = UUID(int=1)


def test_token_is_known_until_it_expires() -> None:
    now = [1_000.0]
    tokens = VerifiedTokens(lambda: now[0])
    tokens.remember("a.b.c", "key", ANA, valid_until=1_060)
    assert tokens.find("a.b.c", "key") == ANA
    assert tokens.find("a.b.d", "key") is None
    now[0] = 1_060
    assert tokens.find("a.b.c", "key") is None


def test_token_is_verified_again_with_another_key() -> None:
    """A key that the project no longer publishes vouches for nothing."""
    tokens = VerifiedTokens(lambda: 0)
    tokens.remember("a.b.c", "old key", ANA, valid_until=60)
    assert tokens.find("a.b.c", "new key") is None


def test_the_oldest_token_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients cannot make a process remember ever more."""
    monkeypatch.setattr(verified_tokens, "MAX_TOKENS", 2)
    tokens = VerifiedTokens(lambda: 0)
    for token in ("first", "second", "third"):
        tokens.remember(token, "key", ANA, valid_until=60)
    found = [tokens.find(token, "key") for token in ("first", "second", "third")]
    assert found == [None, ANA, ANA]
