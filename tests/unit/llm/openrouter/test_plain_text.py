"""What is removed from a model's text, and what is not."""

import re
import time
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.domain.errors import ModelOutputError
from src.llm.openrouter.plain_text import (
    LONGEST_SCHEME,
    MAX_LINE_LENGTH,
    PlainProse,
    plain_line,
    plain_text,
)

OVERRIDES = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
REMOVED = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{OVERRIDES}]|://|www\\.", re.IGNORECASE)


def in_pieces(text: str, cuts: list[int]) -> str:
    """Return what becomes of prose that arrives cut at these places."""
    prose = PlainProse()
    borders = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    pieces = [text[start:end] for start, end in pairwise(borders)]
    return "".join([*map(prose.feed, pieces), prose.finish()])


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Go to https://x.example/a?b=1#c now.", "Go to  now."),
        ("Www.example.org is a page; so is HTTP://X.EXAMPLE", " is a page; so is "),
        ('requests.get("https://x.example/a", timeout=3)', 'requests.get("", timeout=3)'),
        ("[the book](https://x.example/a) and <ftp://x.example>", "[the book]() and <>"),
        ("`git clone git+ssh://git@x.example/a.git`", "`git clone `"),
        ("„https://x.example/a“ «https://x.example» “www.x.example”", "„“ «» “”"),
        ("{https://x.example/{id}}[https://x.example]", "{{id}}[]"),
        (
            "先看https://x.example/a。再看www.x.example、《https://x.example/b》",
            "先看。再看、《》",
        ),
        ("http://x.example/a\nNext\thttp://x.example/b\u00a0end", "\nNext\t\u00a0end"),
        ("http://www.x.example/http://y.example", ""),
        ("jdbc:postgresql://db/x 1http://x.example", "jdbc: 1"),
        ("ht\u202etps://x.example and www\x00.x.example", " and "),
        (f"{'x' * LONGEST_SCHEME}://a", ""),
        (f"{'x' * (LONGEST_SCHEME + 1)}://a", "x"),
    ],
)
def test_urls_are_removed(text: str, plain: str) -> None:
    """A URL ends before a blank, quote, bracket or wide punctuation mark: code keeps its form."""
    assert plain_text(text) == plain
    assert in_pieces(text, list(range(len(text)))) == plain


@pytest.mark.parametrize(
    "text",
    [
        "sqrt(x**2 + y**2), 2**3 and 4**5, __init__, ~~old~~",
        "vector<int> v; if (a<b && c>d) #include <stdio.h> List<String> a[i](j)",
        "**Read** `x` and [the docs](docs/a.md)\n# Title\n- item\n> quote",
        "ASP.NET/C# basics, README.md/docs, np.pi/2, crates.io, example.com/login, 10.0.0.0/24",
        "std::sort, C++://, https?://\\S+, http:// and www. alone, https://, and www...",
        "awww.cute, 4www.x and a://",
        "javascript:alert(1) data:text/html,x mailto:a@x.example urn:isbn:1",
        "<script>alert(1)</script> <img src=x onerror=alert(1)> <|im_end|> [INST]",
        "👩\u200d💻 👨\u200d👩\u200d👧 🏴\U000e0067\U000e0062\U000e0065\U000e007f ❤\ufe0f 👋🏽",
        "می\u200cروم क्\u200dष e\u0301 \u200e\u200f\u061c \ufeff\u00ad\u200b \ue000 \U000f0000",
        "a  b\u3000c\u00a0d\u2009e\n\tf\u2028g",
    ],
)
def test_everything_else_stays(text: str) -> None:
    """Markup, code, names, joiners, tags and blanks come through as they are."""
    assert plain_text(text) == text
    assert in_pieces(text, list(range(len(text)))) == text


