"""Every text of the corpus under the rule, whole, in pieces and on one line."""

from collections import Counter

import pytest

from src.llm.openrouter.plain_text import PlainProse, plain_line, plain_text
from src.llm.openrouter.repeats import TaskRegistry
from tests.support.texts import SAMPLES, Sample

LANGUAGES = {
    *("python", "javascript", "typescript", "java", "c", "cpp", "csharp", "go", "rust", "ruby"),
    *("php", "kotlin", "swift", "haskell", "sql"),
}
OTHER_KINDS = {
    *("shell", "regex", "latex", "markdown", "table", "chemistry", "address", "control", "emoji"),
    *("right_to_left", "east_asian", "indic", "combining"),
}


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.text[:30] for sample in SAMPLES])
def test_sample(sample: Sample) -> None:
    """It comes back as it was written, but for what the rule removes."""
    prose = PlainProse()
    assert plain_text(sample.text) == sample.prose
    assert "".join([*map(prose.feed, sample.text), prose.finish()]) == sample.prose
    assert plain_line(sample.text) == sample.line


def test_corpus_is_broad() -> None:
    """It has every kind of text that people write, and each text once."""
    kinds = Counter(sample.kind for sample in SAMPLES)
    assert len(SAMPLES) >= 300
    assert kinds.keys() == LANGUAGES | OTHER_KINDS
    assert min(kinds.values()) >= 8
    assert kinds["emoji"] >= 40
    assert TaskRegistry().find_repeats([sample.line for sample in SAMPLES]) == []
    changed = [sample for sample in SAMPLES if sample.prose != sample.text]
    assert {sample.kind for sample in changed} == {"address", "control"}
