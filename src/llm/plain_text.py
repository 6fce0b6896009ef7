r"""Makes plain text of what a stranger wrote: no link, no markup, nothing that cannot be seen.

Every construct that is taken out stands on one line, and what makes it dangerous (`://`, `](`, a
`<` before a letter) is one word: text cut between words can be cleaned part by part.
"""

import re

LONGEST_MARKUP = 300
"""What opens and is not closed within so many characters is no markup."""

PASSES = 5
"""How often markup inside markup is unfolded; what is left then is broken up all the same."""

# Chinese and Japanese put no spaces between words, nor after a link.
WIDE = "\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef"
_LINKED = rf"[^\s{WIDE}]"

_TERMINAL_CODE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]{0,300}(?:\x07|\x1b\\)?)?|\x9b[0-?]*[ -/]*[@-~]"
)
_LINE_BREAK = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# Persian and the scripts of India need the joiners between letters, to be spelt right.
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
# Endings that are hardly ever those of a file or of a name in code, and others before a path.
_DOMAIN = re.compile(
    r"(?<![A-Z0-9.-])((?:[A-Z0-9-]{1,63}\.){0,8}?[A-Z0-9-]{1,63})"
    r"(?:(?:\.(?:com|org|edu|gov|info|biz|xyz|top|click|shop|online|site))+(?![\w-]|\.\w)"
    r"(?::\d+)?(?:[/?#]" + _LINKED + r"*)?"
    r"|\.(?:net|io|ai|dev|app|co|me|tv|cc|uk|de|es|fr|it|nl|pl|ru|cn|jp|br|eu|us|ch|at|se|ua|kr)"
    r"(?::\d+)?[/?#]" + _LINKED + r"*)",
    re.IGNORECASE,
)
_ADDRESS = (
    rf"(?:[a-z][a-z0-9+.-]{{1,20}}:[/\\]{{2}}|www\.|(?:java|vb)script:(?={_LINKED})"
    rf"|data:[\w.+-]{{1,60}}/[\w.+-]{{1,60}}[;,]|mailto:(?={_LINKED})){_LINKED}*"
)
# The blank after a link goes with it where there is another before it, so that nothing is joined.
_LINK = re.compile(rf"(?:(?<=\s)|^){_ADDRESS}[ \t]?|{_ADDRESS}", re.IGNORECASE)

_OPENING_TAG = re.compile(r"<(?=[A-Za-z/!?|])")


def visible(text: str) -> str:
    """Return a text without what cannot be seen; breaks of lines become line feeds."""
    text = _LINE_BREAK.sub("\n", _TERMINAL_CODE.sub("", text)).replace("\t", "    ")
    return _INVISIBLE.sub("", text)


def without_markup(text: str) -> str:
    """Return a text as it can be seen, without links and markup; a bare domain keeps its name."""
    text = visible(text)
    for _ in range(PASSES):
        before, text = text, _unfolded(text)
        if text == before:
            break
    text = _LINK.sub("", _DOMAIN.sub(r"\1", text))
    # Blanks leave what looks alike readable: `i <n` in code, or a list before a bracket.
    return _OPENING_TAG.sub("< ", text.replace("](", "] ("))


def _unfolded(text: str) -> str:
    text = _LINK_WITH_TEXT.sub(r"\1", text)
    text = _NAMELESS_TAG.sub("", _TAG.sub(r"\1", _ENCLOSED_LINK.sub("", text)))
    return _LINK.sub("", _DOMAIN.sub(r"\1", _EMPHASIS.sub(r"\2", text)))
