r"""Turns untrusted text into plain text without links, markup and invisible characters.

Every construct that is removed stands on one line, and what makes it dangerous (`://`, `](`, a `<`
before a letter) has no blank in it: text that is cut between words can be cleaned part by part.
"""

import re

from src.domain.errors import ModelOutputError

LONGEST_MARKUP = 300
"""In characters; an opening bracket or mark that is not closed within this is not markup."""

PASSES = 5
"""How many levels of markup inside markup are removed; the marks of deeper ones are broken up."""

# Chinese and Japanese put no spaces between words, nor after a link.
WIDE = "\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef"
_LINKED = rf"[^\s{WIDE}]"

_TERMINAL_CODE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]{0,300}(?:\x07|\x1b\\)?)?|\x9b[0-?]*[ -/]*[@-~]"
)
_LINE_BREAK = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# Persian and the scripts of India need the joiners between letters for correct spelling.
_JOINED = "[\u0620-\u0dff\u1000-\u109f\u1780-\u17ff\ua840-\uabff]"
_JOINER = rf"(?<!{_JOINED})[\u200c\u200d]|[\u200c\u200d](?!{_JOINED})"
_UNSEEN = (
    "[\x00-\x08\x0e-\x1f\x7f-\x9f"  # controls
    "\u00ad\u034f\u061c\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\ud800-\udfff\ue000-\uf8ff\U000f0000-\U0010ffff]"  # halves, and what has no meaning
)
_INVISIBLE = re.compile(f"{_UNSEEN}|{_JOINER}")

_LINK_WITH_TEXT = re.compile(
    rf"!?\[([^\]\n]{{0,{LONGEST_MARKUP}}})\]"
    rf"\((?:[^()\n]|\([^()\n]{{0,{LONGEST_MARKUP}}}\)){{0,{LONGEST_MARKUP}}}\)"
)
_ENCLOSED_LINK = re.compile(r"<(?:[a-z][a-z0-9+.-]{1,20}:|www\.)[^<>\s]{0,300}>", re.IGNORECASE)
_TAG = re.compile(rf"</?([A-Za-z][\w-]{{0,40}})[^<>\n]{{0,{LONGEST_MARKUP}}}>")
_NAMELESS_TAG = re.compile(rf"<(?:[!?][^<>\n]{{0,{LONGEST_MARKUP}}}|\|[^<>\n]{{0,40}}\|)>")
_EMPHASIS = re.compile(rf"(\*\*|~~|`{{1,3}})(?=\S)(.{{1,{LONGEST_MARKUP}}}?)(?<=\S)\1")
# A bare domain loses its ending, an IPv4 address its path. An ending is listed if there it hardly
# ever is a file type, a name in code or a unit: anywhere, anywhere but before a call's `(`, or
# before a path. So `README.md/…`, `np.pi/2`, `df.lt/df.gt`, `u.kg/u.m` and `10.0.0.0/24` stay.
_ENDINGS = "com org edu gov biz xyz shop online site"
_CALLABLE_ENDINGS = "info top click"
_ENDINGS_BEFORE_A_PATH = r"""
    net io ai dev app co me tv cc uk de es fr it nl pl ru cn jp br eu us ch at se ua kr
    ac ad ae af ag am ao ar au aw az ba bd be bf bg bh bi bj bm bn bo bt bw by ca cf cg ck cl cr cu
    cy cz dj dk dm dz ec ee eg fi fj fm fo ga gd gf gg gh gi gl gm gp gq gr gy hk hn hr ht hu ie il
    iq ir jo ke kh kz la li lk lu lv ly mc mn mq mr mt mw mx my mz ng ni no nu nz om pa
    pe ph pr pt pw qa ro rw sa sg si sk sn su tg th tj tk tl tm tn to tr tt tw ug uy uz va vc
    vg vn vu ye yt za zm zw
    academy agency art asia blog bond buzz cfd cloud cyou design digital fun gle guru icu ink life
    link live lol mobi monster news ninja page pro quest rocks sbs social space store studio tech
    vip website wiki world wtf
    xn--[a-z0-9-]{2,59}
    бг бел дети ею қаз мкд мон москва онлайн рус рф сайт срб укр"""  # noqa: RUF001  Cyrillic
_WORD = rf"[^\W{WIDE}]"
_PATH = rf"(?:[/#]|\?(?={_WORD}|[/%&=])){_LINKED}*"
_IPV4 = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
_NETWORK = rf"/(?:[12]?[0-9]|3[0-2]|{_IPV4})(?!{_WORD}|[/?#=&%@]|\.{_WORD})"


def _any(endings: str) -> str:
    return rf"\.(?:{'|'.join(endings.split())})"