@pytest.mark.parametrize(
    ("text", "prose", "line"),
    [
        ("a\r\nb\nc\td", "a\nb\nc\td", "a b c d"),
        ("a\rb\x0bc\x0cd\x85e", "abcde", "a b c d e"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m", "[31mred [0m"),
        (f"a{OVERRIDES}b", "ab", "ab"),
        ("  x\u3000 ", "  x\u3000 ", "x"),
        ("def f():\n    return 1", "def f():\n    return 1", "def f():     return 1"),
    ],
)
def test_control_characters(text: str, prose: str, line: str) -> None:
    """In prose line feeds and tabs stay and the others go; in a line each becomes a blank."""
    assert plain_text(text) == prose
    assert plain_line(text) == line


@pytest.mark.parametrize("text", ["https://x.example", " \n", "\u202e\x00", "\u200b\ufeff \u00ad"])
def test_line_without_visible_text_is_empty(text: str) -> None:
    """The rules of a plan then refuse it."""
    assert plain_line(text) == ""


def test_halves_of_surrogate_pairs_cannot_be_stored() -> None:
    """Two that meet become their character, also from two pieces; a single one is replaced."""
    assert plain_text("\ud83d\ude00 \ud83d \ude00") == "😀 \ufffd \ufffd"
    prose = PlainProse()
    assert prose.feed("Hi \ud83d") + prose.feed("\ude00!") == "Hi 😀!"
    assert prose.feed("\ud83d") + prose.finish() == "\ufffd"


def test_prose_is_returned_as_soon_as_possible() -> None:
    """Only what may become a URL waits, and never more than a scheme's length."""
    assert PlainProse().feed("先读第一章。然后") == "先读第一章。然后"
    assert PlainProse().feed("Read chapter one") == "Read chapter "
    assert PlainProse().feed("f(x) = x**2 + {y}") == "f(x) = x**2 + {y}"
    assert len(PlainProse().feed("x" * 1_000)) == 1_000 - LONGEST_SCHEME


@pytest.mark.parametrize("length", range(LONGEST_SCHEME - 6, LONGEST_SCHEME + 2))
def test_word_that_was_returned_in_part_is_still_a_word(length: int) -> None:
    """`www.` inside a long word begins no URL, although the word's start was returned before."""
    for text in (f"awww.{'x' * length}", f"awww.{'x' * length}字"):
        assert plain_text(text) == text
        assert in_pieces(text, list(range(len(text)))) == text


def test_line_that_is_too_long_is_refused() -> None:
    """It counts as a bad answer, so that it is requested again."""
    with pytest.raises(ModelOutputError):
        plain_line("x" * (MAX_LINE_LENGTH + 1))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "[" * 12_000,
            "a." * 6_000,
            "http" * 3_000,
            "www." * 3_000,
            "www. " * 2_400,
            "x" * 12_000,
        ),
        *("http://" * 1_700, "a:/" * 4_000, "a://" * 3_000, "://" * 4_000, "\u200b" * 12_000),
        *("https://x " * 1_200, "w" * 12_000, "+" * 12_000, "\ud83d" * 12_000, "\x00" * 12_000),
    ],
    ids=lambda text: text[:9].encode("unicode_escape").decode(),
)
def test_hostile_text_takes_no_time(text: str) -> None:
    """As much text as an answer may have, made to be slow to read, whole and in pieces."""
    began = time.process_time()
    plain_text(text)
    in_pieces(text, list(range(0, len(text), 4)))
    assert time.process_time() - began < 2


# Text that is dense in what the rule is about, with runs about as long as the longest scheme.
RUNS = st.integers(LONGEST_SCHEME - 3, LONGEST_SCHEME + 3).map(lambda length: "a" * length)
SHARDS = st.sampled_from(
    [
        *("http", "://", "www.", "W", "w", ".", ":", "/", "a", "1", "+", "-", " ", "\n", '"', ")"),
        *(
            "<",
            "»",
            "。",
            "字",
            "é",
            "\r",
            "\x00",
            "\u202e",
            "\ud83d",
            "\ude00",
            "\u200d",
            "\u2028",
        ),
    ]
)
TEXTS = st.lists(SHARDS | RUNS | st.text(max_size=3), max_size=25).map("".join)


@settings(deadline=None)
@given(text=TEXTS)
def test_rule_is_idempotent(text: str) -> None:
    """Nothing that is left forms a new URL."""
    once = plain_text(text)
    assert plain_text(once) == once
    assert plain_line(plain_line(text)) == plain_line(text)


@settings(deadline=None)
@given(text=TEXTS)
def test_nothing_forbidden_is_left(text: str) -> None:
    """No control character, no override, no half of a pair, and no URL."""
    for plain in (plain_text(text), plain_line(text)):
        assert not re.search(r"[A-Za-z][A-Za-z0-9]*://\w", plain)
        assert not re.search(r"(?<![A-Za-z0-9])www\.\w", plain, re.IGNORECASE)
        kinds = {unicodedata.category(character) for character in plain if character not in "\n\t"}
        assert not kinds & {"Cc", "Cs"}
        assert not set(plain) & set(OVERRIDES)
    assert not set(plain_line(text)) & set("\n\t")


@settings(deadline=None)
@given(text=TEXTS | st.text(st.characters(exclude_categories=["Cs"])))
def test_nothing_is_removed_without_a_reason(text: str) -> None:
    """Text without URLs, control characters and overrides is returned as it is."""
    harmless = REMOVED.sub("", text).encode(errors="replace").decode()
    assert plain_text(REMOVED.sub("", harmless)) == REMOVED.sub("", harmless)


@settings(deadline=None)
@given(text=TEXTS, cuts=st.lists(st.integers(0, 1_000), max_size=20))
def test_pieces_become_what_the_whole_becomes(text: str, cuts: list[int]) -> None:
    """However an answer is cut, the learner reads the same."""
    assert in_pieces(text, cuts) == plain_text(text)
