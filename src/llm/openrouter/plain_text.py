"""Removes from a model's text what could mislead a reader, and nothing else.

Clients show every text as plain text, so markup, code and formulas stay. It removes:

- URLs, since programs turn them into links: a scheme with `://`, or `www.`, and what follows up to
  the next blank, quote or bracket. Not `std::sort`, `README.md` or `https?://`, which are no URLs,
  nor `javascript:`, `mailto:` and bare domains, which do not become links by themselves.
- Control characters (Unicode's category Cc), except line feeds and tabs in prose.
- U+202A to U+202E and U+2066 to U+2069: with them a text reads in another order than it is written.

Half of a surrogate pair is no character, and cannot be stored: U+FFFD takes its place.
"""

import re
import unicodedata

from src.domain.errors import ModelOutputError
from src.domain.vocabulary import has_visible_text

MAX_LINE_LENGTH = 2_000
"""In characters, of a goal, topic or task; a longer one is refused before any cleaning."""

LONGEST_SCHEME = 40
"""In characters. The longest in IANA's registry of URI schemes has 36."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_TRAILING_HALF = re.compile("[\ud800-\udbff]\\Z")

_OVERRIDES = "\u202a-\u202e\u2066-\u2069"
_UNWANTED = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_OVERRIDES}]")
_CONTROL = re.compile("\r\n|[\x00-\x1f\x7f-\x9f]")

_BRACKETS_AND_QUOTES = "<>\"'`" + "".join(
    character
    for character in map(chr, range(0x10000))
    if unicodedata.category(character) in {"Ps", "Pe", "Pi", "Pf"}
)
# Chinese and Japanese write no blank after a full stop or a comma: the character contains it.
_WIDE_PUNCTUATION = "\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f"
_LINKED = rf"[^\s{re.escape(_BRACKETS_AND_QUOTES)}{_WIDE_PUNCTUATION}]"
_SCHEME = rf"[A-Za-z](?:[A-Za-z0-9+.-]{{0,{LONGEST_SCHEME - 2}}}[A-Za-z0-9])?"
_LINK = rf"(?:{_SCHEME}://|(?<![A-Za-z0-9])[Ww]{{3}}\.)(?![.,:;!?…]){_LINKED}++"
_A_LINK = re.compile(_LINK)
_ENDS_IN_WORD = re.compile(r"[A-Za-z0-9]\Z")
_REST_OF_LINK = re.compile(f"{_LINKED}*+")
# What the next piece can still turn into a link, or continue.
_UNDECIDED = re.compile(
    rf"(?P<link>{_LINK})\Z|(?:[A-Za-z0-9+.-]{{1,{LONGEST_SCHEME}}}(?::/{{0,2}})?)?\Z"
)


def plain_text(text: str) -> str:
    """Return a whole text without URLs, control characters and direction overrides."""
    return _A_LINK.sub("", _UNWANTED.sub("", _mend_halves(text)))


def plain_line(text: str) -> str:
    """Return a text of a plan on one line: each line break or control character becomes a blank.

    Empty if nothing visible is left.

    Raises:
        ModelOutputError: the text is too long.
    """
    if len(text) > MAX_LINE_LENGTH:
        raise ModelOutputError(f"A text is longer than {MAX_LINE_LENGTH} characters.")
    line = plain_text(_CONTROL.sub(" ", text)).strip()
    return line if has_visible_text(line) else ""


class PlainProse:
    """Does what `plain_text` does for prose that arrives in pieces.

    It holds back only what a later piece could turn into a URL: at most a scheme's length.
    """

    def __init__(self) -> None:
        self._half = ""
        """The first half of a surrogate pair, whose other half may follow."""
        self._held = ""
        self._before = ""
        """`0` after a letter or digit, for `www.` begins no URL inside a word; else empty."""
        self._in_link = False

    def feed(self, piece: str) -> str:
        """Add a piece and return the plain text that no later piece can change; may be empty."""
        piece = self._half + piece
        half = _TRAILING_HALF.search(piece)
        self._half = half[0] if half else ""
        piece = piece[: len(piece) - len(self._half)]
        return self._advance(_UNWANTED.sub("", _mend_halves(piece)))

    def finish(self) -> str:
        """Return the remaining plain text."""
        ready = self._advance(_mend_halves(self._half))
        return ready + _A_LINK.sub("", self._before + self._held)[len(self._before) :]

    def _advance(self, piece: str) -> str:
        text = self._held + piece
        if self._in_link:
            text = _REST_OF_LINK.sub("", text, count=1)
            self._in_link = not text
        before, text = len(self._before), self._before + text
        undecided = _UNDECIDED.search(text, before)
        start = undecided.start() if undecided else len(text)
        self._held = text[start:]
        if undecided and undecided["link"]:
            self._in_link, self._held = True, ""
        ready = _A_LINK.sub("", text[:start])
        self._before = "0" if _ENDS_IN_WORD.search(ready) else ""
        return ready[before:]


def _mend_halves(text: str) -> str:
    """Join the halves of surrogate pairs, which some servers send apart; replace single ones."""
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