_DOMAIN = re.compile(
    rf"(?<![A-Z0-9.-])({_IPV4})(?::[0-9]+)?(?!{_NETWORK}){_PATH}"
    rf"|(?<=[\w-])(?<![{WIDE}])"
    rf"(?:(?:{_any(_ENDINGS)}|{_any(_CALLABLE_ENDINGS)}(?!\()){{1,20}}+(?!{_WORD}|-|\.{_WORD})"
    rf"(?::[0-9]+)?(?:{_PATH})?|{_any(_ENDINGS_BEFORE_A_PATH)}(?::[0-9]+)?{_PATH})",
    re.IGNORECASE,
)
_ADDRESS = (
    rf"(?:[a-z][a-z0-9+.-]{{1,20}}:[/\\]{{2}}|www\.|(?:java|vb)script:(?={_LINKED})"
    rf"|data:[\w.+-]{{1,60}}/[\w.+-]{{1,60}}[;,]|mailto:(?={_LINKED})){_LINKED}*"
)
# The blank after a link is removed with it if there is one before it, too: no words are joined.
_LINK = re.compile(rf"(?:(?<=\s)|^){_ADDRESS}[ \t]?|{_ADDRESS}", re.IGNORECASE)

_OPENING_TAG = re.compile(r"<(?=[A-Za-z/!?|])")


def visible(text: str) -> str:
    """Return a text without invisible characters; every line break becomes a line feed."""
    text = _LINE_BREAK.sub("\n", _TERMINAL_CODE.sub("", text)).replace("\t", "    ")
    return _INVISIBLE.sub("", text)


def without_markup(text: str) -> str:
    """Return a text's visible part without links and markup; a bare domain keeps its name."""
    text = visible(text)
    for _ in range(PASSES):
        before, text = text, _unfold(text)
        if text == before:
            break
    text = _LINK.sub("", _DOMAIN.sub(r"\1", text))
    # Blanks keep harmless text readable: `i <n` in code, or a list before a bracket.
    return _OPENING_TAG.sub("< ", text.replace("](", "] ("))


def _unfold(text: str) -> str:
    text = _LINK_WITH_TEXT.sub(r"\1", text)
    text = _NAMELESS_TAG.sub("", _TAG.sub(r"\1", _ENCLOSED_LINK.sub("", text)))
    return _LINK.sub("", _DOMAIN.sub(r"\1", _EMPHASIS.sub(r"\2", text)))


MAX_LINE_LENGTH = 2_000
"""In characters, of a goal, topic or task; a longer one is refused before any cleaning."""

_BULLET = re.compile(r"^(?:#+|[-*+•])\s+")
_BOUNDARY = rf"(?:[^\S\r]|[{WIDE}])"
_SOME_BOUNDARY = re.compile(_BOUNDARY)
_TO_LAST_BOUNDARY = re.compile(rf".*{_BOUNDARY}", re.DOTALL)
_MARKUP = re.compile(
    rf"!?\[[^\]\n]{{0,{LONGEST_MARKUP}}}(?:\]\([^)\n]{{0,{LONGEST_MARKUP}}}(?:\)|\Z)|\]?\Z)"
    rf"|<[A-Za-z/!?|][^<>\n]{{0,{LONGEST_MARKUP}}}(?:>|\Z)"
    rf"|(\*\*|~~|`{{1,3}})(?=\S|\Z).{{0,{LONGEST_MARKUP}}}?(?:\1|\Z)"
)
"""Markup that `without_markup` removes and that may contain blanks, finished or not."""


def plain_line(text: str) -> str:
    """Return a text of a plan as one plain line: no link, no tag, no markdown, no line break.

    Raises:
        ModelOutputError: the text is too long.
    """
    if len(text) > MAX_LINE_LENGTH:
        raise ModelOutputError(f"A text is longer than {MAX_LINE_LENGTH} characters.")
    return _BULLET.sub("", " ".join(without_markup(text).split()))


class PlainProse:
    """Removes links and markup from prose that arrives in pieces."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """Add a piece and return the plain text that no later piece can change; may be empty."""
        self._held += piece
        if not _SOME_BOUNDARY.search(piece):
            return ""
        end = self._last_boundary(len(self._held))
        for markup in reversed(list(_MARKUP.finditer(self._held))):
            if markup.start() < end <= markup.end():
                end = self._last_boundary(markup.start())
        ready, self._held = self._held[:end], self._held[end:]
        return without_markup(ready)

    def finish(self) -> str:
        """Return the remaining plain text."""
        return without_markup(self._held)

    def _last_boundary(self, before: int) -> int:
        boundary = _TO_LAST_BOUNDARY.match(self._held, 0, before)
        return boundary.end() if boundary else 0
