"""Check `demand`: what the tasks ask of the learner rises.

Formula: a task demands the highest level among its verbs; a verb counts where it opens a sentence
or a clause, as an instruction does. The figure is the share of tasks that ask to apply, analyse,
evaluate or create. A verb that we do not know demands nothing.
Threshold: at least 40 % of all tasks, and from third to third of the plan the share does not
fall and is higher at the end than at the start, unless it is 100 % from the start.
Source: Anderson and Krathwohl 2001, "A Taxonomy for Learning, Teaching, and Assessing", for the
six levels; `verbs.toml` names the tables of verbs.
"""

import re
from functools import cache
from pathlib import Path
from typing import Literal

from benchmarks.plan_checks.plans import Plan
from benchmarks.plan_checks.text import sentences, without_quotations
from benchmarks.plan_checks.topics import read_toml
from benchmarks.plan_checks.verdict import Verdict, share

LEAST_SHARE = 0.4
THIRDS = 3

LevelName = Literal["remember", "understand", "apply", "analyse", "evaluate", "create"]
LEVELS: tuple[LevelName, ...] = (
    "remember", "understand", "apply", "analyse", "evaluate", "create",
)  # fmt: skip
DEMANDING_FROM = LEVELS.index("apply") + 1

_CLAUSE = re.compile(r"[,;:\u2014\u2013()]|\b(?:and|or|then|but)\b|\d\)", re.IGNORECASE)
_FIRST_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
_BEFORE_VERBS = """
then also first next now again finally slowly briefly carefully quickly only just always please once
twice later afterwards aloud
"""
_ADVERBS = frozenset(_BEFORE_VERBS.split())


@cache
def _verbs() -> tuple[dict[str, int], tuple[str, ...]]:
    table = read_toml(Path(__file__).parent / "verbs.toml")
    levels = {verb: number for number, level in enumerate(LEVELS, 1) for verb in table[level]}
    return levels, tuple(table["notes"])


def _level_of_clause(clause: str, min_words: int) -> int:
    """Return 1 to 6 for a clause that opens with a verb, else 0."""
    levels, notes = _verbs()
    words = _FIRST_WORD.findall(clause.lower())
    while words and words[0] in _ADVERBS:
        words.pop(0)
    if len(words) < min_words:
        return 0
    opening = " ".join(words)
    if any(opening.startswith(phrase) for phrase in notes):
        return levels["note"]
    return levels.get(words[0], 0)


def opens_with_verb(clause: str) -> bool:
    """Whether a clause opens with an instruction."""
    return _level_of_clause(clause, 1) > 0


@cache
def level_of(text: str) -> int:
    """Return the level that a task demands, 1 (remember) to 6 (create); 0 if no verb is known."""
    levels = [0]
    for sentence in sentences(without_quotations(text, "it")):
        first, *others = _CLAUSE.split(sentence)
        levels.append(_level_of_clause(first, 1))
        # A single word after a comma may be a noun: "time", "order".
        levels += [_level_of_clause(clause, 2) for clause in others]
    return max(levels)


def demanding_share(texts: list[str]) -> float:
    """Return the share of texts that ask to apply or for more."""
    return share(sum(level_of(text) >= DEMANDING_FROM for text in texts), len(texts))


def judge(plan: Plan) -> Verdict:
    """Judge how demanding a plan's tasks are, in all and by thirds."""
    texts = [placed.text for placed in plan.tasks]
    borders = [len(texts) * third // THIRDS for third in range(THIRDS + 1)]
    thirds = [demanding_share(texts[borders[i] : borders[i + 1]]) for i in range(THIRDS)]
    total = demanding_share(texts)
    faults = []
    if total < LEAST_SHARE:
        faults.append(f"{total:.0%} of the tasks ask to apply or for more")
    rises = thirds == sorted(thirds) and (thirds[0] < thirds[-1] or thirds[0] == 1)
    if not rises:
        faults.append("by thirds " + ", ".join(f"{third:.0%}" for third in thirds))
    return Verdict(not faults, total, tuple(faults))
