"""Check `readability`: tasks that can be read at once.

Formula: the grade level of Flesch and Kincaid over all tasks and weekly goals of a plan,
0.39 * words / sentences + 11.8 * syllables / words - 15.59. What is quoted (code, foreign words)
counts as one short word. Syllables are counted by their vowels. The items of a numbered list make
one sentence, whatever stands between them: else a list of short steps in each task would hide that
the sentences before it are too long, or that an item is.
Threshold: at most grade 10. A text that is mostly not in Latin letters is no English and is not
judged.
Source: Kincaid, Fishburne, Rogers and Chissom 1975, "Derivation of New Readability Formulas", Navy
Research Branch Report 8-75.
"""

import re
from collections.abc import Iterable

from benchmarks.plan_checks.plans import Plan
from benchmarks.plan_checks.text import sentences, syllables, without_quotations, words
from benchmarks.plan_checks.verdict import Verdict

MOST = 10.0
MIN_LATIN = 0.5

_STOP_BEFORE_ITEM = re.compile(r"[.;]\s+(?=\(?\d+[.)]\s)")


def grade(texts: Iterable[str]) -> float:
    """Return the grade level of texts; without a word it is 0."""
    plain = (_STOP_BEFORE_ITEM.sub(" ", without_quotations(text, "it")) for text in texts)
    parts = [words(part) for text in plain for part in sentences(text)]
    parts = [part for part in parts if part]
    count = sum(map(len, parts))
    if not count:
        return 0.0
    spoken = sum(syllables(word) for part in parts for word in part)
    return 0.39 * count / len(parts) + 11.8 * spoken / count - 15.59


def judge(plan: Plan) -> Verdict:
    """Judge the English of a plan."""
    texts = [placed.text for placed in plan.tasks] + [week.goal for week in plan.weeks]
    if not texts:
        return Verdict(passed=False, figure=0.0, faults=("there is nothing to read",))
    if not is_latin("".join(texts)):
        return Verdict(passed=True, figure=0.0)
    level = grade(texts)
    faults = () if level <= MOST else (f"the tasks are of grade {level:.1f}",)
    return Verdict(level <= MOST, level, faults)


def is_latin(text: str) -> bool:
    """Whether at least half of a text's letters are Latin."""
    letters = [character for character in text if character.isalpha()]
    latin = sum(character < "ɐ" for character in letters)
    return not letters or latin >= MIN_LATIN * len(letters)
