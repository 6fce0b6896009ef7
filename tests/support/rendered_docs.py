"""The documents as a reader sees them: their code blocks, links, paths and tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

_FENCE = re.compile(r"( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_INLINE_CODE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced code block, without the indentation of the list that it may stand in."""

    language: str
    text: str
    is_next: bool
    """Whether only blank lines stand between it and the block before it."""


def blocks(document: str) -> list[Block]:
    """Return the code blocks in order.

    Raises:
        ValueError: a fence is left open, or closed by one that is indented differently.
    """
    found: list[Block] = []
    end = 0
    for fence in _FENCE.finditer(document):
        between = document[end : fence.start()]
        found.append(Block(fence[2], dedent(fence[3]), not between.strip() and bool(found)))
        end = fence.end()
    if "```" in _prose(document):
        raise ValueError("a code block is not closed")
    return found


def links(document: str) -> list[str]:
    return _LINK.findall(_INLINE_CODE.sub("", _prose(document)))


def inline_code(document: str) -> list[str]:
    return _INLINE_CODE.findall(_prose(document))


def anchors(document: str) -> set[str]:
    """Return the fragments that lead to the document's headings, as GitHub makes them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(_prose(document))
    }


def table_rows(document: str, first_column: str) -> Iterator[dict[str, str]]:
    """Yield the rows of every table whose first column has this title, by the columns' titles."""
    titles: list[str] | None = None
    for line in _prose(document).splitlines():
        if not line.startswith("|"):
            titles = None
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if titles is None:
            titles = cells
        elif titles[0] == first_column and not set(cells[0]) <= set("-:"):
            yield dict(zip(titles, cells, strict=True))


def documents(root: Path) -> list[Path]:
    return [
        *(root / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *sorted(root.glob("docs/**/*.md")),
    ]


def _prose(document: str) -> str:
    return _FENCE.sub("", document)
