"""What a log gets to see of a server's words."""

import json

import pytest

from src.llm.openrouter.quotations import MAX_WORDS_LENGTH, redact

KEY = "local-key-without-a-pattern"


def said(words: str, content: str, role: str = "user") -> str:
    return redact(words, [KEY], [{"role": role, "content": content}])


@pytest.mark.parametrize(
    "secret",
    [
        KEY,
        "sk-or-v1-0123456789abcdef",
        "sk-proj-abc***xyz9",
        "gsk_0123456789abc",
        "Bearer 0123456789",
        "AIzaSy0123456789abc",
        "eyJhbGciOi.J9eyJzdWIi.c2lnbmF0dXJl",
        "org-0123456789abc",
    ],
)
def test_secrets_go(secret: str) -> None:
    assert said(f"The key ({secret}) is bad", "{}") == "The key ([…]) is bad"


@pytest.mark.parametrize(
    ("goal", "quoted"),
    [
        ("Rust", "Rust"),
        ("Learn Python for data science", "Learn Python for data science"),
        ("Learn Python for data science", "learn python FOR DATA"),
        ("Изучить французский", "Изучить французский"),
        ("Изучить французский", "\\u0418\\u0437\\u0443\\u0447\\u0438\\u0442\\u044c \\u0444"),
        ("a\nline and another", "a line and another"),
    ],
)
def test_quotations_of_the_learner_go(goal: str, quoted: str) -> None:
    """As a whole however short, and any longer part of them, in either case and escaped."""
    content = json.dumps({"goal": goal}, ensure_ascii=False)
    shown = said(f"bad input: '{quoted}' in 'messages'", content)
    assert shown == "bad input: '[…]' in 'messages'"
    assert said(quoted, f"Rules first.\n\n{content}") == "[…]"


def test_own_words_stay() -> None:
    """The rules of the system message are ours, and parameters are no quotation."""
    words = "Unsupported parameter: 'max_tokens' is not supported with this model."
    assert said(words, '{"goal":"Learn Rust","kind":"week"}') == words
    assert said(words, words, role="system") == words


def test_length_is_bounded() -> None:
    shown = said("word " * 10_000, "{}")
    assert len(shown) == MAX_WORDS_LENGTH
    assert shown.endswith("…")
    assert "\n" not in said("a\nb", "{}")
