"""How a day of an offline plan is divided: the kinds of task, their order and their minutes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from src.domain.vocabulary import Category, Effort

_UNIT_MINUTES = 5
_WEIGHTS: dict[Effort, int] = {"light": 2, "medium": 3, "deep": 5}
_DEMANDING_DAY_MINUTES = 360
"""Daily time from which on a day holds one more deep task."""


@dataclass(frozen=True)
class Slot:
    """A task before it has words. Review days return to old topics and mix them with new ones."""

    category: Category
    effort: Effort
    kind: Literal["lesson", "week", "return", "mix"] = "lesson"


_SHORT: dict[str, Slot] = {
    "r": Slot("reading", "light"),
    "R": Slot("reading", "medium"),
    "v": Slot("revision", "light"),
    "V": Slot("revision", "medium"),
    "P": Slot("practice", "medium"),
    "D": Slot("practice", "deep"),
    "c": Slot("coding", "medium"),
    "C": Slot("coding", "deep"),
    "W": Slot("revision", "light", "week"),
    "B": Slot("revision", "medium", "return"),
    "b": Slot("practice", "medium", "return"),
    "M": Slot("coding", "deep", "mix"),
}

_LEARNING: dict[int, tuple[str, ...]] = {
    2: ("RC", "vD", "rc", "RC", "vC", "Pc"),
    3: ("RCP", "vRD", "vCP", "RCP", "vCP", "rPC"),
    4: ("vRCP", "rCPV", "vRCP"),
    5: ("vRCPr", "vRcDV", "rCPDV"),
    6: ("vRCPDr", "vrCPDV", "rRCPDV"),
}
"""The days of a week, by the number of tasks; a shorter row repeats.

Topics begin on days 1, 3, 4 and 5: those make something, to be practised afterwards. So does day 6,
on which the project grows.
"""

_REVIEW: dict[int, str] = {2: "BM", 3: "WBM", 4: "WBbM", 5: "WBbBM", 6: "WBbBbM"}


def learning_slots(count: int, day: int, minutes: int, *, opening: bool) -> tuple[Slot, ...]:
    """Return a learning day's tasks; a plan's opening day begins with a look at what is known."""
    patterns = _LEARNING[count]
    slots = [_SHORT[letter] for letter in patterns[(day - 1) % len(patterns)]]
    if opening:
        slots[0] = _SHORT["v"]
    if minutes >= _DEMANDING_DAY_MINUTES:
        medium = [index for index, slot in enumerate(slots) if slot.effort == "medium"]
        # One medium task stays, so that a long day is not made of extremes alone.
        for index in medium[1:2]:
            slots[index] = replace(slots[index], effort="deep")
    return tuple(slots)


def review_slots(count: int) -> tuple[Slot, ...]:
    """Return the tasks of a week's last day."""
    return tuple(_SHORT[letter] for letter in _REVIEW[count])


def minutes_of(efforts: Sequence[Effort], budget: int) -> list[int]:
    """Divide a day's minutes by effort, in steps of five; the more effort, the more minutes."""
    units = budget // _UNIT_MINUTES
    total = sum(_WEIGHTS[effort] for effort in efforts)
    shares = [max(1, units * _WEIGHTS[effort] // total) for effort in efforts]
    # What rounding left over goes to those that lost the most by it, then to the heaviest.
    by_loss = sorted(
        range(len(efforts)),
        key=lambda index: (
            shares[index] * total - units * _WEIGHTS[efforts[index]],
            -_WEIGHTS[efforts[index]],
        ),
    )
    for index in by_loss[: max(0, units - sum(shares))]:
        shares[index] += 1
    return [share * _UNIT_MINUTES for share in shares]
