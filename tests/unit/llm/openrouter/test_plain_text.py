"""Plain text out of what a stranger wrote."""

import time

import pytest

from src.domain.errors import ModelOutputError
from src.llm.openrouter.plain_text import (
    MAX_LINE_LENGTH,
    PlainProse,
    plain_line,
    visible,
    without_markup,
)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Log in at docs.example.com/login now", "Log in at docs.example now"),
        ("请看example.org。然后https://x.example/a。再见", "请看example。然后。再见"),
        ("Node.js, main.py, ASP.NET and e.g. np.dot stay", None),
        ("bit.ly/3xYz youtu.be/dQw4 Discord.GG/abc amzn.to/b", "bit youtu Discord amzn"),
        ("evil.page/login?u=1 x.evil.link#a evil.live?u=1 evil.app:443/", "evil x.evil evil evil"),
        ("evil.com?u=1 evil.org:8080 evil.com#/x evil.co.uk/x", "evil evil evil evil.co"),
        (f"{'a.' * 40}example.com/x", f"{'a.' * 40}example"),
        (f"a{'.com' * 60}/x", "a"),
        ("xn--e1afmkfd.xn--p1ai/x Пример.РФ/путь сайт.укр/?ж=1", "xn--e1afmkfd Пример сайт"),
        ("münchen.de/x пример.com/x 看example.com是", "münchen пример 看example是"),
        ("203.0.113.5/login 203.0.113.5:80/a", "203.0.113.5 203.0.113.5"),
        ("203.0.113.5?u=1 203.0.113.5/24/a 203.0.113.5/33", " ".join(["203.0.113.5"] * 3)),
        ("看203.0.113.5/a。", "看203.0.113.5。"),
        ("README.md/docs, main.py/tests, Node.js/React, os.path/pathlib, .NET/C#", None),
        ("System.in/System.out, np.in/out, numpy.ma/masked", None),
        ("np.pi/2, torch.nn/functional, operator.lt/operator.gt, user.name/user.id", None),
        ("logger.info('x'), stack.top(), this.store?.id", None),
        ("TCP/IP, and/or, e.g./i.e., m.in./np., т.д./т.п., 1.5/2.0, v1.2.3.4/x", None),
        ("10.0.0.0/24, 10.0.0.0/8. 10.0.0.0/30的 10.0.0.0/24-Netz 192.168.1.1:8080", None),
        ("8.8.8.8/8.8.4.4 and 10.0.0.0/255.0.0.0", None),
        ("Do you know crates.io? Or example.com?", "Do you know crates.io? Or example?"),
        ("<https://x.example/a> is", " is"),
        ("[a](javascript:alert(1)) javascript:alert(1)", "a "),
        ("data:text/html;base64,AAAA x", "x"),
        ("JavaScript: the good parts", None),
        ("<|im_end|>Read<!-- x --> this", "Read this"),
        ("<<b>img src=x onerror=alert(1)>", "bimg"),
        ("<img src=x onerror=alert(1) ", "< img src=x onerror=alert(1) "),
        ("for (i = 0; i <n; i++)", "for (i = 0; i < n; i++)"),
        ("1 < 2 and a[0] (first)", None),
        ("java www.x script:alert(1)", "java script:alert(1)"),
    ],
)
def test_links_and_markup_are_taken_out(text: str, plain: str | None) -> None:
    """What is a link or a tag goes; names, files and code that look alike stay."""
    assert without_markup(text) == (text if plain is None else plain)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m \x9b2J", "red "),
        ("a\x00b\x07\x7f\x85c\u2028d\r\ne\tf", "ab\nc\nd\ne    f"),
        ("\u202eevil\u202c\u2066x\u2069\ufeff\u00ad\u200b", "evilx"),
        ("tags\U000e0041\U000e0042 \ufe01\U000e0101", "tags "),
        ("می\u200cروم क्\u200dष", None),
        ("a\u200cb\u200d", "ab"),
        ("\u2764\ufe0f ملاحظة: ٣، naïve 漢字 ½ €", None),
    ],
)
def test_only_what_can_be_seen_stays(text: str, shown: str | None) -> None:
    """Controls, directions and hidden letters go; joiners stay where spelling needs them."""
    assert visible(text) == (text if shown is None else shown)


@pytest.mark.parametrize(
    "text",
    [
        *("[" * 12_000, "`" * 12_000, "<a " * 4_000, "[" * 3_000 + "](x)" * 3_000, "a." * 6_000),
        *("1." * 6_000, "я." * 6_000, "прив" * 3_000, "я.рф/" * 2_400, "1.1.1.1/" * 1_500),
        *(".com" * 3_000, "a.com" * 2_400, "a.io?" * 2_400, "a.xn--" * 2_000, "-." * 6_000),
        *("**a" * 4_000, "[](" + "()" * 6_000, "\x1b[" * 6_000, "a-" * 6_000, "http" * 3_000),
    ],
    ids=lambda text: text[:4].encode("unicode_escape").decode(),
)
def test_hostile_text_takes_no_time(text: str) -> None:
    """As much text as an answer may have, made to be slow to read, whole and in pieces."""
    began = time.process_time()
    without_markup(text)
    prose = PlainProse()
    for start in range(0, len(text), 4):
        prose.feed(text[start : start + 4])
    prose.finish()
    assert time.process_time() - began < 2


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
def test_domains_go_however_the_text_is_cut(size: int) -> None:
    """What is told part by part is what the whole text would have become."""
    text = (
        "看example.com是 短.com/x 你.рф/x evil.com/路 evil.io?你 a.page/x b.com.你 .com/x\n"
        "10.0.0.0/24的 看203.0.113.5/login。203.0.113.5/24 8.8.8.8/8.8.4.4 пример.рф/путь\n"
        "https://x.example/a 再"
    )
    prose = PlainProse()
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert "".join([*map(prose.feed, pieces), prose.finish()]) == without_markup(text)


def test_chinese_prose_is_told_as_it_comes() -> None:
    """Text without spaces does not wait for its end."""
    assert PlainProse().feed("先读第一章。然后") == "先读第一章。然后"


def test_a_plan_has_no_endless_line() -> None:
    """It is refused as a bad answer, to be asked for again."""
    with pytest.raises(ModelOutputError):
        plain_line("x" * (MAX_LINE_LENGTH + 1))
